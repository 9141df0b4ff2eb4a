//! Presets with a voice gate: what the engine gets, the times that clients are told, and that streams survive the deaths of
//! workers as without one.

#![cfg(unix)]

use super::workers::{exact, kills, lossless, recording, survive};
use auricle_tests::{Client, Host, Setup, bytes, fixture, library, models, runtime, staged, tone_segments, wav, words};
use serde_json::{Value, json};
use std::{fs, thread};

const SECOND: usize = 16_000;

/// A preset of `engine` with these fields and this gate.
fn gated(engine: &str, mut fields: Value, gate: Value) -> Value {
    fields["backend"] = json!(engine);
    fields["host"]["voice_gate"] = gate;
    fields
}

/// `tone` behind both kinds of gates.
fn tone() -> Setup {
    Setup::new()
        .plugin(&library("tone"))
        .resource(&runtime())
        .preset("utterance", &gated("tone", json!({}), json!({"hold_seconds": 0.8})))
        .preset("skip", &gated("tone", json!({}), json!({"cut": "skip", "hold_seconds": 0.8})))
}

/// Two sentences with silence around them.
fn speech() -> Vec<i16> {
    let sentence = |name: &str| wav(&fixture(name)).1;
    [vec![0; 3 * SECOND], sentence("weather.wav"), vec![0; 4 * SECOND], sentence("train.wav"), vec![0; 2 * SECOND]]
        .concat()
}

fn stream(host: &Host, preset: &str, audio: &[i16], frame: usize, pace: &str) -> Client {
    let mut client = Client::open(host, preset, json!({"pace": pace}));
    client.audio_in_frames(&bytes(audio), frame);
    client.finish();
    client
}

/// The samples of a segment.
fn samples(segment: &Value) -> std::ops::Range<usize> {
    let sample = |key: &str| (segment[key].as_f64().unwrap() * SECOND as f64).round() as usize;
    sample("start")..sample("end")
}

fn times(client: &Client, kind: &str) -> Vec<f64> {
    client.events(kind).iter().map(|event| event["time"].as_f64().unwrap()).collect()
}

#[test]
fn the_engine_gets_the_speech_with_its_times() {
    let (host, audio) = (tone().start(), speech());
    let client = stream(&host, "utterance", &audio, 3_200, "file");
    let segments: Vec<_> = client.events("segment").iter().map(samples).collect();
    // A segment of `tone` is a checksum of its audio.
    for (range, text) in segments.iter().zip(client.texts()) {
        assert_eq!(tone_segments(&audio[range.clone()], range.len()), [text], "{range:?}");
    }
    let (started, ended) = (times(&client, "speech_started"), times(&client, "endpoint"));
    assert_eq!((started.len(), ended.len()), (2, 2), "{:?}", client.heard);
    assert!((2.9..3.6).contains(&started[0]) && started[1] > ended[0], "{started:?} {ended:?}");
    // Where there is no speech, at most the pre-roll, a chunk and the hold are passed on.
    let given: usize = segments.iter().map(std::iter::ExactSizeIterator::len).sum();
    assert!(given < audio.len() - 5 * SECOND, "{given} of {}", audio.len());
    for moment in [SECOND, 10 * SECOND] {
        assert!(segments.iter().all(|range| !range.contains(&moment)), "{moment}: {segments:?}");
    }
}

#[test]
fn what_is_skipped_is_missing_in_the_engines_audio_and_not_in_the_times() {
    let (host, audio) = (tone().start(), speech());
    let client = stream(&host, "skip", &audio, 3_200, "file");
    let segments = client.events("segment");
    let count =
        |segment: &Value| segment["text"].as_str().unwrap().split(':').next().unwrap().parse::<usize>().unwrap();
    let given: usize = segments.iter().map(count).sum();
    assert!(given < audio.len() - 5 * SECOND, "{given} of {}", audio.len());
    let mut last = 0;
    for segment in &segments {
        let range = samples(segment);
        assert!(last <= range.start && range.end <= audio.len(), "{segments:?}");
        last = range.end;
    }
    // One of them goes on behind the pause.
    assert_eq!(
        segments.iter().filter(|segment| samples(segment).len() > count(segment) + SECOND).count(),
        1,
        "{segments:?}"
    );
    let last_speech = audio.len() - 2 * SECOND;
    assert!(last > last_speech - SECOND, "{last} of {last_speech}");
}

#[test]
fn neither_frames_nor_pace_change_anything() {
    let (host, audio) = (tone().start(), speech());
    for preset in ["utterance", "skip"] {
        let expected = stream(&host, preset, &audio, 640, "file");
        for (frame, pace) in [(334, "file"), (1_000_000, "file"), (8_192, "live")] {
            let client = stream(&host, preset, &audio, frame, pace);
            exact(&expected, &client);
        }
    }
}

#[test]
fn in_silence_no_engine_is_called_and_a_flush_begins_anew() {
    let host = tone().start();
    for preset in ["utterance", "skip"] {
        let mut client = Client::open(&host, preset, json!({"pace": "file"}));
        client.audio_in_frames(&bytes(&vec![0; 30 * SECOND]), 32_000);
        client.say(&json!({"type": "flush"}));
        client.until("flushed");
        assert!(client.texts().is_empty() && client.events("speech_started").is_empty(), "{preset}");
        let audio = speech();
        client.audio_in_frames(&bytes(&audio), 32_000);
        client.say(&json!({"type": "flush"}));
        client.until("flushed");
        let later = client.events("segment");
        client.audio_in_frames(&bytes(&audio), 32_000);
        client.finish();
        let alone = stream(&host, preset, &audio, 32_000, "file").texts();
        assert_eq!(later.len(), alone.len(), "{preset}");
        assert_eq!(client.texts(), [alone.clone(), alone].concat(), "{preset}");
        assert!(samples(&later[0]).start >= 30 * SECOND, "{preset}");
    }
}

#[test]
fn a_model_that_cannot_be_behind_a_gate_is_refused_with_the_reason() {
    let narrow = gated("tone", json!({"sample_rate": 8_000}), json!({}));
    let host = tone().preset("narrow", &narrow).start();
    Client::start(&host, "narrow", json!({})).fails("engine_unavailable", 4503);
    host.wait_for_log(&["ERROR", "host.voice_gate", "the model's rate is 8000 Hz: the gate needs 16000"], 1);
    let without = Setup::new().plugin(&library("tone")).preset("bare", &gated("tone", json!({}), json!({}))).start();
    Client::start(&without, "bare", json!({})).fails("engine_unavailable", 4503);
    without.wait_for_log(&["ERROR", "host.voice_gate", "Silero VAD", "is missing"], 1);
}

fn digits(gate: Value) -> Setup {
    Setup::new()
        .plugin(&library("onnx"))
        .resource(&runtime())
        .resource(&models())
        .preset("digits", &gated("onnx", json!({"model": "digits", "host": {"concurrency": 2}}), gate))
}

#[test]
fn streams_in_batches_get_the_same_as_one_alone() {
    let (_, audio) = wav(&fixture("digits.wav"));
    let audio = [vec![0; 2 * SECOND], audio, vec![0; 3 * SECOND]].concat();
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    for gate in [json!({}), json!({"cut": "skip"})] {
        let host = digits(gate.clone()).start();
        let alone = stream(&host, "digits", &audio, 3_200, "file");
        assert_eq!(words(&alone.texts().join(" ")), spoken, "{gate}");
        let ends = |client: &Client| client.events("segment").iter().map(samples).collect::<Vec<_>>();
        thread::scope(|scope| {
            for n in 0..8 {
                let (host, audio, alone) = (&host, &audio, &alone);
                scope.spawn(move || {
                    let together = stream(host, "digits", audio, 640 + 100 * n, "file");
                    assert_eq!((together.texts(), ends(&together)), (alone.texts(), ends(alone)));
                });
            }
        });
    }
}

#[test]
fn an_engines_own_detection_is_switched_off_and_the_gates_events_take_its_place() {
    let whisper = json!({"model": "whisper-digits", "lan": "en", "vac": true});
    let setup = Setup::new().plugin(&library("whisper")).resource(&fixture("")).resource(&runtime());
    let host = setup.preset("digits", &gated("whisper", whisper, json!({}))).start();
    let (_, audio) = wav(&fixture("digits.wav"));
    let client = stream(&host, "digits", &[vec![0; 4 * SECOND], audio, vec![0; 4 * SECOND]].concat(), 3_200, "file");
    // With its own detection its chunks are 40 ms; it has no ends of its own without.
    assert_eq!(client.events("ready")[0]["chunk_seconds"], 0.1);
    assert!(!client.events("endpoint").is_empty() && !client.texts().is_empty());
    assert_eq!(client.events("endpoint").len(), client.events("speech_started").len());
}

/// Recordings with pauses between them, as s16le.
fn with_pauses(name: &str, times: usize) -> Vec<u8> {
    [recording(name, 1), vec![0; 2 * 4 * SECOND]].concat().repeat(times)
}

#[test]
fn tone_behind_a_gate_survives_random_kills_word_for_word() {
    for preset in ["utterance", "skip"] {
        survive(tone(), preset, &with_pauses("weather.wav", 25), kills(100), exact);
    }
}

#[test]
fn digits_behind_a_gate_survive_random_kills_word_for_word() {
    for gate in [json!({"hold_seconds": 0.5}), json!({"cut": "skip", "hold_seconds": 0.5})] {
        survive(digits(gate), "digits", &with_pauses("digits.wav", 4), kills(100), exact);
    }
}

#[test]
fn pocketsphinx_behind_a_gate_survives_random_kills_word_for_word() {
    // Its restart points are in silence, so that one may be in what is left out.
    let preset = gated("pocketsphinx", json!({}), json!({"cut": "skip"}));
    let setup = Setup::new().plugin(&staged("pocketsphinx.engine")).resource(&runtime()).preset("speech", &preset);
    survive(setup, "speech", &with_pauses("weather.wav", 2), kills(30), exact);
}

#[test]
fn whisper_behind_a_gate_loses_nothing_to_a_kill() {
    let preset = gated("whisper", json!({"model": "whisper-digits", "lan": "en"}), json!({"cut": "skip"}));
    let setup = Setup::new().plugin(&library("whisper")).resource(&runtime()).resource(&fixture(""));
    let host = setup.preset("whisper", &preset).start();
    let audio = with_pauses("digits.wav", 2);
    let stream = |kills: bool| {
        let mut client = Client::open(&host, "whisper", json!({"pace": "file"}));
        client.audio_in_frames(&audio, 32_000);
        if kills {
            client.until("segment");
            host.workers().into_iter().for_each(|worker| host.kill_worker(worker));
        }
        client.finish();
        client
    };
    lossless(&stream(false), &stream(true));
    host.wait_for_log(&["continuing with a new processor"], 1);
}
