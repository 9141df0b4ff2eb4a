//! A loader of an author, and the processors that it makes.
//!
//! Invariant: two streams never share a processor. The loader is called for each stream, one call at a time; the
//! processor of the first call, which shows that the preset works, goes to the first stream with the same fields.
//! Threads: any.

use crate::{
    ffi::{Argument, Object},
    interpreter::Interpreter,
    processor::Processor,
    results::{self, Item},
};
use auricle_plugin_api::{BatchItem, Config, Error, Metadata, Model, Replay};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::{Arc, Mutex, PoisonError};

/// The sample rate of the protocol.
pub(crate) const RATE: u32 = 16_000;

/// An author's loader.
pub struct PythonModel {
    interpreter: Interpreter,
    /// The adapter's method `open`.
    open: Object,
    /// The adapter's method `batch`.
    batch: Object,
    metadata: Metadata,
    /// The processor of the first call, with its fields, until it is used.
    spare: Mutex<Option<(Map<String, Value>, Object)>>,
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
        loader: Object,
        config: &Config,
        chunk_samples: u32,
        max_streams: u32,
    ) -> Result<Self, Error> {
        let open = loader.attribute(c"open")?;
        let fields = config.fields().clone();
        let stream = open_stream(interpreter, &open, &fields)?;
        let described: Described = interpreter.ask_for(&stream.attribute(c"describe")?)?;
        let metadata = Metadata::new(RATE, chunk_samples)
            .separator(described.separator)
            .languages(described.languages)
            .capabilities(described.capabilities)
            .max_streams(max_streams)
            .max_batch(described.max_batch)
            .replay(described.replay)
            .loads_per_stream();
        let batch = loader.attribute(c"batch")?;
        Ok(Self { interpreter, open, batch, metadata, spare: Mutex::new(Some((fields, stream))) })
    }
}

impl Model for PythonModel {
    type Processor = Processor;

    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn processor(self: &Arc<Self>, options: &Config) -> Result<Processor, Error> {
        // Held during the call: authors need not expect two at once.
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let stream = match spare.take() {
            Some((fields, stream)) if fields == *options.fields() => stream,
            other => {
                // First, because both may need much memory.
                drop(other);
                open_stream(self.interpreter, &self.open, options.fields())?
            }
        };
        Processor::new(self.interpreter, stream)
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

/// Has the loader make a processor. It gets all fields, and the name of the engine.
fn open_stream(interpreter: Interpreter, open: &Object, fields: &Map<String, Value>) -> Result<Object, Error> {
    let mut fields = fields.clone();
    fields.entry("backend").or_insert("python".into());
    interpreter.make(open, &[Argument::Bytes(&serde_json::to_vec(&fields)?)])
}
