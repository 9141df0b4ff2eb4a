//! The port of an engine from Python to Rust that the authors' book describes: both report the same words at the same times.

#[allow(missing_docs, unreachable_pub, reason = "written as in a crate of its own")]
#[path = "../../docs/book/examples/morse.rs"]
mod morse;

use auricle_plugin_test::{StubHost, TestEngine, check};
use auricle_tests::{Client, PublishedClients, Setup, bytes, library};
use serde_json::{Value, json};
use std::{f32::consts::TAU, path::Path};

/// Samples in a dot of 60 ms at 16 kHz.
const DOT: usize = 960;
/// ONE MORE, the second word with an unknown letter at its end.
const CODES: [&str; 2] = ["--- -. .", "-- --- .-. . ......"];
const WORDS: [&str; 2] = ["ONE", "MORE?"];

/// Words as tones of 700 Hz, after half a second of silence; the last tone ends with the audio.
fn keyed() -> Vec<i16> {
    let mut audio = vec![0; 8_000];
    let mut silence = 0;
    for code in CODES.join("/").chars() {
        let dots = match code {
            '.' => 1,
            '-' => 3,
            // With the pauses of a dot before and after, three dots, and seven.
            ' ' => 2,
            _ => 6,
        };
        let is_tone = matches!(code, '.' | '-');
        if is_tone {
            audio.resize(audio.len() + silence * DOT, 0);
            let tone = (0..dots * DOT).map(|n| ((n as f32 * TAU * 700.0 / 16_000.0).sin() * 8_000.0) as i16);
            audio.extend(tone);
            silence = 1;
        } else {
            silence += dots;
        }
    }
    audio
}

/// The segments: start, end, text.
fn in_rust(audio: &[f32]) -> Vec<(f64, f64, String)> {
    let model = TestEngine::in_process(morse::Loader, &StubHost::new()).load(json!({}));
    let seconds = |sample: u64| sample as f64 / 16_000.0;
    let segments = model.run(audio).segments;
    segments.iter().map(|it| (seconds(it.start), seconds(it.end), it.text().into_owned())).collect()
}

fn in_python(venv: &Path, audio: &[i16]) -> Vec<(f64, f64, String)> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/python/examples").canonicalize().unwrap();
    let fields = json!({
        "backend": "python", "module": "morse.loader", "loader": "MorseLoader", "venv": venv, "path": examples,
    });
    let host = Setup::new().plugin(&library("python")).preset("morse", &fields).start();
    let mut client = Client::open(&host, "morse", json!({"pace": "file"}));
    client.audio_in_frames(&bytes(audio), 3_200);
    client.finish();
    let time = |event: &Value, field| event[field].as_f64().unwrap();
    let segments = client.events("segment");
    segments.iter().map(|it| (time(it, "start"), time(it, "end"), it["text"].as_str().unwrap().to_owned())).collect()
}

fn floats(audio: &[i16]) -> Vec<f32> {
    audio.iter().map(|sample| f32::from(*sample) / 32_768.0).collect()
}

#[test]
fn the_port_has_the_words_and_times_of_the_engine_in_python() {
    let audio = keyed();
    let words = in_rust(&floats(&audio));
    let texts: Vec<_> = words.iter().map(|(_, _, text)| text.as_str()).collect();
    assert_eq!((texts, words[0].0), (WORDS.to_vec(), 0.5), "{words:?}");
    let Some(venv) = PublishedClients("python-engines").environment() else { return };
    assert_eq!(in_python(&venv, &audio), words);
}

#[test]
fn the_ported_engine_keeps_the_contract() {
    let model = TestEngine::in_process(morse::Loader, &StubHost::new()).load(json!({}));
    let audio = floats(&keyed());
    check::flush_and_offset_start_anew(&model, &audio);
    check::streams_do_not_mix(&model, &[&audio, &audio[8_000..]]);
}
