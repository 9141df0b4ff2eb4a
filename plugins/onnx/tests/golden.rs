//! The committed model gives the same results as in the reference: `parity/golden.json`, written by
//! `parity/compare.py`.

#![allow(clippy::unwrap_used, reason = "test code")]

mod harness;

use harness::{digits, fixture, root};
use serde::Deserialize;
use serde_json::json;
use std::fs;

#[derive(Deserialize)]
struct Golden {
    recording: String,
    /// Number of feature frames per output frame.
    subsampling: u64,
    /// Words, each with the frame of its first token.
    words: Vec<(String, u64)>,
}

#[test]
fn words_and_frames_are_those_of_the_reference() {
    let golden = fs::read(root().join("plugins/onnx/parity/golden.json")).unwrap();
    let Golden { recording, subsampling, words } = serde_json::from_slice(&golden).unwrap();
    // The recording is one utterance.
    let model = digits(json!({"rule2_min_trailing_silence": 3600, "rule3_min_utterance_length": 3600}));
    let found = model.run(&fixture(&recording));
    let found: Vec<_> = found.words().map(|word| (word.text().into_owned(), word.start / 160 / subsampling)).collect();
    let same = found.len() == words.len()
        && found.iter().zip(&words).all(|(found, word)| found.0 == word.0 && found.1.abs_diff(word.1) <= 1);
    assert!(
        same,
        "recognised {found:?}\nreference {words:?}\nAfter a change of models/digits: \
         `python3 plugins/onnx/parity/compare.py --write-golden` runs the reference again"
    );
}
