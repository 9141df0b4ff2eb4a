//! The dialect of moshi-server: its own listener, the path `/api/asr-streaming` of the main listener, and what the script of its
//! makers does.

use super::{
    sockets::{self, Socket},
    timed::digits,
};
use auricle_tests::{Host, PublishedClients, Setup, auricle, fixture, library, noise, printed, tone_segments, words};
use serde_json::{Value, json};
use std::{fs, path::Path};
use tungstenite::Message;

const CLIENTS: PublishedClients = PublishedClients("moshi");

/// The main listener, and one for moshi only.
const LISTENERS: &str = r#"
[[listeners]]
address = "127.0.0.1:0"
[[listeners]]
address = "127.0.0.1:0"
dialects = ["moshi"]
"#;

fn tone() -> Setup {
    Setup::new().plugin(&library("tone")).preset("english", &json!({"backend": "tone"})).settings(LISTENERS)
}

fn said(audio: &[i16]) -> Vec<String> {
    words(&tone_segments(audio, 16_000).join(" "))
}

/// A client of moshi.
struct Live(Socket);

impl Live {
    /// Connects, with a key in the header; the HTTP status if that is refused.
    fn knock(address: &str, query: &str, key: Option<&str>) -> Result<Self, u16> {
        let headers: Vec<_> = key.map(|key| ("kyutai-api-key", key)).into_iter().collect();
        let connected = sockets::knock(address, &format!("/api/asr-streaming?{query}"), &headers);
        connected.map(|(socket, _)| Self(socket)).map_err(|answer| answer.status().as_u16())
    }

    /// Connects, and reads the greeting.
    fn open(address: &str) -> Self {
        let mut client = Self::knock(address, "sample_rate=16000", None).unwrap();
        assert_eq!(client.hear(), Ok(json!({"type": "Ready"})));
        client
    }

    fn say(&mut self, message: &Value) {
        self.0.send(Message::binary(rmp_serde::to_vec(message).unwrap())).unwrap();
    }

    fn audio(&mut self, audio: &[i16]) {
        for piece in audio.chunks(1_920) {
            let pcm: Vec<f32> = piece.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
            self.say(&json!({"type": "Audio", "pcm": pcm}));
        }
    }

    /// The next message; the close code if there is none.
    fn hear(&mut self) -> Result<Value, u16> {
        let message = sockets::hear(&mut self.0).map_err(|(code, _)| code)?;
        assert!(message.is_binary(), "{message:?}");
        Ok(rmp_serde::from_slice(&message.into_data()).unwrap())
    }

    /// All messages to one of this type, which is the last.
    fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut messages = Vec::new();
        while messages.last().is_none_or(|last: &Value| last["type"] != kind) {
            messages.push(self.hear().unwrap());
        }
        messages
    }

    /// All messages to the answer to a marker.
    fn marked(&mut self, id: i64) -> Vec<Value> {
        self.say(&json!({"type": "Marker", "id": id}));
        let messages = self.until("Marker");
        assert_eq!(messages.last().unwrap()["id"], id);
        messages
    }

    /// The message before the close, and its code.
    fn failed(&mut self) -> (String, u16) {
        let error = self.until("Error").pop().unwrap();
        (error["message"].as_str().unwrap().to_owned(), self.hear().unwrap_err())
    }
}

fn texts(messages: &[Value]) -> Vec<String> {
    messages.iter().filter_map(|message| message["text"].as_str()).flat_map(words).collect()
}

#[test]
fn words_come_before_the_marker_behind_their_audio() {
    let host = tone().start();
    let (first, second) = (noise(1, 100_000), noise(2, 30_000));
    for address in [host.listener(1), host.address().to_owned()] {
        let mut client = Live::open(&address);
        assert_eq!(client.marked(7), [json!({"type": "Marker", "id": 7})], "there is no audio");
        client.audio(&first);
        let told = client.marked(-1);
        assert_eq!(texts(&told), said(&first));
        let of = |kind: &str| told.iter().filter(|message| message["type"] == kind).count();
        assert!(of("Word") > 0 && of("Word") == of("EndWord"), "{told:?}");
        client.audio(&second);
        assert_eq!(texts(&client.marked(2)), said(&second));
    }
}

#[test]
fn steps_tell_how_much_is_processed() {
    let host = tone().start();
    let mut client = Live::open(host.address());
    client.audio(&noise(3, 32_000));
    let told = client.marked(0);
    let steps: Vec<_> = told.iter().filter_map(|message| message["step_idx"].as_u64()).collect();
    assert!(steps.is_sorted_by(|one, two| one < two), "{steps:?}");
    // The last message of audio is not told: 16 of 1,920 samples at 16 kHz came before it.
    assert_eq!(steps.last(), Some(&(16 * 1_920 / 1_280)), "{steps:?}");
}

#[test]
fn another_stream_may_follow_also_as_a_file() {
    let host = tone().start();
    let audio = noise(4, 20_000);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/audio/src/file/testdata");
    let file = fs::read(folder.join("tone.opus")).unwrap();
    let heard = |client: &mut Live| {
        client.until("Ready");
        for piece in file.chunks(700) {
            client.say(&json!({"type": "OggOpus", "data": piece}));
        }
        client.say(&json!({"type": "Init"}));
        texts(&client.until("Ready"))
    };
    let mut client = Live::open(host.address());
    client.audio(&audio);
    client.say(&json!({"type": "Init"}));
    assert_eq!(texts(&client.until("Ready")), said(&audio));
    client.say(&json!({"type": "Init"}));
    let told = heard(&mut client);
    assert!(!told.is_empty());
    assert_eq!(heard(&mut Live::knock(host.address(), "", None).unwrap()), told);
}

#[test]
fn bad_messages_end_the_connection() {
    let host = tone().start();
    assert_eq!(Live::knock(host.address(), "sample_rate=1", None).err(), Some(400));
    for (message, problem) in [
        (Message::text("Init"), "bad_message: a text message"),
        (Message::binary(Vec::new()), "bad_message: not a message of moshi"),
        (Message::binary(rmp_serde::to_vec(&json!({"type": "End"})).unwrap()), "`type` is `End`"),
    ] {
        let mut client = Live::open(host.address());
        client.0.send(message).unwrap();
        let (message, code) = client.failed();
        assert!(message.contains(problem) && code == 1008, "{message} {code}");
    }
    let mut client = Live::open(host.address());
    client.audio(&[0; 100]);
    client.say(&json!({"type": "OggOpus", "data": [1]}));
    assert!(client.failed().0.contains("`Audio` and `OggOpus` in one stream"));
}

/// A server with a key.
fn with_key() -> (Host, String) {
    let setup = digits();
    let keys = setup.path("configs/keys.toml");
    fs::write(&keys, "").unwrap();
    let output = auricle().args(["key", "add", "alice", "--file"]).arg(&keys).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let key = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    (setup.settings("keys = \"keys.toml\"\n").start(), key)
}

#[test]
fn a_key_may_be_in_the_places_of_moshi() {
    let (host, key) = with_key();
    assert!(Live::knock(host.address(), "", Some(&key)).is_ok());
    assert!(Live::knock(host.address(), &format!("auth_id={key}"), None).is_ok());
    for (query, header) in [("", None), ("", Some("unknown")), ("auth_id=unknown", None)] {
        assert_eq!(Live::knock(host.address(), query, header).err(), Some(401), "{query} {header:?}");
    }
}

#[test]
fn what_the_script_of_its_makers_does_works() {
    let (host, key) = with_key();
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    let url = format!("ws://{}/api/asr-streaming", host.address());
    let file = fixture("digits.wav");
    let Some(ran) = CLIENTS.python("client.py", &[&url, &key, file.to_str().unwrap()]) else { return };
    let told: Vec<(String, f64, f64)> = serde_json::from_str(&printed(ran)).unwrap();
    let texts: Vec<_> = told.iter().map(|(text, ..)| text.clone()).collect();
    assert_eq!(texts, spoken);
    assert!(told.is_sorted_by(|one, two| one.1 < one.2 && one.2 <= two.1 + 0.001), "{told:?}");
    // A second of silence comes first.
    assert!(told[0].1 >= 1.0, "{told:?}");
}
