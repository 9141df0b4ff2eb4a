//! The dialect of Riva: a listener of gRPC, with PyPI `nvidia-riva-client`.

use super::{timed::digits, tls::issue};
use auricle_dialects::riva::messages::{
    AudioEncoding, RecognitionConfig, RecognizeRequest, RecognizeResponse, RequestId, SpeakerDiarizationConfig,
    SpeechContext, SpeechRecognitionAlternative, SpeechRecognitionResult, StreamingRecognitionConfig,
    StreamingRecognitionResult, StreamingRecognizeRequest, StreamingRecognizeResponse, StreamingRequest, WordInfo,
};
use auricle_tests::{
    Host, PublishedClients, Setup, auricle, fixture, library, limit, noise, printed, tone_segments, words,
};
use prost::Message;
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
};

const CLIENTS: PublishedClients = PublishedClients("riva");

/// The main listener, and one for Riva.
const LISTENERS: &str = r#"
[[listeners]]
address = "127.0.0.1:0"
[[listeners]]
address = "127.0.0.1:0"
dialects = ["riva"]
"#;

fn told(args: &[&str]) -> Option<Value> {
    let printed = printed(CLIENTS.python("client.py", args)?);
    Some(serde_json::from_str(printed.trim()).unwrap())
}

/// Runs a command of the client with a file.
fn run(host: &Host, command: &str, file: &Path, options: &Value) -> Option<Value> {
    told(&[command, &host.listener(1), file.to_str().unwrap(), &options.to_string()])
}

/// The transcripts of results: of live ones those that are final.
fn transcript(results: &Value) -> String {
    let results = results.as_array().unwrap_or_else(|| panic!("{results}"));
    let is_live = results.iter().any(|result| result["is_final"] == true);
    let results = results.iter().filter(|result| !is_live || result["is_final"] == true);
    results.map(|result| result["alternatives"][0]["transcript"].as_str().unwrap()).collect()
}

/// A WAV file with noise, and the text of engine `tone`.
fn recording(host: &Host, name: &str, seed: u32) -> (std::path::PathBuf, Vec<String>) {
    let (audio, file) = (noise(seed, 60_000), host.path(name));
    fs::write(&file, crate::deepgram_recordings::wav_file(&audio, 1)).unwrap();
    (file, words(&tone_segments(&audio, 16_000).join(" ")))
}

#[test]
fn the_published_client_streams_and_sends_recordings() {
    let host = digits().settings(LISTENERS).start();
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    let file = fixture("digits.wav");
    let options = json!({"interim": true, "enable_word_time_offsets": true, "language_code": "en-US"});
    // With the header of the file, as its scripts send it; and without.
    for more in [json!({}), json!({"raw": true})] {
        let mut options = options.clone();
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let Some(results) = run(&host, "stream", &file, &options) else { return };
        assert_eq!(words(&transcript(&results)), spoken, "{options}: {results}");
        assert!(results.as_array().unwrap().iter().any(|result| result.get("is_final").is_none()), "{results}");
        let mut options = options.clone();
        options.as_object_mut().unwrap().remove("interim");
        let results = run(&host, "recognize", &file, &options).unwrap();
        assert_eq!(words(&transcript(&results)), spoken, "{options}: {results}");
        let first = &results[0]["alternatives"][0]["words"][0];
        assert!(first["end_time"].as_i64().unwrap() > first["start_time"].as_i64().unwrap_or(0), "{results}");
    }
    let models = told(&["models", &host.listener(1)]).unwrap();
    assert_eq!(models[0][0], "digits");
    assert_eq!(models[0][1]["language_code"], "en");
}

#[test]
fn refusals_have_the_status_and_the_reason() {
    let setup = Setup::new().plugin(&library("tone")).preset("english", &json!({"backend": "tone"}));
    let setup = setup.settings(&format!("keys = \"keys.toml\"\n{LISTENERS}"));
    let keys = setup.path("configs/keys.toml");
    let made = auricle().args(["key", "add", "alice", "--file"]).arg(&keys).output().unwrap();
    let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let host = setup.start();
    let (file, said) = recording(&host, "noise.wav", 3);
    let Some(results) = run(&host, "recognize", &file, &json!({"key": key})) else { return };
    assert_eq!(words(&transcript(&results)), said);
    for command in ["stream", "recognize"] {
        for (options, code, reason) in [
            (json!({}), "UNAUTHENTICATED", "key is required"),
            (json!({"key": "wrong"}), "UNAUTHENTICATED", "key is required"),
            (json!({"key": key, "model": "klingon"}), "NOT_FOUND", "klingon"),
            (json!({"key": key, "profanity_filter": true}), "INVALID_ARGUMENT", "profanity_filter"),
            (json!({"key": key, "phrases": ["one"]}), "INVALID_ARGUMENT", "speech_contexts"),
            (json!({"key": key, "encoding": 2}), "INVALID_ARGUMENT", ""),
        ] {
            let told = run(&host, command, &file, &options).unwrap();
            // A WAV file is recognised as one, whatever coding is stated.
            if options.get("encoding").is_some() {
                assert_eq!(words(&transcript(&told)), said, "{command}: {told}");
                continue;
            }
            assert_eq!(told["code"], code, "{command} {options}: {told}");
            assert!(told["details"].as_str().unwrap().contains(reason), "{command} {options}: {told}");
        }
    }
    host.wait_for_log(&["refused", "unauthorized", "grpc_status=16", "riva"], 4);
    host.wait_for_log(&["stream ended", "grpc_status=0", "riva"], 3);
    // Fields without effect are noted.
    run(&host, "recognize", &file, &json!({"key": key, "max_alternatives": 3})).unwrap();
    host.wait_for_log(&["parameters without effect", "riva", "max_alternatives"], 1);
}

#[test]
fn the_listener_has_tls_and_nothing_but_calls() {
    let setup = Setup::new().plugin(&library("tone")).preset("english", &json!({"backend": "tone"}));
    let tls = "[tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\n[timeouts]\nrequest_seconds = 1\n";
    let setup = setup.settings(&format!(
        "{tls}{LISTENERS}[[listeners]]\naddress = \"127.0.0.1:0\"\ndialects = [\"riva\"]\ntls = false\n"
    ));
    issue(&setup.path("configs"), "server");
    let host = setup.start();
    let (file, said) = recording(&host, "noise.wav", 4);
    let ca = host.path("configs/server-ca.pem");
    if let Some(results) = run(&host, "stream", &file, &json!({"ca": ca})) {
        assert_eq!(words(&transcript(&results)), said);
    }
    // Another protocol, and a client that says nothing.
    for bytes in [b"GET /v1/streams HTTP/1.1\r\nHost: x\r\n\r\n".as_slice(), b""] {
        let mut socket = TcpStream::connect(host.listener(2)).unwrap();
        socket.set_read_timeout(Some(limit())).unwrap();
        socket.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        // The server may reset the connection.
        let _ = socket.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    }
    host.wait_for_log(&["refused", "slow_request", "no call within"], 1);
    let other = "[[listeners]]\naddress = \"127.0.0.1:0\"\ndialects = [\"riva\", \"native\"]\n";
    let output = Setup::new().settings(other).command().output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && told.contains("`riva` needs a listener of its own"), "{told}");
}

/// The messages of this server are those of the published client: by name, number and type.
#[test]
fn the_messages_are_those_of_the_published_client() {
    let config = RecognitionConfig {
        encoding: AudioEncoding::Alaw as i32,
        sample_rate_hertz: 8_000,
        language_code: "de".into(),
        max_alternatives: 2,
        profanity_filter: true,
        speech_contexts: vec![SpeechContext { phrases: vec!["one".into()] }],
        audio_channel_count: 3,
        enable_word_time_offsets: true,
        enable_automatic_punctuation: true,
        enable_separate_recognition_per_channel: true,
        model: "m".into(),
        verbatim_transcripts: true,
        diarization_config: Some(SpeakerDiarizationConfig { enable_speaker_diarization: true }),
        custom_configuration: [("a".to_owned(), "b".to_owned())].into(),
        endpointing_config: Some(Default::default()),
    };
    let as_json = json!({
        "encoding": "ALAW", "sample_rate_hertz": 8_000, "language_code": "de", "max_alternatives": 2,
        "profanity_filter": true, "speech_contexts": [{"phrases": ["one"]}], "audio_channel_count": 3,
        "enable_word_time_offsets": true, "enable_automatic_punctuation": true,
        "enable_separate_recognition_per_channel": true, "model": "m", "verbatim_transcripts": true,
        "diarization_config": {"enable_speaker_diarization": true}, "custom_configuration": {"a": "b"},
        "endpointing_config": {},
    });
    let alternative = SpeechRecognitionAlternative {
        transcript: "one".into(),
        confidence: 0.5,
        words: vec![WordInfo { start_time: 1, end_time: 2, word: "one".into(), confidence: 0.25 }],
        language_code: vec!["en".into()],
    };
    let text = json!({
        "transcript": "one", "confidence": 0.5, "language_code": ["en"],
        "words": [{"start_time": 1, "end_time": 2, "word": "one", "confidence": 0.25}],
    });
    let id = Some(RequestId { value: "x".into() });
    let live = StreamingRecognitionResult {
        alternatives: vec![alternative.clone()],
        is_final: true,
        stability: 1.0,
        channel_tag: 2,
        audio_processed: 1.5,
    };
    let recorded = SpeechRecognitionResult { alternatives: vec![alternative], channel_tag: 2, audio_processed: 1.5 };
    let streaming = StreamingRecognitionConfig { config: Some(config.clone()), interim_results: true };
    let first = StreamingRecognizeRequest {
        streaming_request: Some(StreamingRequest::StreamingConfig(streaming)),
        runtime_config: [("c".to_owned(), "d".to_owned())].into(),
        id: id.clone(),
    };
    let encoded = [
        (
            "RecognizeRequest",
            RecognizeRequest { config: Some(config), audio: b"\x01\x02"[..].into(), id: id.clone() }.encode_to_vec(),
        ),
        ("StreamingRecognizeRequest", first.encode_to_vec()),
        ("RecognizeResponse", RecognizeResponse { results: vec![recorded], id: id.clone() }.encode_to_vec()),
        ("StreamingRecognizeResponse", StreamingRecognizeResponse { results: vec![live], id }.encode_to_vec()),
    ];
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let pairs: Vec<String> = encoded.iter().map(|(name, bytes)| format!("{name}={}", hex(bytes))).collect();
    let args: Vec<&str> = ["messages"].into_iter().chain(pairs.iter().map(String::as_str)).collect();
    let Some(parsed) = told(&args) else { return };
    let id = json!({"value": "x"});
    let result = json!({"alternatives": [text], "channel_tag": 2, "audio_processed": 1.5});
    let mut live = result.clone();
    live.as_object_mut().unwrap().extend([("is_final".into(), json!(true)), ("stability".into(), json!(1.0))]);
    let expected = json!({
        "RecognizeRequest": {"config": as_json, "audio": "AQI=", "id": id},
        "StreamingRecognizeRequest": {
            "streaming_config": {"config": as_json, "interim_results": true}, "runtime_config": {"c": "d"}, "id": id,
        },
        "RecognizeResponse": {"results": [result], "id": id},
        "StreamingRecognizeResponse": {"results": [live], "id": id},
    });
    assert_eq!(parsed, expected);
}
