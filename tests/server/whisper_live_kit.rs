//! The dialect of WhisperLiveKit: its own listener, the path `/asr` of the main listener, and the client of PyPI
//! `whisperlivekit`, unmodified.

use super::{
    sockets::{self, Socket},
    timed::digits,
};
use auricle_tests::{PublishedClients, Setup, bytes, fixture, library, noise, printed, tone_segments, wav, words};
use serde_json::{Value, json};
use std::{fs, net::Shutdown};
use tungstenite::Message;

const CLIENTS: PublishedClients = PublishedClients("whisper-live-kit");

/// The main listener, and one for WhisperLiveKit only.
const LISTENERS: &str = r#"
[[listeners]]
address = "127.0.0.1:0"
[[listeners]]
address = "127.0.0.1:0"
dialects = ["whisper-live-kit"]
"#;

fn tone() -> Setup {
    Setup::new().plugin(&library("tone")).preset("english", &json!({"backend": "tone"})).settings(LISTENERS)
}

fn said(audio: &[i16]) -> Vec<String> {
    words(&tone_segments(audio, 16_000).join(" "))
}

/// A client of WhisperLiveKit.
struct Kit(Socket);

impl Kit {
    /// Connects; the HTTP status and the body if that is refused.
    fn knock(address: &str, path: &str) -> Result<Self, (u16, String)> {
        match sockets::knock(address, path, &[]) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(answer) => Err((answer.status().as_u16(), sockets::body(&answer))),
        }
    }

    /// Connects, and reads the configuration.
    fn open(address: &str, query: &str) -> Self {
        let mut kit = Self::knock(address, &format!("/asr{query}")).unwrap();
        let mode = if query.contains("mode=diff") { "diff" } else { "full" };
        assert_eq!(kit.hear(), Ok(json!({"type": "config", "useAudioWorklet": true, "mode": mode})));
        kit
    }

    fn audio(&mut self, audio: &[i16]) {
        audio.chunks(8_000).for_each(|piece| self.0.send(Message::binary(bytes(piece))).unwrap());
    }

    /// The next message; the close code if there is none.
    fn hear(&mut self) -> Result<Value, u16> {
        let message = sockets::hear(&mut self.0).map_err(|(code, _)| code)?;
        Ok(serde_json::from_str(message.to_text().unwrap()).unwrap())
    }

    /// All messages to the close, and its code.
    fn rest(&mut self) -> (Vec<Value>, u16) {
        let (messages, code, _) = sockets::rest(&mut self.0);
        (messages, code)
    }

    fn finish(mut self) -> Vec<Value> {
        self.0.send(Message::binary(Vec::new())).unwrap();
        let (mut messages, code) = self.rest();
        assert_eq!((messages.pop(), code), (Some(json!({"type": "ready_to_stop"})), 1000), "{messages:?}");
        messages
    }
}

/// The words of the lines of a result.
fn lines(result: &Value) -> Vec<String> {
    let lines = result["lines"].as_array().unwrap();
    lines.iter().flat_map(|line| words(line["text"].as_str().unwrap())).collect()
}

#[test]
fn a_stream_is_told_on_its_own_listener_and_at_its_path() {
    let host = tone().start();
    let audio = noise(1, 100_000);
    for address in [host.listener(1), host.address().to_owned()] {
        let mut client = Kit::open(&address, "");
        client.audio(&audio);
        let results = client.finish();
        let last = results.last().unwrap();
        assert_eq!((lines(last), &last["buffer_transcription"]), (said(&audio), &json!("")), "{last}");
        assert_eq!(last["status"], "active_transcription");
        let first = &last["lines"][0];
        assert_eq!(
            (&first["speaker"], &first["start"], &first["end"]),
            (&json!(1), &json!("0:00:00.00"), &json!("0:00:01.00"))
        );
        assert!(results.iter().any(|result| result["buffer_transcription"] != ""), "no partial text: {results:?}");
    }
}

#[test]
fn differences_add_up_to_the_same_lines() {
    let host = tone().start();
    let audio = noise(2, 100_000);
    let mut client = Kit::open(host.address(), "?mode=diff");
    client.audio(&audio);
    let mut heard = Vec::new();
    for (number, message) in (1..).zip(client.finish()) {
        let kind = if number == 1 { "snapshot" } else { "diff" };
        assert_eq!((&message["type"], &message["seq"]), (&json!(kind), &json!(number)));
        let new = if number == 1 { &message["lines"] } else { &message["new_lines"] };
        heard.extend(new.as_array().into_iter().flatten().flat_map(|line| words(line["text"].as_str().unwrap())));
    }
    assert_eq!(heard, said(&audio));
}

#[test]
fn what_cannot_be_done_is_refused() {
    let host = digits().settings(LISTENERS).start();
    for (query, problem) in [
        ("?mode=all", "`mode` is `all`, but must be `full` or `diff`"),
        ("?target_language=fr", "`target_language` is not supported"),
    ] {
        let (status, body) = Kit::knock(host.address(), &format!("/asr{query}")).err().unwrap();
        assert!(status == 400 && body.contains(problem), "{query}: {status} {body}");
    }
    // The languages of a model are known once it is loaded, which the first audio causes.
    let mut client = Kit::open(host.address(), "?language=de");
    client.audio(&noise(3, 8_000));
    let error = "invalid_option: `language` is `de`, but the model of preset `digits` knows: en";
    assert_eq!(client.rest(), (vec![json!({"type": "error", "error": error})], 4400));
    let mut client = Kit::open(host.address(), "");
    client.0.send(Message::text("hello")).unwrap();
    let (messages, code) = client.rest();
    assert!(messages[0]["error"].as_str().unwrap().starts_with("bad_message: a text message"), "{messages:?}");
    assert_eq!(code, 1008);
}

/// Whatever a client does after the end of its audio: it gets its last words.
#[test]
fn nothing_done_after_the_end_costs_a_word() {
    let host = tone().start();
    let audio = noise(4, 20_000);
    let heard = |after: &dyn Fn(&mut Kit)| {
        let mut client = Kit::open(&host.listener(1), "");
        client.audio(&audio);
        client.0.send(Message::binary(Vec::new())).unwrap();
        after(&mut client);
        let (messages, _) = client.rest();
        lines(&messages[messages.len() - 2])
    };
    assert_eq!(heard(&|_| {}), said(&audio));
    assert_eq!(heard(&|client| client.audio(&audio)), said(&audio));
    assert_eq!(heard(&|client| client.0.get_mut().shutdown(Shutdown::Write).unwrap()), said(&audio));
}

#[test]
fn the_published_client_works() {
    let host = digits().settings(LISTENERS).start();
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    let file = fixture("digits.wav");
    let seconds = wav(&file).1.len() as f64 / 16_000.0;
    for mode in ["full", "diff"] {
        let url = format!("ws://{}/asr", host.address());
        let Some(output) = CLIENTS.python("client.py", &[&url, file.to_str().unwrap(), mode]) else { return };
        let got: Value = serde_json::from_str(&printed(output)).unwrap();
        assert_eq!(words(got["committed"].as_str().unwrap()), spoken, "{mode}: {got}");
        assert_eq!(got["text"], got["committed"], "{mode}");
        assert!(got["updates"].as_u64().unwrap() as f64 > seconds / 4.0, "{mode}: {got}");
    }
}
