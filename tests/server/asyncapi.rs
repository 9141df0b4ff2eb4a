//! Compares the protocol's document with real traffic: every message must be as `docs/asyncapi.yaml` describes it, and
//! every message in the document must have occurred.

use auricle_dialects::native::{
    codes::{PUBLISHED, close_code},
    messages::{ClientMessage, ServerEvent},
};
use auricle_tests::{Client, Host, Setup, bytes, fixture, library, noise, stage_library, staged, wav};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::Path};

fn document() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/asyncapi.yaml");
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn host() -> Host {
    let tone = json!({"backend": "tone", "host": {"open": ["lan", "segment_chunks", "work"]}});
    let stage = json!({"stage": "silence-turn", "vad": "energy", "silence_seconds": 0.6, "eager_seconds": 0.2, "update_seconds": 0.3});
    Setup::new()
        .plugin(&library("tone"))
        .plugin(&stage_library("silence-turn"))
        .preset("turns", &json!({"backend": "tone", "stages": [stage]}))
        .plugin(&staged("pocketsphinx.engine"))
        .preset("tone", &tone)
        .preset("warns", &json!({"backend": "tone", "host": {"unsupported": "warn"}}))
        .preset("english", &json!({"backend": "pocketsphinx", "model": "en-us"}))
        .settings("[limits]\nreport_lag_seconds = 0.5")
        .start()
}

/// The messages sent and received on some connections.
#[derive(Default)]
struct Traffic {
    said: Vec<Value>,
    heard: Vec<Value>,
}

impl Traffic {
    fn take(&mut self, client: Client) {
        self.said.extend(client.said);
        self.heard.extend(client.heard);
    }
}

/// Conversations with all messages.
fn converse(host: &Host) -> Traffic {
    let mut traffic = Traffic::default();

    let (rate, speech) = wav(&fixture("demo.wav"));
    let mut client = Client::open(host, "english", json!({"pace": "file", "format": "s16le", "sample_rate": rate}));
    client.audio_in_frames(&bytes(&speech), 3_200);
    client.finish();
    traffic.take(client);

    let stereo = json!({"channels": 2, "channel": 1, "format": "f32le", "options": {"lan": "de", "segment_chunks": 3}});
    let mut client = Client::open(host, "tone", stereo);
    client.audio(&[0; 64_000]);
    client.say(&json!({"type": "flush"}));
    client.until("flushed");
    client.say(&json!({"type": "reset"}));
    client.until("ready");
    client.finish();
    traffic.take(client);

    let mut client = Client::open(host, "tone", json!({"channels": 2, "multichannel": true}));
    client.audio(&[0; 64_000]);
    client.finish();
    traffic.take(client);

    let mut client = Client::open(host, "warns", json!({"options": {"keyterms": ["Auricle"]}}));
    client.finish();
    traffic.take(client);

    let mut client = Client::open(host, "tone", json!({"resume": true}));
    client.audio(&[0; 32_000]);
    client.until("ack");
    let (stream, token) = (client.heard[0]["stream"].clone(), client.heard[0]["resume"]["token"].clone());
    client.say(&json!({"type": "ack", "seq": 0}));
    traffic.said.append(&mut client.said);
    traffic.heard.append(&mut client.heard);
    client.vanish();
    let mut client = Client::connect(host);
    client.say(&json!({"type": "resume", "stream": stream, "token": token, "last_seq": 0}));
    client.until("resumed");
    client.finish();
    traffic.take(client);

    let mut client = Client::open(host, "turns", json!({"pace": "file"}));
    let silence = vec![0; 6_400];
    client.audio(&bytes(&[noise(1, 16_000), silence.clone(), noise(2, 9_600), silence.clone(), silence].concat()));
    client.say(&json!({"type": "end_turn"}));
    client.until("turn_ended");
    client.finish();
    traffic.take(client);

    // Every chunk takes much longer than its audio: the stream falls behind and reports it.
    let mut client = Client::open(host, "tone", json!({"options": {"work": 20_000}}));
    client.audio(&bytes(&noise(1, 48_000)));
    client.until("lag");
    client.say(&json!({"type": "start", "preset": "tone"}));
    client.fails("bad_message", 4400);
    traffic.take(client);

    let mut client = Client::open(host, "tone", json!({}));
    host.signal("TERM");
    client.until("going_away");
    client.finish();
    traffic.take(client);
    traffic
}

#[test]
fn real_traffic_is_as_documented() {
    let document = document();
    let messages = document["components"]["messages"].as_object().unwrap();
    let traffic = converse(&host());
    let mut seen = BTreeSet::new();
    for message in traffic.said.iter().chain(&traffic.heard) {
        let name = message["type"].as_str().unwrap();
        let reference = format!("#/components/messages/{name}/payload");
        let schema = json!({"$ref": reference, "components": document["components"]});
        let validator = jsonschema::validator_for(&schema).unwrap();
        let problems: Vec<_> = validator.iter_errors(message).map(|problem| problem.to_string()).collect();
        assert!(problems.is_empty(), "{message}: {problems:?}");
        seen.insert(name.to_owned());
    }
    // `audio` is the binary frame. A `gap` needs a crashed worker and more audio to repeat than is kept, `restarted` an engine that
    // falls silent; no conversation here causes one.
    let documented: BTreeSet<_> =
        messages.keys().filter(|name| !["audio", "gap", "restarted"].contains(&name.as_str())).cloned().collect();
    assert_eq!(seen, documented);
    assert!(traffic.heard.iter().any(|event| event["type"] == "segment" && event["words"].is_array()));
}

/// The types in the code: the parser lists them in its error for an unknown type.
fn known_types<T: DeserializeOwned>() -> Vec<String> {
    let problem = serde_json::from_value::<T>(json!({"type": "?"})).err().unwrap().to_string();
    problem.split('`').skip(3).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_message_of_the_code_is_documented() {
    let document = document();
    let mut documented: BTreeSet<_> = document["components"]["messages"].as_object().unwrap().keys().cloned().collect();
    documented.remove("audio");
    let refusal = ClientMessage::parse(r#"{"type": "?"}"#).unwrap_err().message;
    let mut known: Vec<_> = refusal.split('`').skip(3).step_by(2).map(str::to_owned).collect();
    assert_eq!(known.pop().as_deref(), Some("?"));
    known.extend(known_types::<ServerEvent>());
    assert_eq!(BTreeSet::from_iter(known), documented);
}

#[test]
fn the_tables_of_codes_are_complete() {
    let document = document();
    let codes = document["info"]["x-close-codes"].as_object().unwrap();
    assert_eq!(codes.len(), PUBLISHED.len());
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol.md")).unwrap();
    for &code in PUBLISHED {
        assert_eq!(codes[&code.name()], close_code(code), "{code}");
        let row = format!("| `{code}` | {} |", close_code(code));
        assert!(page.contains(&row), "docs/protocol.md lacks {row}");
    }
}
