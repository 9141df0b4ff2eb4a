//! The official clients of OpenAI for Python and JavaScript, unmodified, and the keys in all places where clients put
//! them.

use super::{
    super::{
        timed::{conversation, digits},
        tls::self_signed,
    },
    live::{COMPLETED, INTENT, Live, check, of},
    tone,
};
use auricle_tests::{Host, PublishedClients, Setup, auricle, fixture, library, printed, words};
use serde_json::{Value, json};
use std::fs;

const CLIENTS: PublishedClients = PublishedClients("openai");

/// A server with the digits' model as every `gpt-*`, and a key. With `tls`, clients must trust `server-ca.pem`.
fn with_key(tls: bool) -> (Host, String) {
    keyed(digits(), "digits", tls)
}

/// The same with another preset.
fn keyed(setup: Setup, preset: &str, tls: bool) -> (Host, String) {
    let keys = setup.path("configs/keys.toml");
    fs::write(&keys, "").unwrap();
    let output = auricle().args(["key", "add", "alice", "--preset", preset, "--file"]).arg(&keys).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let key = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    self_signed(&setup.path("configs"), "server");
    let tls = if tls { "[tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\n" } else { "" };
    let settings = format!("keys = \"keys.toml\"\n[models]\n\"gpt-*\" = \"{preset}\"\n\"closed\" = \"tone\"\n{tls}");
    let setup = setup.plugin(&library("tone")).preset("tone", &json!({"backend": "tone"}));
    (setup.settings(&settings).start(), key)
}

#[test]
fn a_key_may_be_in_all_places_of_openai() {
    let (host, key) = with_key(false);
    let (bearer, offered) = (format!("Bearer {key}"), format!("realtime, openai-insecure-api-key.{key}"));
    let beta = format!("{offered}, openai-beta.realtime-v1");
    for headers in [
        [("authorization", bearer.as_str()), ("openai-beta", "realtime=v1")],
        [("sec-websocket-protocol", offered.as_str()), ("x-nothing", "")],
        [("sec-websocket-protocol", beta.as_str()), ("x-nothing", "")],
    ] {
        let mut live = Live::knock(&host, INTENT, &headers).unwrap();
        let chosen = live.answer.headers().get("sec-websocket-protocol").map(|name| name.to_str().unwrap());
        assert_eq!(chosen, (headers[0].0 != "authorization").then_some("realtime"));
        assert_eq!(live.next()["session"]["audio"]["input"]["transcription"]["model"], "digits");
    }
    let mut live = Live::connect(&host, &format!("{INTENT}&key={key}"));
    let update = json!({"audio": {"input": {"transcription": {"model": "closed"}}}});
    let error = live.refused(&json!({"type": "session.update", "session": update}));
    assert_eq!(error["code"], "model_not_found", "the key does not allow the preset");
    for headers in [
        &[][..],
        &[("authorization", "Bearer x")],
        &[("sec-websocket-protocol", "realtime, openai-insecure-api-key.x")],
    ] {
        let answer = Live::knock(&host, INTENT, headers).err().unwrap();
        let body: Value = serde_json::from_slice(answer.body().as_ref().unwrap()).unwrap();
        assert_eq!((answer.status().as_u16(), &body["error"]["code"]), (401, &json!("invalid_api_key")), "{headers:?}");
    }
    let answer = Live::knock(&host, &format!("model=closed&key={key}"), &[]).err().unwrap();
    assert_eq!(answer.status(), 404);
}

/// A script cannot read the answer to a handshake.
#[test]
fn a_web_page_without_a_key_is_told_at_once() {
    let setup = tone();
    fs::write(setup.path("configs/keys.toml"), "").unwrap();
    let host = setup.settings("keys = \"keys.toml\"\norigins = [\"https://app.example\"]\n").start();
    let headers =
        [("origin", "https://app.example"), ("sec-websocket-protocol", "realtime, openai-insecure-api-key.x")];
    let mut live = Live::knock(&host, INTENT, &headers).unwrap();
    assert_eq!(live.closed().0, 1008);
    assert_eq!((live.told.len(), &live.told[0]["error"]["code"]), (1, &json!("invalid_api_key")));
}

/// Checks what an official client was told: the digits in each of its parts.
fn check_client(name: &str, told: &Value, parts: &[(&str, usize)]) {
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    for (part, times) in parts {
        let events = told[*part].as_array().unwrap_or_else(|| panic!("{name}: {told}"));
        let heard: Vec<_> = check(events).iter().flat_map(|text| words(text)).collect();
        let expected: Vec<_> = std::iter::repeat_n(&spoken, *times).flatten().cloned().collect();
        assert_eq!(heard, expected, "{name} {part}");
        assert_eq!(events[0]["type"], "session.created", "{name} {part}");
    }
    assert_eq!(of(told["manual"].as_array().unwrap(), COMPLETED).len(), 2, "{name}");
    let server = told["server"].as_array().unwrap();
    assert!(!of(server, "input_audio_buffer.speech_stopped").is_empty(), "{name}: {server:?}");
    assert_eq!(told["error"]["code"], "input_audio_buffer_commit_empty", "{name}");
    assert_eq!((&told["error"]["event_id"], &told["refused"]), (&json!("mine"), &json!(401)), "{name}");
}

#[test]
fn the_official_client_for_python_gets_all_words() {
    let (host, key) = with_key(false);
    let (url, file) = (format!("http://{}/v1", host.address()), fixture("digits.wav"));
    let silence = r#"{"type": "server_vad", "silence_duration_ms": 500}"#;
    let args = [url.as_str(), &key, "gpt-transcribe", file.to_str().unwrap(), silence];
    let Some(ran) = CLIENTS.python("realtime.py", &args) else { return };
    let told = serde_json::from_str(&printed(ran)).unwrap();
    check_client("Python", &told, &[("manual", 2), ("server", 1)]);
    assert_eq!(told["secrets"], json!([400, "forbidden_field"]));
}

#[test]
fn the_official_client_for_python_gets_the_turns_of_a_stage() {
    let (host, key) = keyed(conversation(), "conversation", false);
    let (url, file) = (format!("http://{}/v1", host.address()), fixture("digits.wav"));
    let semantic = r#"{"type": "semantic_vad", "eagerness": "high"}"#;
    let args = [url.as_str(), &key, "gpt-transcribe", file.to_str().unwrap(), semantic];
    let Some(ran) = CLIENTS.python("realtime.py", &args) else { return };
    let told: Value = serde_json::from_str(&printed(ran)).unwrap();
    check_client("Python", &told, &[("manual", 2), ("server", 1)]);
    let updated = &of(told["server"].as_array().unwrap(), "session.updated")[0]["session"]["audio"]["input"];
    let detection = &updated["turn_detection"];
    assert_eq!((&detection["type"], &detection["eagerness"]), (&json!("semantic_vad"), &json!("high")), "{updated}");
}

/// It connects with TLS only.
#[test]
fn the_official_client_for_javascript_gets_all_words() {
    let (host, key) = with_key(true);
    let (url, file) = (format!("https://{}/v1", host.address()), fixture("digits.wav"));
    let authority = host.path("configs/server-ca.pem");
    let args = [url.as_str(), &key, "gpt-transcribe", file.to_str().unwrap(), authority.to_str().unwrap()];
    let Some(ran) = CLIENTS.node("realtime.mjs", &args) else { return };
    let told = serde_json::from_str(&printed(ran)).unwrap();
    check_client("JavaScript", &told, &[("manual", 2), ("server", 1), ("beta", 1)]);
    let beta = told["beta"].as_array().unwrap();
    assert_eq!(of(beta, "transcription_session.updated").len(), 1);
    assert_eq!(of(beta, "conversation.item.created").len(), 1);
}
