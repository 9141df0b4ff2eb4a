//! An engine that fails on purpose, as its configuration specifies, to test that the server survives it. Without a
//! fault it reports its audio as numbers (see `healthy`).
//!
//! `fault` and related fields are fields of the stream: healthy and faulty streams can share a model. `model_fault`
//! occurs in the model itself. The environment is not used.

#![deny(unsafe_code)]

mod canary;
mod deadly;
mod fault;
mod greed;
mod healthy;
mod lies;
mod plan;

use auricle_plugin_api::{
    AsrProcessor, Config, Error, Field, Host, Metadata, Model, ModelLoader, Replay, Schema, Sink,
};
use fault::{Fault, FaultPoint};
use healthy::Counter;
use plan::{ModelPlan, Plan};
use std::sync::Arc;

/// The loader.
pub struct Faulty;

impl ModelLoader for Faulty {
    type Model = FaultyModel;

    fn backend(&self) -> &str {
        "faulty"
    }

    fn schema(&self) -> Schema {
        let schema = Schema::new()
            .field(Field::load("model").default("faulty").describe("ignored: there is no model"))
            .field(Field::load("sample_rate").integer(1_000, 384_000).default(16_000).describe("samples per second"))
            .field(Field::load("chunk_samples").integer(1, 480_000).default(1_600).describe("samples per chunk"))
            .field(Field::load("max_batch").integer(1, 64).default(1).describe("streams per batch; 1: no batching"))
            .field(Field::stream("lan").default("auto").describe("reported back as the segments' language"))
            .field(Field::stream("segment_chunks").integer(1, 10_000).default(10).describe("chunks per segment"));
        plan::fields(schema)
    }

    fn load(&self, config: &Config, _: &Host) -> Result<FaultyModel, Error> {
        let plan = ModelPlan::read(config)?;
        plan.strike(FaultPoint::Load)?;
        let metadata = Metadata::new(config.get("sample_rate")?, config.get("chunk_samples")?)
            .max_batch(config.get("max_batch")?)
            .ends_in_batch()
            .replay(Replay::Exact)
            .capabilities(["partials", "endpoints"]);
        Ok(FaultyModel { metadata, plan })
    }
}

/// Shared by streams: the metadata, and the model's own fault.
pub struct FaultyModel {
    metadata: Metadata,
    plan: ModelPlan,
}

impl Model for FaultyModel {
    type Processor = FaultyProcessor;

    fn metadata(&self) -> Metadata {
        // An error cannot be returned here.
        let _ = self.plan.strike(FaultPoint::Metadata);
        let mut metadata = self.metadata.clone();
        if self.plan.fault == Fault::BadMetadata {
            metadata.sample_rate = 0;
        }
        metadata
    }

    fn processor(self: &Arc<Self>, options: &Config) -> Result<FaultyProcessor, Error> {
        let mut plan = Plan::read(options)?;
        plan.strike(FaultPoint::Processor, None)?;
        let counter = Counter::new(options.get("segment_chunks")?, options.get("lan")?);
        Ok(FaultyProcessor { counter, plan })
    }
}

impl Drop for FaultyModel {
    fn drop(&mut self) {
        let _ = self.plan.strike(FaultPoint::ModelDrop);
    }
}

/// A stream, which is healthy until its fault occurs.
pub struct FaultyProcessor {
    counter: Counter,
    plan: Plan,
}

impl AsrProcessor for FaultyProcessor {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        self.plan.strike(FaultPoint::Init, None)?;
        self.counter.restart(offset);
        Ok(())
    }

    fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> {
        self.plan.chunk();
        self.plan.strike(FaultPoint::InsertAudioChunk, None)?;
        self.counter.process(samples);
        Ok(())
    }

    fn process_iter(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        self.plan.strike(FaultPoint::ProcessIter, Some((&mut *sink, self.counter.position())))?;
        self.counter.report(sink)?;
        self.plan.strike(FaultPoint::Reported, None)
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        self.plan.strike(FaultPoint::Finish, Some((&mut *sink, self.counter.position())))?;
        self.counter.finish(sink);
        Ok(())
    }

    fn restore(&mut self, sample: u64, _: &[u8]) -> Result<(), Error> {
        self.init(sample)
    }
}

impl Drop for FaultyProcessor {
    fn drop(&mut self) {
        let _ = self.plan.strike(FaultPoint::Drop, None);
    }
}

auricle_plugin_api::export_engine!(Faulty);
