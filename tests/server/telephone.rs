//! The dialect of telephone calls: its own listener, and `/telephone/handler` and `/telephone/incoming` of the main listener, with the
//! messages of Twilio's media streams.

use super::{
    page::request,
    sockets::{self, Socket},
    timed::digits,
};
use auricle_tests::{Client, Host, Setup, auricle, bytes, library, noise, words};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::fs;
use tungstenite::Message;

/// The main listener, and one for calls only.
const LISTENERS: &str = r#"
[[listeners]]
address = "127.0.0.1:0"
[[listeners]]
address = "127.0.0.1:0"
dialects = ["telephone"]
"#;

fn tone() -> Setup {
    let preset = json!({"backend": "tone"});
    let setup = Setup::new().plugin(&library("tone")).preset("english", &preset).preset("other", &preset);
    setup.settings(&format!("{LISTENERS}[dialects.telephone]\npreset = \"english\"\n"))
}

/// A call.
struct Call(Socket);

impl Call {
    fn connect(address: &str, query: &str) -> Self {
        Self(sockets::knock(address, &format!("/telephone/handler{query}"), &[]).unwrap().0)
    }

    fn say(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).unwrap();
    }

    /// What Twilio sends at the start of a call.
    fn start(&mut self, parameters: &Value) {
        self.say(&json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}));
        let format = json!({"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1});
        let start = json!({
            "accountSid": "AC1", "streamSid": "MZ1", "callSid": "CA1", "tracks": ["inbound"], "mediaFormat": format,
            "customParameters": parameters,
        });
        self.say(&json!({"event": "start", "sequenceNumber": "1", "start": start, "streamSid": "MZ1"}));
    }

    /// Sends mu-law in frames of 20 ms.
    fn audio(&mut self, audio: &[u8], track: &str) {
        for (number, frame) in audio.chunks(160).enumerate() {
            let media = json!({"track": track, "chunk": number.to_string(), "payload": BASE64_STANDARD.encode(frame)});
            self.say(&json!({"event": "media", "media": media, "streamSid": "MZ1"}));
        }
    }

    /// All messages to the close, and its code.
    fn rest(&mut self) -> (Vec<Value>, u16) {
        let (messages, code, _) = sockets::rest(&mut self.0);
        (messages, code)
    }

    fn finish(mut self) -> Vec<Value> {
        self.say(&json!({"event": "stop", "stop": {"callSid": "CA1"}, "streamSid": "MZ1"}));
        let (messages, code) = self.rest();
        assert_eq!(code, 1000, "{messages:?}");
        messages
    }
}

/// What the native protocol tells of mu-law.
fn native(host: &Host, audio: &[u8]) -> Vec<String> {
    let mut client = Client::open(host, "english", json!({"format": "mulaw", "sample_rate": 8_000}));
    client.audio_in_frames(audio, 8_000);
    words(&client.finish().join(" "))
}

#[test]
fn a_call_is_told_on_its_own_listener_and_at_its_path() {
    let host = tone().start();
    let audio = bytes(&noise(1, 30_000));
    let expected = native(&host, &audio);
    assert!(!expected.is_empty());
    for address in [host.listener(1), host.address().to_owned()] {
        let mut call = Call::connect(&address, "");
        call.say(&json!({"event": "ping"}));
        call.start(&json!({}));
        call.audio(&audio[..20_000], "inbound");
        // What the caller hears is not what was said.
        call.audio(&audio, "outbound");
        call.say(&json!({"event": "mark", "streamSid": "MZ1", "mark": {"name": "a"}}));
        call.audio(&audio[20_000..], "inbound");
        let messages = call.finish();
        assert_eq!(messages[0], json!({"event": "pong"}));
        let last = messages.last().unwrap();
        assert_eq!((&last["event"], &last["streamSid"]), (&json!("output"), &json!("MZ1")));
        assert_eq!(words(last["full_transcript"].as_str().unwrap()), expected);
        let segments = last["segments"].as_array().unwrap();
        let texts: Vec<_> = segments.iter().flat_map(|text| words(text["text"].as_str().unwrap())).collect();
        assert_eq!(texts, expected);
        assert!(segments.iter().all(|text| text["start"].as_f64() < text["end"].as_f64()), "{segments:?}");
    }
}

#[test]
fn a_call_may_name_its_preset() {
    let host = tone().start();
    let mut call = Call::connect(host.address(), "");
    call.start(&json!({"preset": "other"}));
    host.wait_for("the stream", || host.json("/v1/streams")["streams"][0]["preset"] == "other");
    call.finish();
    let mut call = Call::connect(host.address(), "");
    call.start(&json!({"preset": "absent"}));
    let (messages, code) = call.rest();
    assert_eq!((&messages[0]["status"], &messages[0]["meta"]["error"]), (&json!("failed"), &json!("unknown_preset")));
    assert_eq!(code, 1008);
}

#[test]
fn what_is_no_call_is_refused() {
    let host = tone().start();
    let media = json!({"event": "media", "media": {"payload": "AA=="}});
    let start = |encoding: &str| {
        let format = json!({"encoding": encoding, "sampleRate": 8000});
        json!({"event": "start", "streamSid": "MZ1", "start": {"mediaFormat": format}})
    };
    let garbled = json!({"event": "media", "media": {"payload": "A!"}});
    for (messages, problem) in [
        (vec![media], "`media` before `start`"),
        (vec![start("audio/opus")], "is `audio/opus`, which is not supported"),
        (vec![start("audio/x-alaw"), garbled], "`payload` must be base64"),
        (vec![start("audio/x-l16"), start("audio/x-l16")], "a second `start`"),
        (vec![json!({"event": "start"})], "missing field `streamSid`"),
    ] {
        let mut call = Call::connect(host.address(), "");
        messages.iter().for_each(|message| call.say(message));
        let (told, code) = call.rest();
        assert!(told[0]["meta"]["message"].as_str().unwrap().contains(problem) && code == 1008, "{told:?} {code}");
    }
    let mut call = Call::connect(host.address(), "");
    call.0.send(Message::binary(vec![0; 160])).unwrap();
    assert_eq!(call.rest().1, 1008);
}

#[test]
fn an_incoming_call_is_told_where_to_connect() {
    let setup = digits();
    let keys = setup.path("configs/keys.toml");
    fs::write(&keys, "").unwrap();
    let output = auricle().args(["key", "add", "alice", "--file"]).arg(&keys).output().unwrap();
    let key = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let host = setup.settings(&format!("keys = \"keys.toml\"\n{LISTENERS}")).start();
    for address in [host.address().to_owned(), host.listener(1)] {
        let answer = request(&address, "POST", &format!("/telephone/incoming?key={key}"), "");
        let stream = format!("<Connect><Stream url=\"wss://{address}/telephone/handler\" /></Connect>");
        assert!(answer.status == 200 && answer.body.contains(&stream), "{} {}", answer.status, answer.body);
        let refused = request(&address, "POST", "/telephone/incoming", "");
        let body: Value = serde_json::from_str(&refused.body).unwrap();
        assert_eq!((refused.status, &body["meta"]["error"]), (401, &json!("unauthorized")));
        Call::connect(&address, &format!("?key={key}")).finish();
    }
}
