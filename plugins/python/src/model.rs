//! A loader of an author, and the processors that it makes. Threads: any.

use crate::{
    ffi::{Argument, Object},
    interpreter::Interpreter,
    opener::Opener,
    processor::Processor,
    results::{self, Item},
};
use auricle_plugin_api::{BatchItem, Config, Error, Metadata, Model, Replay};
use serde::Deserialize;
use std::sync::Arc;

/// The sample rate of the protocol.
pub(crate) const RATE: u32 = 16_000;

/// An author's loader.
pub struct PythonModel {
    interpreter: Interpreter,
    opener: Opener,
    /// The adapter's method `batch`.
    batch: Object,
    metadata: Metadata,
}

/// The metadata of a loader that are used.
#[derive(Deserialize)]
struct Described {
    separator: String,
    max_batch: u32,
    replay: Replay,
    languages: Vec<String>,
    capabilities: Vec<String>,
}

impl PythonModel {
    /// Calls the loader for the first time.
    pub(crate) fn load(
        interpreter: Interpreter,
        loader: &Object,
        config: &Config,
        chunk_samples: u32,
        max_streams: u32,
    ) -> Result<Self, Error> {
        let (opener, described): (_, Described) = Opener::first(interpreter, loader, config)?;
        let metadata = Metadata::new(RATE, chunk_samples)
            .separator(described.separator)
            .languages(described.languages)
            .capabilities(described.capabilities)
            .max_streams(max_streams)
            .max_batch(described.max_batch)
            .replay(described.replay)
            .loads_per_stream();
        let batch = loader.attribute(c"batch")?;
        Ok(Self { interpreter, opener, batch, metadata })
    }
}

impl Model for PythonModel {
    type Processor = Processor;

    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn processor(self: &Arc<Self>, options: &Config) -> Result<Processor, Error> {
        Processor::new(self.interpreter, self.opener.open(options)?)
    }

    fn process_batch(&self, batch: &mut [BatchItem<'_, Processor>]) {
        match self.call_batch(batch) {
            Ok(items) => {
                for (item, returned) in batch.iter_mut().zip(items) {
                    item.processor.pending = false;
                    item.result = results::report_item(returned, item.processor.offset, &mut item.sink);
                }
            }
            Err(error) => batch.iter_mut().for_each(|item| item.result = Err(error.clone())),
        }
    }
}

impl PythonModel {
    fn call_batch(&self, batch: &[BatchItem<'_, Processor>]) -> Result<Vec<Item>, Error> {
        let streams: Vec<_> = batch.iter().map(|item| Argument::Object(&item.processor.stream)).collect();
        Ok(serde_json::from_slice(&self.interpreter.ask(&self.batch, &streams)?.unwrap_or_default())?)
    }
}
