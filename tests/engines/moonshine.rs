//! An engine in C++ around a real recogniser: `plugins/moonshine`, built here, with its published weights.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use auricle_tests::{Client, Host, Setup, bytes, fixture, long, reading, skip, wav, word_errors, words};
use serde_json::json;
use std::{path::Path, process::Command};

const ENGINE: &str = "moonshine.engine";
/// Exit status of `build.py` if the downloads failed.
const NOTHING_FETCHED: i32 = 3;

/// A server with the engine; `None`, and a skipped test, if its downloads are not there.
fn host(folder: &Path) -> Option<Host> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/moonshine/build.py");
    let status = Command::new("python3").arg(script).arg(folder).status().unwrap();
    if status.code() == Some(NOTHING_FETCHED) {
        skip("PyPI has no sherpa-onnx-core 2.0.1 or moonshine_cpp 0.1.4 for this test");
        return None;
    }
    assert!(status.success(), "{status}");
    let preset = json!({"backend": "moonshine", "host": {"concurrency": 2}});
    Some(Setup::new().plugin(&folder.join(ENGINE)).preset("moonshine", &preset).start())
}

/// The segments of a recording.
fn heard(host: &Host, file: &Path) -> Vec<String> {
    let (rate, samples) = wav(file);
    let mut client = Client::open(host, "moonshine", json!({"pace": "file", "sample_rate": rate}));
    client.audio_in_frames(&bytes(&samples), 3_200);
    client.finish()
}

#[test]
fn real_speech_is_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let Some(host) = host(folder.path()) else { return };
    let reading = reading();
    let heard_text = heard(&host, &reading.recording).join(" ");
    let errors = word_errors(&reading.spoken, &words(&heard_text.to_lowercase()));
    assert!(errors <= 2, "{heard_text:?} for {:?}", reading.spoken);
    if !long() {
        return skip("twenty streams at once on engine `moonshine`: a slow test");
    }
    let files = [reading.recording, fixture("weather.wav"), fixture("train.wav")];
    let expected: Vec<_> = files.iter().map(|file| heard(&host, file)).collect();
    std::thread::scope(|scope| {
        for at in 0..20 {
            let (host, files, expected) = (&host, &files, &expected);
            scope.spawn(move || assert_eq!(heard(host, &files[at % 3]), expected[at % 3], "stream {at}"));
        }
    });
}
