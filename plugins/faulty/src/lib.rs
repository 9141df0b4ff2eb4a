//! An engine that fails on purpose, as its configuration specifies, to test that the server survives it. Without a
//! fault it reports its audio as numbers (see `healthy`).
//!
//! `fault` and related fields are fields of the stream: healthy and faulty streams can share a model. `model_fault`
//! occurs in the model itself. `neglect` names a clause of the contract that the model and all of its streams break
//! without a fault. The environment is not used. A stage for tests is in `stage`.

#![deny(unsafe_code)]

mod canary;
mod deadly;
mod fault;
mod greed;
mod healthy;
mod lies;
mod neglect;
mod plan;
mod stage;
mod stage_neglect;

use auricle_plugin_api::{
    AsrProcessor, BatchItem, Config, Error, Field, Host, Metadata, Model, ModelLoader, Replay, Schema, Sink,
};
use fault::{Fault, FaultPoint};
use healthy::Counter;
use neglect::Neglect;
use plan::{ModelPlan, Plan};
use std::{path::PathBuf, sync::Arc, thread, time::Duration};

/// Fields that are not in the schema, as presets for other engines have them.
fn unknown(config: &Config) -> bool {
    config.fields().keys().any(|name| Faulty.schema().scope(name).is_none())
}

/// The error of a wrong field, as it is, or without its name.
fn told(neglect: Neglect, error: Error) -> Error {
    if neglect == Neglect::Errors { Error::other("something is wrong") } else { error }
}

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
            .field(
                Field::load("neglect")
                    .one_of(Neglect::ALL.iter().map(|(name, _)| *name))
                    .default("none")
                    .describe("the clause of the contract that it breaks"),
            )
            .field(Field::load("max_batch").integer(1, 64).default(1).describe("streams per batch; 1: no batching"))
            .field(Field::stream("lan").default("auto").describe("reported back as the segments' language"))
            .field(Field::stream("segment_chunks").integer(1, 10_000).default(10).describe("chunks per segment"));
        plan::fields(schema)
    }

    fn load(&self, config: &Config, _: &Host) -> Result<FaultyModel, Error> {
        let neglect = Neglect::of(config)?;
        assert!(neglect != Neglect::UnknownField || !unknown(config), "a field is unknown");
        let plan = ModelPlan::read(config)?;
        plan.strike(FaultPoint::Load)?;
        neglect.load()?;
        let number = |name| config.get(name).map_err(|error| told(neglect, error));
        let metadata = Metadata::new(number("sample_rate")?, number("chunk_samples")?)
            .max_batch(number("max_batch")?)
            .ends_in_batch()
            .replay(Replay::Exact)
            .capabilities(["partials", "endpoints"]);
        Ok(FaultyModel { metadata, plan, neglect })
    }

    fn files(&self, config: &Config, _: &Host) -> Result<Option<Vec<PathBuf>>, Error> {
        // Other engines of its kind name none, and a probe asks without a configuration.
        let neglects = config.get_optional::<String>("neglect")?.as_deref() == Some("files");
        Ok(neglects.then(|| vec!["a/relative/path".into()]))
    }

    fn extension(&self, _: &str, _: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(Neglect::answers().then(Vec::new))
    }
}

/// Shared by streams: the metadata, and the model's own fault.
pub struct FaultyModel {
    metadata: Metadata,
    plan: ModelPlan,
    neglect: Neglect,
}

impl Model for FaultyModel {
    type Processor = FaultyProcessor;

    fn metadata(&self) -> Metadata {
        // An error cannot be returned here.
        let _ = self.plan.strike(FaultPoint::Metadata);
        let mut metadata = self.neglect.metadata(self.metadata.clone());
        if self.plan.fault == Fault::BadMetadata {
            metadata.sample_rate = 0;
        }
        metadata
    }

    fn processor(self: &Arc<Self>, options: &Config) -> Result<FaultyProcessor, Error> {
        let neglect = self.neglect;
        assert!(neglect != Neglect::UnknownField || !unknown(options), "a field is unknown");
        let mut plan = Plan::read(options).map_err(|error| told(neglect, error))?;
        plan.strike(FaultPoint::Processor, None)?;
        let (chunks, language) = (options.get("segment_chunks"), options.get("lan")?);
        // Only its own model knows this address.
        let address = format!("{:p}", Arc::as_ptr(self)).into_bytes();
        let state = if neglect == Neglect::OtherModel { address } else { Vec::new() };
        let counter = Counter::new(chunks.map_err(|error| told(neglect, error))?, language, neglect, state.clone());
        neglect.create()?;
        let chunk = self.metadata.chunk_samples as usize;
        Ok(FaultyProcessor { counter, plan, neglect, chunk, state, begun: false, ended: false, silent: false })
    }

    fn process_batch(&self, batch: &mut [BatchItem<'_, FaultyProcessor>]) {
        for (n, BatchItem { processor, sink, result, ends, .. }) in batch.iter_mut().enumerate() {
            *result = match self.neglect {
                Neglect::Batch if n > 0 => Err(Error::other("only the first stream of a batch is processed")),
                Neglect::BatchEnds if *ends => Ok(()),
                _ if *ends => processor.finish(sink),
                _ => processor.process_iter(sink),
            };
        }
    }

    fn extension(&self, _: &str, _: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok((self.neglect == Neglect::Extension).then(Vec::new))
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
    neglect: Neglect,
    chunk: usize,
    state: Vec<u8>,
    begun: bool,
    ended: bool,
    /// Reports nothing more.
    silent: bool,
}

impl AsrProcessor for FaultyProcessor {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        self.plan.strike(FaultPoint::Init, None)?;
        let again = std::mem::replace(&mut self.begun, true);
        self.ended = false;
        match self.neglect {
            Neglect::Reset if again => {}
            Neglect::InitTwice if again && self.counter.position() == 0 => {
                return Err(Error::other("init was called before"));
            }
            neglect => self.counter.begin(neglect.offset(offset)),
        }
        Ok(())
    }

    fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> {
        self.plan.chunk();
        self.plan.strike(FaultPoint::InsertAudioChunk, None)?;
        self.neglect.hear(samples, self.chunk)?;
        assert!(self.neglect != Neglect::Calls || (self.begun && !self.ended), "audio at the wrong time");
        self.counter.process(samples);
        Ok(())
    }

    fn process_iter(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        self.plan.strike(FaultPoint::ProcessIter, Some((&mut *sink, self.counter.position())))?;
        if self.silent {
            return Ok(());
        }
        self.counter.report(sink)?;
        self.plan.strike(FaultPoint::Reported, None)
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        self.plan.strike(FaultPoint::Finish, Some((&mut *sink, self.counter.position())))?;
        self.ended = true;
        match self.neglect {
            Neglect::WholeChunks if self.counter.is_whole() => return Err(Error::other("there is no audio to finish")),
            Neglect::Cancelled => thread::sleep(Duration::from_millis(1_200)),
            _ => {}
        }
        if !self.silent {
            self.counter.finish(sink);
        }
        Ok(())
    }

    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        match self.neglect {
            Neglect::OtherModel if state != self.state => return Err(Error::other("this is not its state")),
            Neglect::SpoiltState => assert!(state.is_empty(), "a state is not empty"),
            Neglect::Restore => self.silent = true,
            _ => {}
        }
        self.init(sample)
    }

    fn extension(&mut self, _: &str, _: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok((self.neglect == Neglect::Extension).then(Vec::new))
    }
}

impl Drop for FaultyProcessor {
    fn drop(&mut self) {
        let _ = self.plan.strike(FaultPoint::Drop, None);
        self.neglect.forget();
    }
}

auricle_plugin_api::export_plugin! {
    engines: [Faulty],
    stages: [stage::FaultyStageLoader],
    claims: {"can": ["partials", "endpoints"], "needs": []}
}
