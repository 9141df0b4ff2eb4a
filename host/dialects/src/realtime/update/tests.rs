//! Tests of changes of a session.

use super::{super::messages::Shape, *};

fn applied(updates: &[Value]) -> Result<Config, Problem> {
    let mut config = Config::default();
    updates.iter().try_for_each(|update| config.apply(update.as_object().unwrap()))?;
    Ok(config)
}

#[test]
fn what_published_clients_send_is_read() {
    let livekit = json!({"type": "transcription", "audio": {"input": {
        "format": {"rate": 24_000, "type": "audio/pcm"},
        "transcription": {"model": "gpt-transcribe", "keywords": [], "languages": ["en"]},
        "turn_detection": {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 600, "silence_duration_ms": 350},
    }}});
    let config = applied(&[livekit]).unwrap();
    let wanted = Transcription {
        model: Some("gpt-transcribe".to_owned()),
        language: Some("en".to_owned()),
        ..Transcription::default()
    };
    let detection = Some(TurnDetection::Silence(Some(350)));
    assert_eq!((config.transcription, config.turn_detection), (wanted.clone(), detection));
    assert_eq!(config.ignored, ["turn_detection.prefix_padding_ms"]);
    let pipecat = json!({"type": "transcription", "audio": {"input": {
        "format": {"type": "audio/pcm", "rate": 24_000},
        "transcription": {"model": "gpt-transcribe", "language": "en", "prompt": "Names: Ann, Bob"},
        "turn_detection": null, "noise_reduction": {"type": "near_field"},
    }}});
    let config = applied(&[pipecat]).unwrap();
    let wanted = Transcription { prompt: "Names: Ann, Bob".to_owned(), ..wanted };
    assert_eq!(
        (config.transcription, config.turn_detection, config.audio.sample_rate),
        (wanted, Some(TurnDetection::Off), 24_000)
    );
    assert_eq!(config.ignored, ["noise_reduction"]);
    let beta = json!({
        "input_audio_format": "g711_ulaw", "input_audio_transcription": {"model": "whisper-1"}, "turn_detection": null,
        "input_audio_noise_reduction": null, "include": [LOGPROBS], "modalities": ["text"],
    });
    let config = applied(&[beta]).unwrap();
    assert_eq!((config.audio, config.logprobs, config.ignored.len()), (of(Encoding::Mulaw), true, 0));
}

#[test]
fn only_what_is_named_changes_and_null_clears() {
    let set = |input: Value| json!({"audio": {"input": input}});
    let first = set(json!({
        "format": {"type": "audio/pcm", "rate": 16_000}, "turn_detection": null,
        "transcription": {"model": "m", "language": "en", "prompt": "p", "keywords": ["k", " "]},
    }));
    let config = applied(&[first.clone(), set(json!({"transcription": {"language": null}})), json!({})]).unwrap();
    let wanted = Transcription {
        model: Some("m".to_owned()),
        language: None,
        prompt: "p".to_owned(),
        keywords: vec!["k".to_owned()],
    };
    assert_eq!(
        (&config.transcription, config.audio.sample_rate, config.turn_detection),
        (&wanted, 16_000, Some(TurnDetection::Off))
    );
    assert_eq!(
        config.session("sess_1", Shape::Current),
        json!({"id": "sess_1", "object": "realtime.transcription_session", "type": "transcription", "include": null, "audio": {"input": {
            "format": {"type": "audio/pcm", "rate": 16_000}, "noise_reduction": null, "turn_detection": null,
            "transcription": {"model": "m", "language": null, "prompt": "p", "keywords": ["k"]},
        }}})
    );
    let cleared = set(json!({"transcription": null, "format": null, "turn_detection": {}}));
    let expected = Config { turn_detection: Some(TurnDetection::Silence(None)), ..Config::default() };
    assert_eq!(applied(&[first.clone(), cleared]).unwrap(), expected);
    let other = set(json!({"format": {"type": "audio/pcma"}}));
    assert_eq!(applied(&[first, other]).unwrap().session("s", Shape::Beta)["input_audio_format"], "g711_alaw");
}

#[test]
fn a_model_that_has_no_turn_detection_at_openai_has_none_unless_it_is_set() {
    let model = |name: &str| json!({"audio": {"input": {"transcription": {"model": name}}}});
    let set = json!({"audio": {"input": {"turn_detection": {"type": "server_vad"}}}});
    let detects = |updates: &[Value]| applied(updates).unwrap().detects_turns();
    assert!(detects(&[]) && detects(&[model("gpt-transcribe")]) && detects(&[set, model("gpt-live-transcribe")]));
    assert!(!detects(&[model("gpt-live-transcribe")]) && !detects(&[model("gpt-realtime-whisper-1")]));
}

#[test]
fn what_ends_items_is_told_as_far_as_a_stage_takes_it_up() {
    for (asked, told) in [
        (json!({"type": "semantic_vad"}), json!({"type": "semantic_vad", "eagerness": "auto"})),
        (json!({"type": "semantic_vad", "eagerness": "low"}), json!({"type": "semantic_vad", "eagerness": "low"})),
        (json!({"silence_duration_ms": 300}), json!({"type": "server_vad", "silence_duration_ms": 300})),
        (json!({"type": "server_vad", "eagerness": "low"}), json!({"type": "server_vad"})),
    ] {
        let mut config = applied(&[json!({"turn_detection": asked})]).unwrap();
        let of = |config: &Config| config.session("s", Shape::Beta)["turn_detection"].clone();
        assert_eq!(of(&config), json!({"type": "server_vad"}));
        config.has_stage = true;
        assert_eq!(of(&config), told);
    }
}

#[test]
fn what_cannot_be_done_is_refused() {
    let input = |name: &str, value: Value| json!({"audio": {"input": {name: value}}});
    for (update, param, code) in [
        (json!({"type": "realtime"}), "session.type", "invalid_value"),
        (json!({"voice": "alloy"}), "session", "unknown_parameter"),
        (json!({"audio": {"output": {}}}), "session.audio", "unknown_parameter"),
        (json!({"audio": 1}), "session.audio", "invalid_value"),
        (json!({"include": ["tokens"]}), "session.include", "invalid_value"),
        (json!({"include": "tokens"}), "session", "invalid_value"),
        (json!({"input_audio_format": "opus"}), "session.input_audio_format", "invalid_value"),
        (input("format", json!({"type": "audio/opus"})), "session.audio.input.format", "invalid_value"),
        (input("format", json!({"rate": 4_000})), "session.audio.input.format", "invalid_value"),
        (input("format", json!({"rate": -1})), "session.audio.input.format", "invalid_value"),
        (input("format", json!("pcm16")), "session.audio.input.format", "invalid_value"),
        (input("turn_detection", json!({"type": "x"})), "session.audio.input.turn_detection", "invalid_value"),
        (
            input("turn_detection", json!({"type": "semantic_vad", "eagerness": "very"})),
            "session.audio.input.turn_detection",
            "invalid_value",
        ),
        (
            input("turn_detection", json!({"silence_duration_ms": "long"})),
            "session.audio.input.turn_detection",
            "invalid_value",
        ),
        (input("turn_detection", json!({"x": 1})), "session.audio.input.turn_detection", "unknown_parameter"),
        (input("transcription", json!({"model": 1})), "session.audio.input.transcription", "invalid_value"),
        (input("transcription", json!({"keywords": [1]})), "session.audio.input.transcription", "invalid_value"),
        (
            input("transcription", json!({"languages": ["en", "de"]})),
            "session.audio.input.transcription",
            "unsupported_parameter",
        ),
    ] {
        let problem = applied(std::slice::from_ref(&update)).unwrap_err();
        assert_eq!((problem.param, problem.code), (Some(param), Some(code)), "{update}: {problem}");
    }
}
