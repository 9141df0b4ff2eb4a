//! `auricle run`: a recording is transcribed without a server, by the server's own parts.

#![cfg(target_os = "linux")]

use auricle_tests::{auricle, library, noise, staged, tone_segments};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};

fn text(path: PathBuf) -> String {
    path.to_str().unwrap().to_owned()
}

/// A WAV file of noise, and its samples.
fn recording(dir: &Path, rate: u32, samples: usize) -> (PathBuf, Vec<i16>) {
    let (path, samples) = (dir.join("noise.wav"), noise(5, samples));
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let mut wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    wav[4..8].copy_from_slice(&(36 + bytes.len() as u32).to_le_bytes());
    wav.extend(rate.to_le_bytes());
    wav.extend((rate * 2).to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend((bytes.len() as u32).to_le_bytes());
    wav.extend(bytes);
    fs::write(&path, wav).unwrap();
    (path, samples)
}

fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let output = auricle().arg("run").args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_recording_is_transcribed_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let (path, samples) = recording(dir.path(), 16_000, 40_100);
    let (tone, path) = (text(library("tone")), text(path));
    let expected = tone_segments(&samples, 16_000);
    let (code, out, err) = run(&[&tone, &path]);
    assert_eq!(
        (code, out.lines().collect::<Vec<_>>()),
        (Some(0), expected.iter().map(String::as_str).collect()),
        "{err}"
    );
    assert_eq!(err, "");
    let (_, in_process, _) = run(&[&tone, &path, "--in-process"]);
    assert_eq!(in_process, out);

    // A preset, a field over it, partial texts, and the cost.
    let preset = dir.path().join("tone.json");
    fs::write(&preset, json!({"backend": "tone", "segment_chunks": 10, "host": {"title": "x"}}).to_string()).unwrap();
    let (preset, plugins) = (text(preset), text(staged("")));
    let mut args = vec![&*preset, &path, "--plugins", &plugins, "--set", "segment_chunks=20"];
    args.extend(["--format", "jsonl", "--show-partials", "--cost"]);
    let (code, out, err) = run(&args);
    assert_eq!(code, Some(0), "{err}");
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let segments: Vec<_> = lines.iter().filter(|line| line["type"] == "segment").collect();
    assert_eq!((segments.len(), &segments[0]["end"]), (2, &json!(2.0)));
    assert!(lines.len() > 5 && lines[0]["type"] == "partial", "{out}");
    assert!(err.contains("2.5 s of audio"), "{err}");

    let (_, srt, _) = run(&[&tone, &path, "--format", "srt"]);
    assert!(srt.starts_with(&format!("1\n00:00:00,000 --> 00:00:01,000\n{}\n\n2\n", expected[0])), "{srt}");
    let (_, vtt, _) = run(&[&tone, &path, "--format", "vtt"]);
    assert!(vtt.starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n"), "{vtt}");
}

#[test]
fn what_cannot_be_run_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = recording(dir.path(), 16_000, 48_000);
    let (tone, faulty, path) = (text(library("tone")), text(library("faulty")), text(path));
    let preset = dir.path().join("other.json");
    fs::write(&preset, json!({"backend": "other"}).to_string()).unwrap();
    let (preset, plugins) = (text(preset), text(staged("")));
    for (args, code, problem) in [
        (&[&*tone, "no-such.wav"][..], 3, "no-such.wav: "),
        (&[&tone, &tone], 3, "not a recognized audio file"),
        (&[&path, &path], 4, "is not a shared library"),
        (&[&tone, &path, "--set", "chunk_samples=0"], 4, "field `chunk_samples`"),
        (&[&tone, &path, "--backend", "other"], 4, "choose one of its engines with --backend: tone"),
        (&[&preset, &path, "--plugins", &plugins], 4, "no plugin in the directories has the engine `other`"),
        (&[&faulty, &path, "--set", "model_fault=error"], 4, "the error asked for in Load"),
        (
            &[&faulty, &path, "--set", "fault=error", "--set", "after_chunks=15"],
            4,
            "the error asked for in ProcessIter",
        ),
    ] {
        let (found, _, err) = run(args);
        assert!(found == Some(code) && err.contains(problem), "{args:?}: {found:?} {err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
    // Text from before a failure is printed; an engine that crashes once loses nothing.
    let (_, out, _) = run(&[&faulty, &path, "--set", "fault=error", "--set", "after_chunks=15"]);
    assert_eq!(out.lines().count(), 1);
    let (code, out, _) = run(&[&faulty, &path, "--set", "fault=sigsegv", "--set", "after_chunks=15"]);
    assert_eq!((code, out.lines().count()), (Some(0), 3));
}
