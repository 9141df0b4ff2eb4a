//! A model with one function, as seen by the server.

use super::fake::{Fake, script, speech};
use crate::online::{Recognizer, Streaming};
use auricle_plugin_api::{Config, Error, Host, Metadata, ModelLoader, Replay, Schema};
use auricle_plugin_test::{Recording, StubHost, TestEngine};
use serde_json::json;
use std::sync::Arc;

/// An engine that recognises the synthetic speech.
struct Toy;

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

/// A model without weights.
struct Weights;

impl Recognizer for Weights {
    type Transcriber = Fake;

    fn transcriber(self: &Arc<Self>, _: &Config) -> Result<Fake, Error> {
        Ok(Fake::default())
    }

    fn metadata(&self) -> Metadata {
        Metadata::default().capabilities(["confidence"])
    }
}

fn engine() -> TestEngine {
    TestEngine::in_process(Toy, &StubHost::new())
}

#[test]
fn streams_through_the_boundary_on_the_chunk_it_names() {
    for (fields, chunk, endpoints) in [
        (json!({}), 16_000, false),
        (json!({"min_chunk_size": 0.5, "buffer_trimming": "sentence"}), 8_000, false),
        (json!({"vac": true, "vad": "energy"}), 640, true),
    ] {
        let model = engine().load(fields);
        let metadata = model.metadata();
        assert_eq!((metadata.sample_rate, metadata.chunk_samples, metadata.replay), (16_000, chunk, Replay::Lossless));
        assert!(
            metadata.capabilities.contains(&"confidence".into()) && metadata.capabilities.contains(&"partials".into())
        );
        assert_eq!(metadata.capabilities.contains(&"endpoints".into()), endpoints);
        // Loud words, because the detector only measures loudness.
        let audio = [speech(3_000, 20), vec![0.0; 32_000]].concat();
        let mut stream = model.stream();
        stream.push(&audio[..audio.len() / 2]).unwrap();
        let first = stream.into_recording();
        // Another processor continues the stream.
        let point = first.restart_points.last().unwrap();
        let mut stream = model.stream();
        stream.restore(point).unwrap();
        stream.push(&audio[point.sample as usize..]).unwrap();
        let second = stream.finish().unwrap();
        assert_eq!([first.text(), second.text()].join(" ").trim(), script(3_000, 20));
        let both = |count: fn(&Recording) -> usize| count(&first) + count(&second);
        assert_eq!(both(|recording| recording.speech_starts.len()) > 0, endpoints);
        assert_eq!(both(|recording| recording.endpoints.len()) > 0, endpoints);
    }
}

#[test]
fn what_cannot_be_used_is_refused_by_name() {
    let refused = |fields| engine().refusal(fields).message;
    assert!(refused(json!({"min_chunk_size": 11})).starts_with("field `min_chunk_size`"));
    assert!(refused(json!({"vac": true, "vad": "ears"})).starts_with("field `vad`: is \"ears\": this engine has"));
    let refused = engine().load(json!({})).refusal(json!({"buffer_trimming_sec": 30})).message;
    assert!(refused.starts_with("field `buffer_trimming_sec`"), "{refused}");
}
