//! The dialect of Deepgram: `/v1/listen` of the main listener, and the published clients of PyPI `deepgram-sdk` and npm
//! `@deepgram/sdk`, unmodified.

use super::{
    sockets::{self, Answer, Socket},
    timed::{Timed, assert_same, digits, native_words},
};
use auricle_tests::{
    Host, PublishedClients, Setup, auricle, bytes, fixture, library, noise, printed, tone_segments, wav, words,
};
use serde_json::{Value, json};
use std::{fs, net::Shutdown};
use tungstenite::Message;

pub(crate) const CLIENTS: PublishedClients = PublishedClients("deepgram");

/// The format of the fixtures.
pub(crate) const RAW: &str = "encoding=linear16&sample_rate=16000";
pub(crate) const MODELS: &str = "[models]\n\"nova-*\" = \"english\"\n";

pub(crate) fn tone() -> Setup {
    Setup::new().plugin(&library("tone")).preset("english", &json!({"backend": "tone"})).settings(MODELS)
}

/// A client of Deepgram.
pub(crate) struct Live(pub(crate) Socket, pub(crate) Answer);

impl Live {
    pub(crate) fn connect(host: &Host, query: &str) -> Self {
        Self::knock(host, query, &[]).unwrap()
    }

    /// Connects with further headers; the response if that is refused.
    pub(crate) fn knock(host: &Host, query: &str, headers: &[(&'static str, &str)]) -> Result<Self, Box<Answer>> {
        Self::knock_at(host, &format!("/v1/listen?{query}"), headers)
    }

    /// The same at another path, which is followed by the query.
    pub(crate) fn knock_at(host: &Host, path: &str, headers: &[(&'static str, &str)]) -> Result<Self, Box<Answer>> {
        sockets::knock(host.address(), path, headers).map(|(socket, answer)| Self(socket, answer))
    }

    pub(crate) fn say(&mut self, kind: &str) {
        self.0.send(Message::text(json!({"type": kind}).to_string())).unwrap();
    }

    pub(crate) fn audio(&mut self, audio: &[i16]) {
        bytes(audio).chunks(3_200).for_each(|piece| self.0.send(Message::binary(piece.to_vec())).unwrap());
    }

    /// All messages to the close, its code and reason.
    pub(crate) fn rest(&mut self) -> (Vec<Value>, u16, String) {
        sockets::rest(&mut self.0)
    }

    pub(crate) fn finish(mut self) -> Vec<Value> {
        self.say("CloseStream");
        let (messages, code, _) = self.rest();
        assert_eq!(code, 1000, "{messages:?}");
        messages
    }
}

pub(crate) fn of<'a>(messages: &'a [Value], kind: &str) -> Vec<&'a Value> {
    messages.iter().filter(|message| message["type"] == kind).collect()
}

pub(crate) fn finals(messages: &[Value]) -> Vec<&Value> {
    of(messages, "Results").into_iter().filter(|result| result["is_final"] == true).collect()
}

fn text(result: &Value) -> &str {
    result["channel"]["alternatives"][0]["transcript"].as_str().unwrap()
}

pub(crate) fn texts(messages: &[Value]) -> Vec<String> {
    finals(messages).into_iter().flat_map(|result| words(text(result))).collect()
}

pub(crate) fn said(audio: &[i16]) -> Vec<String> {
    words(&tone_segments(audio, 16_000).join(" "))
}

/// Words of Deepgram's form.
pub(crate) fn timed_words(words: &Value) -> Vec<Timed> {
    let number = |word: &Value, key: &str| word[key].as_f64().unwrap();
    let timed = |word: &Value| {
        let text = word["punctuated_word"].as_str().unwrap().to_owned();
        (text, number(word, "start"), number(word, "end"), number(word, "confidence"))
    };
    words.as_array().unwrap().iter().map(timed).collect()
}

pub(crate) fn timed(messages: &[Value]) -> Vec<Timed> {
    let words = finals(messages).into_iter().map(|result| &result["channel"]["alternatives"][0]["words"]);
    words.flat_map(timed_words).collect()
}

/// Checks that the parts of final results are the whole audio, one after another.
pub(crate) fn assert_tiles(messages: &[Value], seconds: f64) {
    let mut end = 0.0;
    for result in finals(messages) {
        let (start, duration) = (result["start"].as_f64().unwrap(), result["duration"].as_f64().unwrap());
        assert!((start - end).abs() < 1e-6, "{result} does not begin at {end}");
        end = start + duration;
    }
    assert!((end - seconds).abs() < 0.001, "{end} is not {seconds}");
}

#[test]
fn results_tile_the_audio_and_end_with_metadata() {
    let host = tone().start();
    let audio = noise(1, 100_000);
    for (query, sends_partials) in [("&interim_results=true", true), ("&model=nova-3", false)] {
        let mut client = Live::connect(&host, &format!("{RAW}{query}&punctuate=true&no_delay=false"));
        let id = client.1.headers()["dg-request-id"].to_str().unwrap().to_owned();
        client.say("KeepAlive");
        client.audio(&audio);
        let messages = client.finish();
        assert_eq!(texts(&messages), said(&audio), "{query}");
        assert_tiles(&messages, 6.25);
        let partials = of(&messages, "Results").iter().filter(|result| result["is_final"] == false).count();
        assert_eq!(partials > 0, sends_partials, "{query}");
        for result in of(&messages, "Results") {
            assert_eq!((&result["channel_index"], &result["from_finalize"]), (&json!([0, 1]), &json!(false)));
            assert_eq!(
                (&result["metadata"]["request_id"], result["metadata"]["model_info"]["name"].as_str()),
                (&json!(id), Some("english"))
            );
            assert_eq!(result["speech_final"], result["is_final"], "an endpoint follows each segment of this engine");
        }
        let metadata = messages.last().unwrap();
        assert_eq!(
            (&metadata["type"], &metadata["duration"], &metadata["channels"]),
            (&json!("Metadata"), &json!(6.25), &json!(1))
        );
        assert_eq!((&metadata["request_id"], metadata["sha256"].as_str().unwrap().len()), (&json!(id), 64));
        assert_eq!(metadata["warnings"][0]["parameter"], "punctuate");
        assert_eq!(metadata["warnings"].as_array().unwrap().len(), 1);
    }
    assert!(
        host.get("/metrics")
            .1
            .contains("auricle_ignored_parameters_total{dialect=\"deepgram\",parameter=\"punctuate\"} 2")
    );
}

#[test]
fn words_are_those_of_the_native_protocol() {
    let host = digits().start();
    let (_, audio) = wav(&fixture("digits.wav"));
    let native = native_words(&host, &audio);
    let mut client = Live::connect(&host, &format!("{RAW}&language=en-GB&model=digits"));
    client.audio(&audio);
    let messages = client.finish();
    assert_same(&timed(&messages), &native, 0.001);
    assert_tiles(&messages, audio.len() as f64 / 16_000.0);
}

#[test]
fn finalize_reports_the_text_so_far() {
    let host = tone().start();
    let audio = noise(2, 20_000);
    let mut client = Live::connect(&host, RAW);
    client.say("Finalize");
    client.audio(&audio);
    client.say("Finalize");
    client.audio(&audio);
    // An empty message is the end, too.
    client.0.send(Message::binary(Vec::new())).unwrap();
    let (messages, code, _) = client.rest();
    assert_eq!(code, 1000);
    let marked: Vec<_> = finals(&messages).into_iter().filter(|result| result["from_finalize"] == true).collect();
    assert_eq!((marked.len(), text(marked[0]), &marked[0]["duration"]), (2, "", &json!(0.0)));
    let end = marked[1]["start"].as_f64().unwrap() + marked[1]["duration"].as_f64().unwrap();
    assert!(!text(marked[1]).is_empty() && (end - 1.25).abs() < 1e-6, "{marked:?}");
    assert_eq!(texts(&messages), [said(&audio), said(&audio)].concat());
    assert_tiles(&messages, 2.5);
}

#[test]
fn speech_and_its_end_are_reported_if_they_are_asked_for() {
    let host = digits().start();
    let (_, mut audio) = wav(&fixture("digits.wav"));
    audio.extend([0; 48_000]);
    let mut client = Live::connect(&host, &format!("{RAW}&vad_events=true&utterance_end_ms=1000&interim_results=true"));
    client.audio(&audio);
    let messages = client.finish();
    let last_word = timed(&messages).last().unwrap().2;
    let ends: Vec<_> = of(&messages, "UtteranceEnd").iter().map(|end| end["last_word_end"].as_f64().unwrap()).collect();
    assert!(ends.last().is_some_and(|end| (end - last_word).abs() < 0.001), "{ends:?} {last_word}");
    assert!(ends.is_sorted_by(|one, two| one < two), "{ends:?}");
    let started = of(&messages, "SpeechStarted");
    assert!(!started.is_empty() && started[0]["channel"] == json!([0, 1]) && started[0]["timestamp"].is_f64());
    let mut client = Live::connect(&host, RAW);
    client.audio(&audio);
    let messages = client.finish();
    assert!(of(&messages, "UtteranceEnd").is_empty() && of(&messages, "SpeechStarted").is_empty());
}

#[test]
fn audio_may_be_in_other_formats() {
    let host = tone().start();
    let audio = noise(3, 40_000);
    let floats: Vec<u8> = audio.iter().flat_map(|sample| (f32::from(*sample) / 32_768.0).to_le_bytes()).collect();
    let mut client = Live::connect(&host, "encoding=linear32&sample_rate=16000");
    client.0.send(Message::binary(floats)).unwrap();
    assert_eq!(texts(&client.finish()), said(&audio));
    let stereo: Vec<i16> = audio.iter().flat_map(|sample| [*sample, *sample]).collect();
    let mut client = Live::connect(&host, &format!("{RAW}&channels=2"));
    client.audio(&stereo);
    let messages = client.finish();
    assert_eq!((texts(&messages), &messages.last().unwrap()["channels"]), (said(&audio), &json!(2)));
}

#[test]
fn what_cannot_be_done_is_refused_before_the_handshake() {
    let host = digits().settings("").start();
    for (query, problem) in [
        ("encoding=linear16", "`sample_rate` is required"),
        ("encoding=speex&sample_rate=16000", "`encoding` is `speex`"),
        (&format!("{RAW}&redact=pci"), "`redact` is not supported"),
        (&format!("{RAW}&diarize=true"), "`diarize` is not supported"),
        (&format!("{RAW}&model=nova-3"), "there is no model `nova-3`"),
        (&format!("{RAW}&keyterm=one"), "a preset that opens `keyterms`"),
        (&format!("{RAW}&channels=9&multichannel=true"), "`channels` is 9"),
    ] {
        let answer = Live::knock(&host, query, &[]).err().unwrap();
        let body: Value = serde_json::from_slice(answer.body().as_ref().unwrap()).unwrap();
        let message = body["err_msg"].as_str().unwrap();
        assert!(answer.status() == 400 && message.contains(problem), "{query}: {body}");
        assert_eq!(body["err_code"], "INVALID_QUERY_PARAMETER");
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(
            (header("dg-error"), json!(header("dg-request-id"))),
            (message.to_owned(), body["request_id"].clone())
        );
    }
    assert!(host.get("/metrics").1.contains("auricle_refusals_total{reason=\"unknown_preset\"} 1"));
    // Whether the model has the language is known when it is loaded.
    let mut client = Live::connect(&host, &format!("{RAW}&language=de"));
    client.audio(&[0; 1_600]);
    let (messages, code, reason) = client.rest();
    assert_eq!((messages.len(), code), (0, 1008));
    assert!(reason.starts_with("invalid_option: `language` is `de`"), "{reason}");
}

#[test]
fn keyterms_reach_the_engine() {
    let preset = fs::read_to_string(auricle_tests::models().join("../configs/presets/digits.json")).unwrap();
    let mut preset: Value = serde_json::from_str(&preset).unwrap();
    preset["host"]["open"] = json!(["hotwords"]);
    let host = digits().preset("digits", &preset).start();
    let mut client = Live::connect(&host, &format!("{RAW}&keyterm=seven&keywords=one:2"));
    client.audio(&[0; 1_600]);
    // This search has no beam, so the engine does not take them.
    let (_, code, reason) = client.rest();
    assert!(code == 1008 && reason.starts_with("invalid_option: ") && reason.contains("hotwords"), "{reason}");
}

#[test]
fn silence_and_bad_messages_have_deepgrams_codes() {
    let host = tone().settings(&format!("{MODELS}[timeouts]\nstart_seconds = 0.3\n")).start();
    let (messages, code, reason) = Live::connect(&host, RAW).rest();
    assert_eq!((messages.len(), code), (0, 1011));
    assert!(reason.starts_with("Deepgram did not receive audio data") && reason.ends_with("net0001"), "{reason}");
    let mut client = Live::connect(&host, RAW);
    client.say("Hello");
    let (messages, code, _) = client.rest();
    assert_eq!((&messages[0]["type"], &messages[0]["variant"], code), (&json!("Error"), &json!("SchemaError"), 1008));
    let mut client = Live::connect(&host, RAW);
    client.0.send(Message::text(r#"{"type":"Configure","keyterms":["a"]}"#)).unwrap();
    client.0.send(Message::text(r#"{"type":"Configure","features":{"numerals":true}}"#)).unwrap();
    let kinds: Vec<_> = client.finish().iter().map(|message| message["type"].clone()).collect();
    assert_eq!(kinds, ["ConfigureFailure", "ConfigureSuccess", "Metadata"]);
}

/// Whatever a client does after `CloseStream`: it gets its last words.
#[test]
fn nothing_done_after_the_end_costs_a_word() {
    let slow = json!({"backend": "faulty", "fault": "sleep", "at": "finish", "seconds": 0.4});
    let host = Setup::new().plugin(&library("faulty")).preset("slow", &slow).start();
    let audio = noise(7, 20_000);
    let said = |after: &dyn Fn(&mut Live)| {
        let mut client = Live::connect(&host, RAW);
        client.audio(&audio);
        client.say("CloseStream");
        after(&mut client);
        let messages = client.rest().0;
        assert_eq!(messages.last().unwrap()["type"], "Metadata");
        texts(&messages)
    };
    let expected = said(&|_| {});
    assert!(!expected.is_empty());
    assert_eq!(said(&|client| client.audio(&audio)), expected);
    assert_eq!(said(&|client| client.say("KeepAlive")), expected);
    assert_eq!(said(&|client| client.0.get_mut().shutdown(Shutdown::Write).unwrap()), expected);
    assert_eq!(said(&|client| client.0.close(None).unwrap()), expected, "a close before the last words");
    // A client that is gone does no harm.
    let mut client = Live::connect(&host, RAW);
    client.audio(&audio);
    client.say("CloseStream");
    drop(client);
    host.wait_for("the end of the stream", || host.json("/v1/streams")["streams"].as_array().unwrap().is_empty());
    assert_eq!(said(&|_| {}), expected);
}

pub(crate) fn with_key() -> (Host, String) {
    keyed(digits())
}

/// A server with these presets, and a key.
pub(crate) fn keyed(setup: Setup) -> (Host, String) {
    let keys = setup.path("configs/keys.toml");
    fs::write(&keys, "").unwrap();
    let output = auricle().args(["key", "add", "alice", "--file"]).arg(&keys).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let key = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    (setup.settings("keys = \"keys.toml\"\n[models]\n\"nova-*\" = \"digits\"\n").start(), key)
}

#[test]
fn a_key_may_be_in_all_places_of_deepgram() {
    let (host, key) = with_key();
    let (token, bearer, offered) = (format!("Token {key}"), format!("Bearer {key}"), format!("token, {key}"));
    for header in [("authorization", token.as_str()), ("authorization", &bearer), ("sec-websocket-protocol", &offered)]
    {
        let client = Live::knock(&host, RAW, &[header]).unwrap();
        let chosen = client.1.headers().get("sec-websocket-protocol").map(|name| name.to_str().unwrap());
        assert_eq!(chosen, (header.0 != "authorization").then_some("token"));
    }
    for headers in [&[][..], &[("authorization", "Token x")], &[("sec-websocket-protocol", "token, x")]] {
        let answer = Live::knock(&host, RAW, headers).err().unwrap();
        let body: Value = serde_json::from_slice(answer.body().as_ref().unwrap()).unwrap();
        assert_eq!((answer.status().as_u16(), &body["err_code"]), (401, &json!("INVALID_AUTH")), "{headers:?}");
    }
}

/// Runs a published client with the recording of the digits.
pub(crate) fn published(program: &str, how: &str, host: &Host, key: &str, options: Value) -> Option<Value> {
    let (file, options) = (fixture("digits.wav"), options.to_string());
    let args = [how, host.address(), key, file.to_str().unwrap(), &options];
    let ran = if program.ends_with(".py") { CLIENTS.python(program, &args) } else { CLIENTS.node(program, &args) };
    Some(serde_json::from_str(printed(ran?).trim()).unwrap())
}

#[test]
fn the_published_clients_get_all_words() {
    let (host, key) = with_key();
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    let options = json!({
        "model": "nova-3", "language": "en", "channels": 1, "interim_results": true, "punctuate": true, "smart_format": false,
        "vad_events": true, "utterance_end_ms": 1000, "endpointing": 300,
    });
    for (program, how) in [("client.py", "waits"), ("client.py", "leaves"), ("client.mjs", "waits")] {
        let Some(got) = published(program, how, &host, &key, options.clone()) else { continue };
        assert_eq!(got["errors"], json!([]), "{program} {how}: {got}");
        let messages = got["messages"].as_array().unwrap();
        assert_eq!(texts(messages), spoken, "{program} {how}");
        assert_eq!(messages.last().unwrap()["type"], "Metadata", "{program} {how}");
        assert!(finals(messages).iter().any(|result| result["from_finalize"] == true), "{program} {how}");
    }
}

#[test]
fn the_published_client_is_told_of_a_refusal() {
    let (host, key) = with_key();
    for (key, options, status) in [
        ("unknown", json!({"model": "nova-3"}), 401),
        (&key, json!({"model": "absent"}), 400),
        (&key, json!({"model": "nova-3", "diarize": true}), 400),
    ] {
        let Some(got) = published("client.py", "waits", &host, key, options) else { return };
        assert_eq!(got, json!({"status": status}));
    }
}
