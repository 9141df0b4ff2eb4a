//! The engine as the server uses it: through the plugin boundary, with the audio in whole chunks.

use my_engine::Loader;

use auricle_plugin_test::{StubHost, TestEngine, audio::wav_floats, check};
use serde_json::json;
use std::path::Path;

/// Two numbers with a pause between them.
const NUMBERS: &str = "1 2 3 4 5 6 7 8 9 0 * #";

fn engine() -> TestEngine {
    TestEngine::in_process(Loader, &StubHost::new())
}

fn audio() -> Vec<f32> {
    wav_floats(&Path::new(env!("CARGO_MANIFEST_DIR")).join("audio/keys.wav"))
}

#[test]
fn keys_become_words_at_their_places() {
    let recording = engine().load(json!({})).run(&audio());
    assert_eq!(recording.text(), NUMBERS);
    let first = recording.words().next().expect("a word");
    // The first key sounds from 0.3 s to 0.42 s.
    assert_eq!((first.start, first.end), (4_800, 6_720));
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
fn a_wrong_value_is_refused_by_name() {
    let refusal = engine().refusal(json!({"threshold": "loud"}));
    assert!(
        refusal.message.starts_with("field `threshold`"),
        "{refusal}"
    );
}
