//! A model with one function, as the server sees it.

use super::fake::{Fake, script, speech};
use crate::online::{Recognizer, Streaming};
use auricle_plugin_api::{
    Config, Error, Host, Metadata, ModelLoader, Replay, Schema, Segment,
    host::{EventSink, HostServices, LoadedEngine, LogLevel},
};
use serde_json::{Map, Value, json};
use std::{path::PathBuf, sync::Arc};

/// A server that has resources in these folders.
pub(crate) struct Services(pub(crate) Vec<PathBuf>);

impl HostServices for Services {
    fn log_level(&self) -> LogLevel {
        LogLevel::Warn
    }

    fn log(&self, _: LogLevel, _: &str, _: &str) {}

    fn origin_dir(&self) -> PathBuf {
        PathBuf::from("/nowhere")
    }

    fn resource_dirs(&self) -> Vec<PathBuf> {
        self.0.clone()
    }
}

/// An engine that hears the made-up speech.
pub(crate) struct Toy;

impl ModelLoader for Toy {
    type Model = Streaming<Weights>;

    fn backend(&self) -> &str {
        "toy"
    }

    fn schema(&self) -> Schema {
        Streaming::<Weights>::schema(Schema::new())
    }

    fn load(&self, config: &Config, host: &Host) -> Result<Self::Model, Error> {
        Streaming::new(Weights, config, host)
    }
}

/// None.
pub(crate) struct Weights;

impl Recognizer for Weights {
    type Transcriber = Fake;

    fn transcriber(self: &Arc<Self>, _: &Config) -> Result<Fake, Error> {
        Ok(Fake::default())
    }

    fn metadata(&self) -> Metadata {
        Metadata::default().capabilities(["confidence"])
    }
}

#[derive(Default)]
struct Told {
    segments: Vec<Segment>,
    speech: usize,
    ends: usize,
    restart: Option<(u64, Vec<u8>)>,
}

impl EventSink for Told {
    fn partial(&mut self, _: Segment) {}

    fn segment(&mut self, segment: Segment) {
        self.segments.push(segment);
    }

    fn speech_started(&mut self, _: u64) {
        self.speech += 1;
    }

    fn endpoint(&mut self, _: u64) {
        self.ends += 1;
    }

    fn restart_point(&mut self, sample: u64, state: &[u8]) {
        self.restart = Some((sample, state.to_vec()));
    }
}

fn engine() -> LoadedEngine {
    LoadedEngine::in_process(Toy, Arc::new(Services(Vec::new()))).unwrap()
}

fn config(fields: Value) -> Map<String, Value> {
    let Value::Object(mut config) = fields else { panic!("not an object") };
    for (name, default) in engine().schema().defaults() {
        config.entry(name).or_insert(default);
    }
    config
}

#[test]
fn streams_through_the_boundary_on_the_chunk_it_names() {
    for (fields, chunk, endpoints) in [
        (json!({}), 16_000, false),
        (json!({"min_chunk_size": 0.5, "buffer_trimming": "sentence"}), 8_000, false),
        (json!({"vac": true, "vad": "energy"}), 640, true),
    ] {
        let config = config(fields);
        let model = engine().load(&config).unwrap();
        let metadata = model.metadata();
        assert_eq!((metadata.sample_rate, metadata.chunk_samples, metadata.replay), (16_000, chunk, Replay::Lossless));
        assert!(
            metadata.capabilities.contains(&"confidence".into()) && metadata.capabilities.contains(&"partials".into())
        );
        assert_eq!(metadata.capabilities.contains(&"endpoints".into()), endpoints);
        let (mut told, mut processor) = (Told::default(), model.processor(&config).unwrap());
        processor.init(0).unwrap();
        // Loud words, for the detector is a plain one.
        let audio = [speech(3_000, 20), vec![0.0; 32_000]].concat();
        let half = audio.len() / 2 / chunk as usize;
        for piece in audio.chunks(chunk as usize).take(half) {
            processor.insert_audio_chunk(piece).unwrap();
            processor.process_iter(&mut told).unwrap();
        }
        // The rest of the stream is another processor's.
        let (sample, state) = told.restart.take().unwrap();
        let mut processor = model.processor(&config).unwrap();
        processor.init(0).unwrap();
        processor.restore(sample, &state).unwrap();
        for piece in audio[sample as usize..].chunks(chunk as usize) {
            processor.insert_audio_chunk(piece).unwrap();
            processor.process_iter(&mut told).unwrap();
        }
        processor.finish(&mut told).unwrap();
        let text: Vec<_> = told.segments.iter().map(|segment| segment.text().into_owned()).collect();
        assert_eq!(text.join(" "), script(3_000, 20));
        assert_eq!((told.speech > 0, told.ends > 0), (endpoints, endpoints));
    }
}

#[test]
fn what_cannot_be_used_is_refused_by_name() {
    let refused = |fields| engine().load(&config(fields)).err().unwrap().message;
    assert!(refused(json!({"min_chunk_size": 11})).starts_with("field `min_chunk_size`"));
    assert!(refused(json!({"vac": true, "vad": "ears"})).starts_with("field `vad`: is \"ears\": this engine has"));
    let model = engine().load(&config(json!({}))).unwrap();
    let refused = model.processor(&config(json!({"buffer_trimming_sec": 30}))).err().unwrap().message;
    assert!(refused.starts_with("field `buffer_trimming_sec`"), "{refused}");
}
