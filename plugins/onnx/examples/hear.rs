//! Hears recordings with a model and no server: `hear MODELS MODEL FILE.wav...` prints a line of JSON for each, the words with
//! the samples where they begin. For comparing the engine with others; 16 kHz mono 16-bit WAV files only.

#![allow(clippy::unwrap_used, reason = "a tool of the developers'")]

#[path = "../tests/harness/mod.rs"]
mod harness;

use serde_json::json;
use std::{env, fs, path::Path};

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let [models, name, files @ ..] = args.as_slice() else { panic!("hear MODELS MODEL FILE.wav...") };
    let engine = harness::engine(Path::new(models));
    // As one utterance each.
    let rules = json!({"rule2_min_trailing_silence": 3600, "rule3_min_utterance_length": 3600});
    let mut config = harness::config(&engine, rules);
    config.insert("model".into(), name.as_str().into());
    let model = engine.load(&config).unwrap_or_else(|problem| panic!("{problem}"));
    for file in files {
        let told = harness::hear(&model, &config, &harness::samples(&fs::read(file).unwrap()));
        let words: Vec<_> = told.segments.iter().flat_map(|segment| &segment.words).collect();
        let words: Vec<_> = words.iter().map(|word| json!([word.text(), word.start])).collect();
        println!("{}", json!({"file": file, "words": words}));
    }
}
