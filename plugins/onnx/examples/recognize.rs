//! Recognises recordings without a server, for comparisons: `recognize MODELS MODEL FILE.wav...` prints a line of JSON
//! for each file, with the words and the samples at which they begin. Files must be 16 kHz mono 16-bit WAV.

#[path = "../tests/harness/mod.rs"]
mod harness;

use auricle_plugin_test::audio::wav_floats;
use serde_json::json;
use std::{env, path::Path};

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let [models, name, files @ ..] = args.as_slice() else { panic!("recognize MODELS MODEL FILE.wav...") };
    let engine = harness::engine(Path::new(models));
    // Each file is one utterance.
    let fields = json!({"model": name, "rule2_min_trailing_silence": 3600, "rule3_min_utterance_length": 3600});
    let model = engine.load(fields);
    for file in files {
        let recording = model.run(&wav_floats(Path::new(file)));
        let words: Vec<_> = recording.words().map(|word| json!([word.text(), word.start])).collect();
        println!("{}", json!({"file": file, "words": words}));
    }
}
