//! A model behind a voice gate. Threads: as of the model.

use super::{
    gate::GateModel,
    processor::{Call, StreamProcessor},
};
use auricle_plugin_api::{
    Metadata,
    host::{self, EventSink, LoadedModel},
};
use auricle_stream::{BatchEntry, CallError, Model, Processor};
use serde_json::{Map, Value};
use std::any::Any;

/// A model behind a voice gate.
pub(super) struct GatedModel {
    model: LoadedModel,
    gate: GateModel,
}

/// A processor in a batch.
struct Part<'a> {
    processor: &'a mut StreamProcessor,
    sink: &'a mut dyn EventSink,
    /// The call in the batch that is due.
    call: Option<Call>,
    outcome: &'a mut Result<(), CallError>,
}

impl GatedModel {
    pub(super) fn new(model: LoadedModel, gate: GateModel) -> Self {
        Self { model, gate }
    }

    /// Makes the next call of each part's engine, all in one batch. Returns whether there was one.
    fn process_round(&self, parts: &mut [Part<'_>]) -> bool {
        let ends_in_batch = self.model.metadata().ends_in_batch;
        for part in parts.iter_mut().filter(|part| part.outcome.is_ok()) {
            match part.processor.next_in_batch(ends_in_batch, &mut *part.sink) {
                Ok(call) => part.call = call,
                Err(error) => *part.outcome = Err(error.into()),
            }
        }
        let due = parts.iter_mut().filter(|part| part.call.is_some());
        let (mut engines, mut sinks): (Vec<_>, Vec<_>) = due.map(|part| part.processor.parts(&mut *part.sink)).unzip();
        let pairs = engines.iter_mut().zip(&mut sinks);
        let mut entries: Vec<_> =
            pairs.map(|(engine, sink)| host::BatchEntry { processor: engine, sink, result: Ok(()) }).collect();
        if entries.is_empty() {
            return false;
        }
        self.model.process_batch(&mut entries);
        let results: Vec<_> = entries.into_iter().map(|entry| entry.result).collect();
        for (part, result) in parts.iter_mut().filter(|part| part.call.is_some()).zip(results) {
            *part.outcome = result.map_err(CallError::Engine);
            if let Some(call) = part.call.take().filter(|_| part.outcome.is_ok()) {
                part.processor.called(call, &mut *part.sink);
            }
        }
        true
    }
}

impl Model for GatedModel {
    fn metadata(&self) -> &Metadata {
        self.gate.metadata()
    }

    fn processor(&self, _: &str, options: &Map<String, Value>) -> Result<Box<dyn Processor>, CallError> {
        Ok(Box::new(StreamProcessor::new(self.model.processor(options)?, Some(self.gate.gate()))))
    }

    fn process_batch(&self, batch: &mut [BatchEntry<'_>]) {
        let mut parts = Vec::with_capacity(batch.len());
        for BatchEntry { processor, audio, ends, sink, outcome } in batch {
            let processor: &mut dyn Any = &mut **processor;
            let Some(processor) = processor.downcast_mut::<StreamProcessor>() else { continue };
            *outcome = processor.push(audio, *ends).map_err(CallError::Engine);
            parts.push(Part { processor, sink: &mut **sink, call: None, outcome });
        }
        // A piece of audio may lead to no call of the engine, or to several.
        while self.process_round(&mut parts) {}
    }
}
