//! The example as the server sees it: three beeps are three words, at their places.

#![allow(clippy::unwrap_used, reason = "test code")]

use auricle_engine_beeps::Loader;
use auricle_plugin_api::{
    Segment,
    host::{EventSink, HostServices, LoadedEngine, LogLevel},
};
use serde_json::Map;
use std::{path::PathBuf, sync::Arc};

struct Services;

impl HostServices for Services {
    fn log_level(&self) -> LogLevel {
        LogLevel::Warn
    }

    fn log(&self, _: LogLevel, target: &str, message: &str) {
        println!("{target}: {message}");
    }

    fn origin_dir(&self) -> PathBuf {
        PathBuf::from("/nowhere")
    }

    fn resource_dirs(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

#[derive(Default)]
struct Told(Vec<Segment>);

impl EventSink for Told {
    fn partial(&mut self, _: Segment) {}

    fn segment(&mut self, segment: Segment) {
        self.0.push(segment);
    }

    fn speech_started(&mut self, _: u64) {}

    fn endpoint(&mut self, _: u64) {}

    fn restart_point(&mut self, _: u64, _: &[u8]) {}
}

#[test]
fn beeps_become_words_at_their_places() {
    let engine = LoadedEngine::in_process(Loader, Arc::new(Services)).unwrap();
    let mut config: Map<String, _> = engine.schema().defaults().collect();
    config.insert("word".to_owned(), "peep".into());
    let model = engine.load(&config).unwrap();
    let mut audio = vec![0.0f32; 5 * 16_000];
    let beeps = [(8_000u64, 12_800u64), (32_000, 35_200), (72_000, 76_000)];
    for (start, end) in beeps {
        audio[start as usize..end as usize].fill(0.5);
    }
    let mut processor = model.processor(&config).unwrap();
    processor.init(0).unwrap();
    let mut told = Told::default();
    for chunk in audio.chunks(model.metadata().chunk_samples as usize) {
        processor.insert_audio_chunk(chunk).unwrap();
        processor.process_iter(&mut told).unwrap();
    }
    processor.finish(&mut told).unwrap();
    let words: Vec<_> = told.0.iter().flat_map(|segment| &segment.words).collect();
    assert!(words.iter().all(|word| word.text() == "peep"), "{words:?}");
    let places: Vec<_> = words.iter().map(|word| (word.start, word.end)).collect();
    assert_eq!(places, beeps);
}
