//! The engine as seen by the server: through the boundary, from configuration to events, with the committed model.

#![allow(clippy::unwrap_used, reason = "test code")]

mod harness;

use auricle_plugin_api::{ErrorCode, Replay};
use auricle_plugin_test::{RestartPoint, check};
use harness::{digits, fixture, root};
use proptest::prelude::*;
use serde_json::json;
use std::fs;

/// The text of the bundled recording, on one line.
fn spoken() -> String {
    let text = fs::read_to_string(root().join("fixtures/digits.txt")).unwrap();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_bundled_digits_are_heard_with_times_and_confidences() {
    let (model, audio) = (digits(json!({})), fixture("digits.wav"));
    let recording = model.run(&audio);
    assert_eq!(recording.text(), spoken());
    check::times_are_in_order(&model, &audio);
    for segment in &recording.segments {
        assert!(segment.start < segment.end, "{segment:?}");
        assert_eq!(segment.words.len(), segment.text().split(' ').count());
        assert_eq!((segment.words[0].start, segment.words.last().unwrap().end), (segment.start, segment.end));
        for word in &segment.words {
            assert!(word.start < word.end, "{word:?}");
            assert!((0.0..=1.0).contains(&word.confidence.unwrap()), "{word:?}");
        }
    }
    assert_eq!(recording.speech_starts.len(), recording.segments.len());
    let partial = recording.partials[0].text();
    assert!(recording.text().starts_with(&*partial), "{partial}");
}

#[test]
fn says_what_it_is() {
    let model = digits(json!({"lan": "en"}));
    let metadata = model.metadata();
    assert_eq!((metadata.sample_rate, metadata.replay, metadata.separator.as_str()), (16_000, Replay::Exact, " "));
    assert_eq!(metadata.languages, ["en"]);
    assert!(metadata.capabilities.contains(&"word-times".to_owned()));
}

#[test]
fn silence_ends_an_utterance_after_the_time_that_was_asked_for() {
    let audio = [fixture("digits.wav"), vec![0.0; 64_000]].concat();
    let run = |seconds: f64| digits(json!({"rule2_min_trailing_silence": seconds})).run(&audio);
    let (short, long) = (run(0.3), run(3.0));
    assert!(short.endpoints.len() > long.endpoints.len(), "{:?} {:?}", short.endpoints, long.endpoints);
    assert_eq!(short.text(), long.text());
    assert_eq!(long.endpoints.len(), 1);
    let silence = (long.endpoints[0] - long.segments[0].end) as f64 / 16_000.0;
    assert!((3.0..3.3).contains(&silence), "{silence}");
}

#[test]
fn silence_alone_begins_an_utterance_anew_after_the_time_that_was_asked_for() {
    let audio = [vec![0.0; 48_000], fixture("digits.wav")].concat();
    let first_endpoint = |seconds: f64| {
        let model = digits(json!({
            "rule1_min_trailing_silence": seconds,
            "rule2_min_trailing_silence": 60,
            "rule3_min_utterance_length": 4,
        }));
        model.run(&audio).endpoints[0] as f64 / 16_000.0
    };
    // An utterance of four seconds that begins with the audio, or after two seconds of silence.
    let (whole, anew) = (first_endpoint(60.0), first_endpoint(2.0));
    assert!((4.0..4.3).contains(&whole) && (6.0..6.3).contains(&anew), "{whole} {anew}");
}

#[test]
fn speech_without_end_is_cut_by_the_third_rule_and_loses_nothing() {
    let model = digits(json!({"rule2_min_trailing_silence": 60, "rule3_min_utterance_length": 2}));
    let recording = model.run(&fixture("digits.wav"));
    assert!(recording.segments.len() > 2, "{:?}", recording.texts());
    assert_eq!(recording.text(), spoken());
}

#[test]
fn nothing_is_said_of_silence() {
    let recording = digits(json!({})).run(&vec![0.0; 160_000]);
    assert!(recording.segments.is_empty() && recording.partials.is_empty(), "{recording:?}");
    assert!(recording.endpoints.is_empty(), "{recording:?}");
}

#[test]
fn streams_of_one_model_do_not_hear_one_another() {
    let (model, audio) = (digits(json!({})), fixture("digits.wav"));
    let alone = model.run(&audio);
    let mut streams = [model.stream(), model.stream(), model.stream()];
    let chunks: Vec<&[f32]> = audio.chunks(2_560).collect();
    for n in 0..=chunks.len() {
        // The second is a chunk behind, the third gets silence.
        if let Some(chunk) = chunks.get(n) {
            streams[0].push(chunk).unwrap();
            streams[2].push(&vec![0.0; chunk.len()]).unwrap();
        }
        if n > 0 {
            streams[1].push(chunks[n - 1]).unwrap();
        }
    }
    let [first, second, silent] = streams.map(|stream| stream.finish().unwrap());
    assert_eq!((&first, &second), (&alone, &alone));
    assert!(silent.segments.is_empty());
}

#[test]
fn a_new_beginning_forgets_what_was_and_counts_from_its_offset() {
    check::flush_and_offset_start_anew(&digits(json!({})), &fixture("digits.wav"));
}

#[test]
fn a_stream_goes_on_exactly_from_any_restart_point() {
    let (model, audio) = (digits(json!({})), fixture("digits.wav"));
    assert!(model.run(&audio).restart_points.len() >= audio.len() / 32_000);
    check::restart_points_hold(&model, &audio);
}

#[test]
fn a_restart_point_of_elsewhere_is_refused() {
    let model = digits(json!({}));
    let point = model.run(&fixture("digits.wav")).restart_points.swap_remove(2);
    let moved = RestartPoint { sample: point.sample + 1, ..point.clone() };
    let [mut cut, mut foreign] = [point.clone(), point.clone()];
    cut.state.pop();
    foreign.state = b"elsewhere".to_vec();
    let mut stream = model.stream();
    for damaged in [moved, cut, foreign] {
        assert_eq!(stream.restore(&damaged).unwrap_err().code, ErrorCode::CONTRACT);
    }
    stream.restore(&point).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn the_same_is_heard_however_the_audio_is_cut(chunk in 1usize..20_000) {
        let model = digits(json!({}));
        let audio = &fixture("digits.wav")[..64_000];
        prop_assert_eq!(model.run_in_chunks(audio, chunk), model.run(audio));
    }
}
