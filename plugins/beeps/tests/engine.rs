//! The example as seen by the server: three beeps are three words, at their places.

#![allow(clippy::unwrap_used, reason = "test code")]

use auricle_engine_beeps::Loader;
use auricle_plugin_test::{StubHost, TestEngine, check};
use serde_json::json;

const BEEPS: [(u64, u64); 3] = [(8_000, 12_800), (32_000, 35_200), (72_000, 76_000)];

fn engine() -> TestEngine {
    TestEngine::in_process(Loader, &StubHost::new())
}

/// Five seconds of audio with three beeps.
fn audio() -> Vec<f32> {
    let mut audio = vec![0.0f32; 5 * 16_000];
    for (start, end) in BEEPS {
        audio[start as usize..end as usize].fill(0.5);
    }
    audio
}

#[test]
fn beeps_become_words_at_their_places() {
    let recording = engine().load(json!({"word": "peep"})).run(&audio());
    assert_eq!(recording.words().map(|word| word.text()).collect::<Vec<_>>(), ["peep"; 3]);
    assert_eq!(recording.words().map(|word| (word.start, word.end)).collect::<Vec<_>>(), BEEPS);
}

#[test]
fn holds_to_what_every_engine_must() {
    let (model, audio) = (engine().load(json!({})), audio());
    check::times_are_in_order(&model, &audio);
    check::flush_and_offset_start_anew(&model, &audio);
    check::restart_points_hold(&model, &audio);
    check::streams_do_not_mix(&model, &[&audio, &audio[..40_000], &[0.0; 32_000]]);
}

#[test]
fn a_threshold_out_of_range_is_refused_by_name() {
    let refusal = engine().refusal(json!({"threshold": "loud"}));
    assert!(refusal.message.starts_with("field `threshold`"), "{refusal}");
}
