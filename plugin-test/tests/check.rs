//! The checks detect an engine that violates them.

#![allow(clippy::unwrap_used, reason = "test code")]

use auricle_plugin_api::{
    AsrProcessor, Config, Error, Field, Host, Metadata, Model, ModelLoader, Replay, Schema, Segment, Sink,
};
use auricle_plugin_test::{StubHost, TestEngine, TestModel, check};
use serde_json::json;
use std::sync::Arc;

/// Reports a segment and a restart point for each chunk. With `forgets` it reports nothing after a restart.
struct Counter;

impl ModelLoader for Counter {
    type Model = Promise;

    fn backend(&self) -> &str {
        "counter"
    }

    fn schema(&self) -> Schema {
        Schema::new().field(Field::load("forgets").boolean().default(false))
    }

    fn load(&self, config: &Config, _: &Host) -> Result<Promise, Error> {
        Ok(Promise { forgets: config.get("forgets")? })
    }
}

struct Promise {
    forgets: bool,
}

impl Model for Promise {
    type Processor = Count;

    fn metadata(&self) -> Metadata {
        Metadata::new(16_000, 100).replay(Replay::Exact)
    }

    fn processor(self: &Arc<Self>, _: &Config) -> Result<Count, Error> {
        Ok(Count { forgets: self.forgets, silent: false, start: 0, position: 0 })
    }
}

struct Count {
    forgets: bool,
    silent: bool,
    start: u64,
    position: u64,
}

impl AsrProcessor for Count {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        (self.start, self.position) = (offset, offset);
        Ok(())
    }

    fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> {
        self.position += samples.len() as u64;
        Ok(())
    }

    fn process_iter(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        if !self.silent {
            sink.segment(&Segment::new(self.start, self.position, "chunk"));
        }
        self.start = self.position;
        sink.restart_point(self.position, &[]);
        Ok(())
    }

    fn finish(&mut self, _: &mut Sink<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn restore(&mut self, sample: u64, _: &[u8]) -> Result<(), Error> {
        self.silent = self.forgets;
        self.init(sample)
    }
}

fn model(forgets: bool) -> TestModel {
    TestEngine::in_process(Counter, &StubHost::new()).load(json!({"forgets": forgets}))
}

#[test]
fn an_engine_that_goes_on_exactly_passes() {
    check::restart_points_hold(&model(false), &[0.0; 500]);
}

#[test]
#[should_panic(expected = "from sample 100")]
fn segments_left_out_after_a_restart_are_noticed() {
    check::restart_points_hold(&model(true), &[0.0; 500]);
}
