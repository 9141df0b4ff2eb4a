//! A model in this process, called directly. A crash of the engine ends the process.

use super::model::{BatchEntry, CallError, Model, Processor};
use auricle_plugin_api::{
    Error, Metadata,
    host::{self, EventSink, LoadedModel, LoadedProcessor},
};
use serde_json::{Map, Value};

impl Model for LoadedModel {
    fn metadata(&self) -> &Metadata {
        Self::metadata(self)
    }

    fn processor(&self, _: &str, options: &Map<String, Value>) -> Result<Box<dyn Processor>, CallError> {
        Ok(Box::new(Self::processor(self, options)?))
    }

    fn process_batch(&self, batch: &mut [BatchEntry<'_>]) {
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut entries = Vec::with_capacity(batch.len());
        for BatchEntry { processor, audio, ends, sink, outcome } in batch {
            let processor: &mut dyn std::any::Any = &mut **processor;
            let Some(processor) = processor.downcast_mut::<LoadedProcessor>() else { continue };
            match insert(processor, audio).and_then(|()| if *ends { processor.announce_end() } else { Ok(()) }) {
                Ok(()) => {
                    entries.push(host::BatchEntry { processor, sink: &mut **sink, result: Ok(()) });
                    outcomes.push(outcome);
                }
                Err(error) => *outcome = Err(error.into()),
            }
        }
        Self::process_batch(self, &mut entries);
        for (entry, outcome) in entries.into_iter().zip(outcomes) {
            *outcome = entry.result.map_err(CallError::Engine);
        }
    }
}

impl Processor for LoadedProcessor {
    fn init(&mut self, offset: u64) -> Result<(), CallError> {
        Ok(Self::init(self, offset)?)
    }

    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), CallError> {
        Ok(Self::restore(self, sample, state)?)
    }

    fn process(&mut self, audio: &[f32], ends: bool, sink: &mut dyn EventSink) -> Result<(), CallError> {
        insert(self, audio)?;
        Ok(if ends { self.finish(sink) } else { self.process_iter(sink) }?)
    }
}

fn insert(processor: &mut LoadedProcessor, audio: &[f32]) -> Result<(), Error> {
    if audio.is_empty() { Ok(()) } else { processor.insert_audio_chunk(audio) }
}
