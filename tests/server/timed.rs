//! The words of the digits' recording with their times, for comparing a dialect with the native protocol.

use auricle_tests::{Client, Host, Setup, bytes, library, models, runtime, stage_library};
use serde_json::{Value, json};
use std::fs;

/// A word: text, start, end, confidence. Times are in seconds.
pub(crate) type Timed = (String, f64, f64, f64);

/// Engine `onnx` with the model of the digits, as preset `digits`.
pub(crate) fn digits() -> Setup {
    let preset = fs::read_to_string(models().join("../configs/presets/digits.json")).unwrap();
    let preset: Value = serde_json::from_str(&preset).unwrap();
    Setup::new().plugin(&library("onnx")).resource(&models()).resource(&runtime()).preset("digits", &preset)
}

/// The same with a stage that finds turns, as preset `conversation`: the example of the stage `smart-turn`.
pub(crate) fn conversation() -> Setup {
    let preset = fs::read_to_string(models().join("../plugins/smart-turn/preset.json")).unwrap();
    let preset: Value = serde_json::from_str(&preset).unwrap();
    digits().plugin(&stage_library("smart-turn")).preset("conversation", &preset)
}

/// What the native protocol reports for this audio.
pub(crate) fn native_words(host: &Host, audio: &[i16]) -> Vec<Timed> {
    native_words_by(host, "", audio)
}

/// The same on a server with keys; `query` has the key.
pub(crate) fn native_words_by(host: &Host, query: &str, audio: &[i16]) -> Vec<Timed> {
    let mut client = Client::knock(host, query, &[]).unwrap();
    client.say_start("digits", json!({"pace": "file"}));
    client.audio_in_frames(&bytes(audio), 6_400);
    client.finish();
    let number = |value: &Value| value.as_f64();
    let of_segment = |segment: &Value| -> Vec<Timed> {
        let sure = number(&segment["confidence"]).unwrap_or(1.0);
        let words = segment["words"].as_array().unwrap().iter();
        let text = |word: &Value| word["text"].as_str().unwrap().to_owned();
        let conf = |word: &Value| number(&word["confidence"]).unwrap_or(sure);
        words
            .map(|word| (text(word), number(&word["start"]).unwrap(), number(&word["end"]).unwrap(), conf(word)))
            .collect()
    };
    client.events("segment").iter().flat_map(of_segment).collect()
}

/// Checks that two lists have the same words. `tolerance` is for times, in seconds: protocols round them. In a batch the
/// last digits of confidences differ.
pub(crate) fn assert_same(told: &[Timed], native: &[Timed], tolerance: f64) {
    assert_eq!(told.len(), native.len(), "{told:?} {native:?}");
    for (one, other) in told.iter().zip(native) {
        let close = (one.1 - other.1).abs() <= tolerance
            && (one.2 - other.2).abs() <= tolerance
            && (one.3 - other.3).abs() < 0.001;
        assert!(one.0 == other.0 && close, "{one:?} is not {other:?}");
    }
}
