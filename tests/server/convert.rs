//! `auricle convert`: what it makes of a model of CTranslate2, on a real server; what it says when it cannot.

use auricle_tests::{
    Client, Host, Reading, Setup, auricle, bytes, fixture, library, reading, runtime, skip, wav, whisper_wheel,
    word_errors, words,
};
use auricle_whisper_convert::testing::Model;
use serde_json::{Value, json};
use std::{fs, path::Path, process::Output};

fn convert(room: &Path, args: &[&str]) -> Output {
    auricle().arg("convert").args(args).current_dir(room).output().unwrap()
}

/// The preset that the command prints; nothing but the model is beside it.
fn converted(room: &Path, args: &[&str]) -> Value {
    let ran = convert(room, args);
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(fs::read_dir(room.join("models")).unwrap().count(), 1);
    serde_json::from_slice(&ran.stdout).unwrap()
}

/// A server with this preset.
fn serve(room: &Path, preset: &Value) -> Host {
    let (engine, models) = (library("whisper"), room.join("models"));
    let setup = Setup::new().plugin(&engine).resource(&models).resource(&runtime());
    let host = setup.preset("converted", preset).start();
    host.wait_for_file(engine.file_name().unwrap().to_str().unwrap(), |file| file["state"] == "registered");
    host
}

/// What it writes of a recording.
fn transcribed(host: &Host, recording: &Path) -> Client {
    let mut client = Client::open(host, "converted", json!({"pace": "file"}));
    client.audio_in_frames(&bytes(&wav(recording).1), 32_000);
    client.finish();
    client
}

#[test]
fn a_folder_becomes_a_model_whose_printed_preset_works() {
    let room = tempfile::tempdir().unwrap();
    let source = room.path().join("faster-whisper-small");
    Model::new(64, 2, 9).write(&source).unwrap();
    let preset = converted(room.path(), &["faster-whisper-small", "--out", "models/small"]);
    assert_eq!(preset, json!({"backend": "whisper", "model": "small"}));
    let client = transcribed(&serve(room.path(), &preset), &fixture("train.wav"));
    assert_eq!(client.events("ready").len(), 1);
    // Once more, in another precision: the same place.
    let again = converted(room.path(), &["faster-whisper-small", "--out", "models/small", "--precision", "fp32"]);
    assert_eq!(again, preset);
    let card = fs::read_to_string(room.path().join("models/small/README.md")).unwrap();
    assert!(card.contains("`fp32`"), "{card}");
}

#[test]
fn what_cannot_be_converted_is_said_in_a_line_and_nothing_is_written() {
    let room = tempfile::tempdir().unwrap();
    let mut model = Model::new(64, 2, 9);
    model.variable("encoder/conv1/weight").kind = 5;
    model.write(&room.path().join("model")).unwrap();
    for (args, expected) in [
        (["model", "--out", "models/x"], "model.bin has `encoder/conv1/weight` in bfloat16: only float16 and float32"),
        (["nothing", "--out", "models/x"], "auricle: nothing: No such file or directory"),
        (["model", "--out", "/"], "auricle: --out /: name a folder in a resource directory"),
        (["model", "--out", "model"], "auricle: model exists and is not an earlier conversion; name another folder"),
    ] {
        let ran = convert(room.path(), &args);
        assert_eq!((ran.status.code(), ran.stdout.len()), (Some(1), 0), "{ran:?}");
        let said = String::from_utf8(ran.stderr).unwrap();
        let last = said.lines().last().unwrap();
        assert!(last.starts_with("auricle: ") && last.contains(expected), "{said}");
    }
    assert!(!room.path().join("models").exists());
}

#[test]
fn a_published_model_understands_speech() {
    let Some(wheel) = whisper_wheel() else { return skip("the wheel with Whisper tiny.en was not downloaded") };
    let room = tempfile::tempdir().unwrap();
    let preset = converted(room.path(), &[wheel.to_str().unwrap(), "--out", "models/tiny.en"]);
    let host = serve(room.path(), &preset);
    let Reading { recording, spoken } = reading();
    let recognized = words(&transcribed(&host, &recording).texts().join(" "));
    let errors = word_errors(&spoken, &recognized);
    assert!(errors * 10 <= spoken.len(), "{errors} errors: {recognized:?} instead of {spoken:?}");
}
