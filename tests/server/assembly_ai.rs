//! The dialect of AssemblyAI: its own listener, the path `/v3/ws` of the main listener, and the client of PyPI `assemblyai`,
//! unmodified.

use super::{
    deepgram,
    sockets::{self, Socket},
    timed::{Timed, assert_same, digits, native_words},
};
use auricle_tests::{
    Client, Host, PublishedClients, Setup, auricle, bytes, fixture, library, noise, printed, tone_segments, wav, words,
};
use serde_json::{Value, json};
use std::{fs, path::Path};
use tungstenite::Message;

const CLIENTS: PublishedClients = PublishedClients("assemblyai");

/// The main listener, and one for AssemblyAI only.
const LISTENERS: &str = r#"
[[listeners]]
address = "127.0.0.1:0"
[[listeners]]
address = "127.0.0.1:0"
dialects = ["assemblyai"]
"#;
const MODELS: &str = "[models]\n\"universal-*\" = \"digits\"\n";

fn tone() -> Setup {
    Setup::new().plugin(&library("tone")).preset("english", &json!({"backend": "tone"})).settings(LISTENERS)
}

fn said(audio: &[i16]) -> Vec<String> {
    words(&tone_segments(audio, 16_000).join(" "))
}

/// A client of AssemblyAI.
struct Live(Socket);

impl Live {
    /// Connects with the value of `Authorization`; the HTTP status and the body if that is refused.
    fn knock(address: &str, query: &str, key: Option<&str>) -> Result<Self, (u16, Value)> {
        let headers: Vec<_> = key.map(|key| ("authorization", key)).into_iter().collect();
        match sockets::knock(address, &format!("/v3/ws?{query}"), &headers) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(answer) => Err((answer.status().as_u16(), serde_json::from_str(&sockets::body(&answer)).unwrap())),
        }
    }

    fn connect(host: &Host, query: &str) -> Self {
        Self::knock(host.address(), query, None).unwrap()
    }

    fn say(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).unwrap();
    }

    fn audio(&mut self, audio: &[i16]) {
        bytes(audio).chunks(3_200).for_each(|piece| self.0.send(Message::binary(piece.to_vec())).unwrap());
    }

    /// All messages to the close, its code and reason.
    fn rest(&mut self) -> (Vec<Value>, u16, String) {
        sockets::rest(&mut self.0)
    }

    fn finish(mut self) -> Vec<Value> {
        self.say(&json!({"type": "Terminate"}));
        let (messages, code, _) = self.rest();
        assert_eq!((messages.last().unwrap()["type"].as_str(), code), (Some("Termination"), 1000), "{messages:?}");
        messages
    }
}

fn of<'a>(messages: &'a [Value], kind: &str) -> Vec<&'a Value> {
    messages.iter().filter(|message| message["type"] == kind).collect()
}

/// The ends of turns, which are numbered.
fn ends(messages: &[Value]) -> Vec<&Value> {
    let ends: Vec<_> = of(messages, "Turn").into_iter().filter(|turn| turn["end_of_turn"] == true).collect();
    assert!(ends.iter().zip(0..).all(|(turn, number)| turn["turn_order"] == number), "{ends:?}");
    ends
}

fn texts(messages: &[Value]) -> Vec<String> {
    ends(messages).into_iter().flat_map(|turn| words(turn["transcript"].as_str().unwrap())).collect()
}

#[test]
fn turns_are_told_on_its_own_listener_and_at_its_path() {
    let host = tone().start();
    let audio = noise(1, 100_000);
    for address in [host.listener(1), host.address().to_owned()] {
        let mut client = Live::knock(&address, "sample_rate=16000&format_turns=true&vad_threshold=0.5", None).unwrap();
        client.say(&json!({"type": "KeepAlive"}));
        client.audio(&audio);
        let messages = client.finish();
        assert_eq!(
            (&messages[0]["type"], &messages[0]["configuration"]["model"]),
            (&json!("Begin"), &json!("english"))
        );
        assert_eq!(messages[1]["warning"], "without effect on this server: `vad_threshold`");
        assert_eq!(texts(&messages), said(&audio));
        let partial = of(&messages, "Turn").into_iter().find(|turn| turn["end_of_turn"] == false).unwrap();
        assert_eq!((&partial["transcript"], &partial["turn_is_formatted"]), (&json!(""), &json!(false)));
        assert_eq!(partial["words"][0]["word_is_final"], false);
        assert!(ends(&messages).iter().all(|turn| turn["turn_is_formatted"] == true));
        assert_eq!(messages.last().unwrap()["audio_duration_seconds"], 6);
    }
}

#[test]
fn words_are_those_of_the_native_protocol() {
    let host = digits().start();
    let (_, audio) = wav(&fixture("digits.wav"));
    let native = native_words(&host, &audio);
    let mut client =
        Live::connect(&host, "sample_rate=16000&language_codes=%5B%22en%22%5D&include_partial_turns=false");
    client.audio(&audio);
    let messages = client.finish();
    let number = |word: &Value, key: &str| word[key].as_f64().unwrap();
    let timed: Vec<Timed> = ends(&messages)
        .into_iter()
        .flat_map(|turn| turn["words"].as_array().unwrap())
        .map(|word| {
            let text = word["text"].as_str().unwrap().to_owned();
            (text, number(word, "start") / 1000.0, number(word, "end") / 1000.0, number(word, "confidence"))
        })
        .collect();
    assert_same(&timed, &native, 0.001);
    assert_eq!(of(&messages, "Turn").len(), ends(&messages).len());
}

#[test]
fn a_client_can_end_a_turn_and_change_settings() {
    let host = tone().start();
    let audio = noise(2, 20_000);
    let mut client = Live::connect(&host, "sample_rate=16000");
    // Nothing was said.
    client.say(&json!({"type": "ForceEndpoint"}));
    client.audio(&audio);
    client.say(&json!({"type": "ForceEndpoint"}));
    client.say(&json!({"type": "UpdateConfiguration", "keyterms_prompt": ["one"], "format_turns": true}));
    client.say(&json!({"type": "UpdateConfiguration", "format_turns": true, "min_turn_silence": 100}));
    client.audio(&audio);
    let messages = client.finish();
    assert_eq!(texts(&messages), [said(&audio), said(&audio)].concat());
    let warnings: Vec<_> =
        of(&messages, "Warning").iter().map(|warning| warning["warning"].as_str().unwrap()).collect();
    assert!(warnings.len() == 1 && warnings[0].starts_with("nothing has changed: `keyterms_prompt`"), "{warnings:?}");
    let formatted: Vec<_> = ends(&messages).iter().map(|turn| turn["turn_is_formatted"] == true).collect();
    assert_eq!((formatted.first(), formatted.last()), (Some(&false), Some(&true)), "{formatted:?}");
}

#[test]
fn audio_may_be_in_other_formats() {
    let host = tone().start();
    let audio = noise(3, 60_000);
    let mut native = Client::open(&host, "english", json!({"format": "mulaw", "sample_rate": 8_000}));
    native.audio_in_frames(&bytes(&audio), 8_000);
    let expected = words(&native.finish().join(" "));
    let mut client = Live::connect(&host, "sample_rate=8000&encoding=pcm_mulaw");
    client.audio(&audio);
    assert_eq!(texts(&client.finish()), expected);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/audio/src/file/testdata/tone.opus");
    let file = fs::read(file).unwrap();
    let mut other = deepgram::Live::connect(&host, "encoding=ogg-opus");
    let mut client = Live::connect(&host, "encoding=ogg_opus");
    for piece in file.chunks(700) {
        other.0.send(Message::binary(piece.to_vec())).unwrap();
        client.0.send(Message::binary(piece.to_vec())).unwrap();
    }
    let expected = deepgram::texts(&other.finish());
    assert!(!expected.is_empty());
    assert_eq!(texts(&client.finish()), expected);
}

#[test]
fn what_cannot_be_done_is_refused() {
    let host = digits().settings("").start();
    for (query, problem) in [
        ("", "`sample_rate` is required"),
        ("sample_rate=16000&encoding=opus", "`encoding` is `opus`"),
        ("sample_rate=16000&speaker_labels=true", "`speaker_labels` is not supported"),
        (
            "sample_rate=16000&speech_model=universal-streaming-english",
            "there is no model `universal-streaming-english`",
        ),
        ("sample_rate=16000&keyterms_prompt=[%22one%22]", "`keyterms_prompt` needs a preset that opens `keyterms`"),
        ("sample_rate=16000&prompt=one", "`prompt` needs a preset that opens `prompt`"),
    ] {
        let (status, body) = Live::knock(host.address(), query, None).err().unwrap();
        assert!(status == 400 && body["error"].as_str().unwrap().contains(problem), "{query}: {status} {body}");
    }
    // The languages of a model are known once it is loaded, which the first audio causes.
    let mut client = Live::connect(&host, "sample_rate=16000&language_code=de");
    client.audio(&[0; 1_600]);
    let (messages, code, reason) = client.rest();
    assert_eq!((&messages[1]["type"], &messages[1]["error_code"], code), (&json!("Error"), &json!(3006), 3006));
    assert!(reason.starts_with("invalid_option: `language` is `de`"), "{reason}");
    let mut client = Live::connect(&host, "sample_rate=16000");
    client.say(&json!({"type": "CloseStream"}));
    let (messages, code, _) = client.rest();
    assert!(messages[1]["error"].as_str().unwrap().starts_with("bad_message: not a message of AssemblyAI"));
    assert_eq!(code, 3006);
}

/// A server with a key, which may use the preset `digits`.
fn with_key() -> (Host, String) {
    let setup = digits();
    let keys = setup.path("configs/keys.toml");
    fs::write(&keys, "").unwrap();
    let output = auricle().args(["key", "add", "alice", "--file"]).arg(&keys).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let key = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    (setup.settings(&format!("keys = \"keys.toml\"\n{MODELS}")).start(), key)
}

#[test]
fn a_key_may_be_in_all_places_of_assemblyai() {
    let (host, key) = with_key();
    let (token, bearer) = (format!("sample_rate=16000&token={key}"), format!("Bearer {key}"));
    let query = "sample_rate=16000";
    for (query, header) in [(query, Some(key.as_str())), (query, Some(&bearer)), (&token, None)] {
        assert!(Live::knock(host.address(), query, header).is_ok(), "{query} {header:?}");
    }
    for (query, header) in [(query, None), (query, Some("unknown")), ("sample_rate=16000&token=unknown", None)] {
        let (status, body) = Live::knock(host.address(), query, header).err().unwrap();
        assert_eq!((status, body["error"].is_string()), (401, true), "{query} {header:?}");
    }
}

#[test]
fn the_published_client_gets_all_words() {
    let (host, key) = with_key();
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    let file = fixture("digits.wav");
    let run = |key: &str, options: Value| -> Option<Vec<Value>> {
        let args = [host.address(), key, file.to_str().unwrap(), &options.to_string()];
        Some(serde_json::from_str(&printed(CLIENTS.python("client.py", &args)?)).unwrap())
    };
    let options = json!({
        "speech_model": "universal-streaming-english", "format_turns": true, "language_codes": ["en"], "min_turn_silence": 100,
    });
    for key in [key.clone(), format!("token:{key}")] {
        let Some(got) = run(&key, options.clone()) else { return };
        assert!(of(&got, "Error").is_empty(), "{got:?}");
        assert_eq!(got[0]["configuration"]["model"], "digits");
        assert_eq!(texts(&got), spoken);
        assert_eq!(got.last().unwrap()["type"], "Termination");
    }
    for (key, options, code) in [
        ("unknown", options, 401),
        (&key, json!({"speech_model": "universal-streaming-english", "redact_pii": true}), 400),
    ] {
        let got = run(key, options).unwrap();
        assert_eq!((of(&got, "Error").len(), &got[0]["code"]), (1, &json!(code)), "{got:?}");
    }
}
