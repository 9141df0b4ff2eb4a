//! A model whose events pass stages. Threads: as of the model.

use super::{
    chain::{Chain, Link},
    error::of_stage,
    list::{STAGE, STAGES},
    state::ChainState,
};
use auricle_plugin_api::{
    Error, ErrorCode, Metadata,
    host::{EventSink, LoadedStage},
};
use auricle_stream::{BatchEntry, CallError, Death, Model, Processor};
use serde_json::{Map, Value, json};
use std::{any::Any, sync::Arc};

/// The field that tells a stream of a stage the rate of its audio.
const RATE: &str = "sample_rate";

/// A model with the stages of its preset.
pub struct Staged {
    model: Box<dyn Model>,
    metadata: Metadata,
    stages: Vec<(Arc<str>, LoadedStage)>,
}

impl Staged {
    /// Puts stages, with their names, behind a model.
    ///
    /// # Errors
    /// A stage does not work with the model's sample rate.
    pub fn new(model: Box<dyn Model>, stages: Vec<(String, LoadedStage)>) -> Result<Self, Error> {
        let mut metadata = model.metadata().clone();
        for (name, stage) in &stages {
            let (wanted, rate) = (stage.metadata().sample_rate, metadata.sample_rate);
            if let Some(wanted) = wanted.filter(|wanted| *wanted != rate) {
                let problem = format!("works with audio of {wanted} Hz only, and this model has {rate} Hz");
                return Err(Error::new(ErrorCode::CONFIG, format!("stage `{name}` {problem}")));
            }
            for ability in &stage.metadata().capabilities {
                if !metadata.capabilities.contains(ability) {
                    metadata.capabilities.push(ability.clone());
                }
            }
        }
        let described = stages.iter().map(|(name, stage)| {
            let of = stage.metadata();
            json!({"stage": name, "delay_seconds": of.delay_seconds, "changes_text": of.changes_text})
        });
        metadata.extra.insert(STAGES.to_owned(), described.collect());
        let stages = stages.into_iter().map(|(name, stage)| (name.into(), stage)).collect();
        Ok(Self { model, metadata, stages })
    }

    /// The model itself if there are no stages; otherwise with them behind it.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub fn around(model: Box<dyn Model>, stages: Vec<(String, LoadedStage)>) -> Result<Box<dyn Model>, Error> {
        if stages.is_empty() { Ok(model) } else { Ok(Box::new(Self::new(model, stages)?)) }
    }

    /// The stages of a new stream. `fields` has the list of them, in the order of the preset.
    fn chain(&self, fields: Option<Value>) -> Result<Chain, Error> {
        let mut entries = match fields {
            Some(Value::Array(entries)) => entries.into_iter(),
            _ => Vec::new().into_iter(),
        };
        let links = self.stages.iter().map(|(name, stage)| {
            let mut fields = match entries.next() {
                Some(Value::Object(fields)) => fields,
                _ => Map::new(),
            };
            fields.remove(STAGE);
            fields.insert(RATE.to_owned(), self.metadata.sample_rate.into());
            let stream = stage.stream(&fields).map_err(|error| of_stage(name, error))?;
            Ok(Link { name: Arc::clone(name), stream })
        });
        Ok(Chain::new(links.collect::<Result<_, Error>>()?))
    }
}

impl Model for Staged {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn processor(&self, stream: &str, options: &Map<String, Value>) -> Result<Box<dyn Processor>, CallError> {
        let mut options = options.clone();
        let chain = self.chain(options.remove(STAGES))?;
        Ok(Box::new(StagedProcessor { engine: self.model.processor(stream, &options)?, chain }))
    }

    fn process_batch(&self, batch: &mut [BatchEntry<'_>]) {
        let mut parts = Vec::with_capacity(batch.len());
        let mut outcomes = Vec::with_capacity(batch.len());
        for BatchEntry { processor, audio, ends, sink, outcome } in batch {
            let processor: &mut dyn Any = &mut **processor;
            let Some(StagedProcessor { engine, chain }) = processor.downcast_mut::<StagedProcessor>() else { continue };
            match chain.hear(audio, &mut **sink) {
                Ok(()) => {
                    parts.push((engine, *audio, *ends, chain.sink(&mut **sink)));
                    outcomes.push(outcome);
                }
                Err(error) => *outcome = Err(error.into()),
            }
        }
        let entries = parts.iter_mut().map(|(engine, audio, ends, sink)| BatchEntry {
            processor: &mut ***engine,
            audio,
            ends: *ends,
            sink,
            outcome: Err(CallError::Unavailable("it was not processed".into())),
        });
        let mut entries: Vec<_> = entries.collect();
        self.model.process_batch(&mut entries);
        let results: Vec<_> = entries.into_iter().map(|entry| entry.outcome).collect();
        for (((_, _, ends, sink), result), outcome) in parts.into_iter().zip(results).zip(outcomes) {
            *outcome = sink.conclude(result, ends);
        }
    }

    fn unavailable(&self) -> Option<String> {
        self.model.unavailable()
    }

    fn resident_bytes(&self) -> Option<u64> {
        self.model.resident_bytes()
    }

    fn note_death(&self, stream: &str, death: &Death) {
        self.model.note_death(stream, death);
    }
}

/// A stream's processor with its stages. The fields are dropped in this order.
struct StagedProcessor {
    engine: Box<dyn Processor>,
    chain: Chain,
}

impl Processor for StagedProcessor {
    fn is_dead(&self) -> bool {
        self.engine.is_dead()
    }

    fn init(&mut self, offset: u64) -> Result<(), CallError> {
        self.engine.init(offset)?;
        Ok(self.chain.init(offset)?)
    }

    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), CallError> {
        let state = ChainState::decode(state, self.chain.len())?;
        self.engine.restore(sample, state.engine)?;
        Ok(self.chain.restore(sample, &state)?)
    }

    fn process(&mut self, audio: &[f32], ends: bool, sink: &mut dyn EventSink) -> Result<(), CallError> {
        self.chain.hear(audio, sink)?;
        let mut chained = self.chain.sink(sink);
        let outcome = self.engine.process(audio, ends, &mut chained);
        chained.conclude(outcome, ends)
    }

    fn end_turn(&mut self, sink: &mut dyn EventSink) -> Result<(), CallError> {
        Ok(self.chain.end_turn(sink)?)
    }
}
