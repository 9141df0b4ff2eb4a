//! Engines, models and processors of a loaded plugin, with a safe Rust interface.
//!
//! Threads: as in the traits ([`crate::ModelLoader`], [`crate::Model`], [`crate::AsrProcessor`]): engines and models
//! are called from any thread, a processor by one thread at a time, as `&mut` enforces.

use super::{
    EventSink, HostServices,
    crash::{Foreign, Note},
    sink::Adapter,
};
use crate::{
    Error, ErrorCode, Host, Metadata, ModelLoader, Schema,
    abi::{AbiBatchItem, AbiLoaderBox, AbiModelBox, AbiProcessorBox, AbiResult, ENDS, FILES, loader},
};
use abi_stable::{
    sabi_types::RMut,
    std_types::{RResult, RVec},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::{path::PathBuf, sync::Arc};

pub(super) fn plain<T>(result: AbiResult<T>) -> Result<T, Error> {
    match result {
        RResult::ROk(value) => Ok(value),
        RResult::RErr(error) => Err(error.into()),
    }
}

pub(super) fn document<T: DeserializeOwned>(what: &str, json: AbiResult<RVec<u8>>) -> Result<T, Error> {
    serde_json::from_slice(&plain(json)?)
        .map_err(|problem| Error::new(ErrorCode::CONTRACT, format!("the {what} is not valid: {problem}")))
}

/// The answer to [`FILES`].
pub(super) fn listed_files(answer: Option<Vec<u8>>) -> Result<Option<Vec<PathBuf>>, Error> {
    answer.map(|json| serde_json::from_slice(&json)).transpose().map_err(|problem| {
        Error::new(ErrorCode::CONTRACT, format!("the list of files of the plugin is not valid: {problem}"))
    })
}

pub(super) fn encode(fields: &Map<String, Value>) -> Result<Vec<u8>, Error> {
    Ok(serde_json::to_vec(fields)?)
}

/// A name by which presets select something.
pub(super) fn checked_name(name: Vec<u8>, what: &str) -> Result<String, Error> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let name = String::from_utf8(name).ok();
    name.filter(|name| !name.is_empty() && name.len() <= 64 && name.bytes().all(is_plain)).ok_or_else(|| {
        let problem = format!("{what} is 1 to 64 letters, digits, dots, dashes or underscores");
        Error::new(ErrorCode::CONTRACT, problem)
    })
}

/// Name of an engine of this process itself in a crash report.
pub(super) const IN_PROCESS: &str = "in-process";

/// An engine of a loaded plugin.
pub struct LoadedEngine {
    backend: String,
    schema: Schema,
    loader: Foreign<AbiLoaderBox>,
}

impl std::fmt::Debug for LoadedEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadedEngine").field("backend", &self.backend).finish_non_exhaustive()
    }
}

impl LoadedEngine {
    /// Wraps a loader of the plugin with this id and version.
    pub(super) fn new(loader: AbiLoaderBox, plugin: &'static str) -> Result<Self, Error> {
        let loader = Foreign::new(loader, plugin, "drop of an engine");
        let backend = {
            let _note = loader.note("backend", 0);
            plain(loader.backend())?
        };
        let backend = checked_name(backend.into(), "a backend name")?;
        let schema = {
            let _note = loader.note("schema", 0);
            document("engine's schema", loader.schema())?
        };
        Ok(Self { backend, schema, loader })
    }

    /// Creates an engine in this process, behind the same boundary as one from a file. For tests of engines and hosts.
    ///
    /// Its `tracing` events go to the process's own subscriber, and its panics to the process's own hook, so that their
    /// messages do not contain the location.
    ///
    /// # Errors
    /// The engine cannot be registered.
    pub fn in_process(engine: impl ModelLoader, services: Arc<dyn HostServices>) -> Result<Self, Error> {
        Self::new(loader(engine, &Host::from_services(services)), IN_PROCESS)
    }

    /// The name by which presets select the engine.
    pub fn backend(&self) -> &str {
        &self.backend
    }

    /// Its configuration fields.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Loads a model. May take long.
    ///
    /// # Errors
    /// The engine's error, or [`ErrorCode::CONTRACT`] if its metadata are invalid.
    pub fn load(&self, config: &Map<String, Value>) -> Result<LoadedModel, Error> {
        let config = encode(config)?;
        let model = {
            let _note = self.loader.note("load", 0);
            plain(self.loader.load(config.as_slice().into()))?
        };
        let model = Foreign::new(model, self.loader.plugin(), "drop of a model");
        let metadata: Metadata = {
            let _note = model.note("metadata", 0);
            document("engine's metadata", model.metadata())?
        };
        let rate = metadata.sample_rate;
        if !(1_000..=384_000).contains(&rate) {
            return Err(Error::new(ErrorCode::CONTRACT, format!("the engine's sample_rate is {rate}: 1000 to 384000")));
        }
        let first = metadata.first_chunk_samples.map(|first| ("first_chunk_samples", first));
        for (name, chunk) in [("chunk_samples", metadata.chunk_samples)].into_iter().chain(first) {
            if chunk == 0 || chunk > rate * 60 {
                let problem = format!("the engine's {name} is {chunk}: 1 to a minute of audio ({})", rate * 60);
                return Err(Error::new(ErrorCode::CONTRACT, problem));
            }
        }
        Ok(LoadedModel { metadata, model })
    }

    /// The files that a model with this configuration needs besides those that it names. `None` if the engine does not
    /// say, as those built against older versions of this crate.
    ///
    /// # Errors
    /// The engine's error, or [`ErrorCode::CONTRACT`] if its answer is invalid.
    pub fn files(&self, config: &Map<String, Value>) -> Result<Option<Vec<PathBuf>>, Error> {
        listed_files(self.extension(FILES, &encode(config)?)?)
    }

    /// See [`crate::ModelLoader::extension`].
    ///
    /// # Errors
    /// The engine's error.
    pub fn extension(&self, id: &str, request: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let _note = self.loader.note("extension of an engine", 0);
        plain(self.loader.extension(id.into(), request.into())).map(|answer| answer.into_option().map(Vec::from))
    }
}

/// A model of a loaded engine.
pub struct LoadedModel {
    metadata: Metadata,
    model: Foreign<AbiModelBox>,
}

impl LoadedModel {
    /// The model's metadata; rate and chunk are within their ranges.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Creates a processor; `options` is the whole configuration, with the stream's fields merged into it.
    ///
    /// # Errors
    /// The engine's error: [`ErrorCode::CAPACITY`] if it is full.
    pub fn processor(&self, options: &Map<String, Value>) -> Result<LoadedProcessor, Error> {
        let options = encode(options)?;
        let _note = self.model.note("processor", 0);
        let processor = plain(self.model.processor(options.as_slice().into()))?;
        let processor = Foreign::new(processor, self.model.plugin(), "drop of a processor");
        Ok(LoadedProcessor { processor, position: 0 })
    }

    /// Does one `process_iter` for each entry, or `finish` after [`LoadedProcessor::announce_end`], as a batch; sets
    /// each entry's result.
    pub fn process_batch(&self, batch: &mut [BatchEntry<'_>]) {
        let mut sinks: Vec<Adapter<'_>> = Vec::with_capacity(batch.len());
        let mut processors = Vec::with_capacity(batch.len());
        let mut results = Vec::with_capacity(batch.len());
        for entry in batch {
            sinks.push(Adapter(&mut *entry.sink));
            processors.push(&mut *entry.processor.processor);
            results.push(&mut entry.result);
        }
        let mut items: Vec<AbiBatchItem<'_>> = processors
            .into_iter()
            .zip(&mut sinks)
            .map(|(processor, sink)| AbiBatchItem {
                processor: RMut::new(processor),
                sink: sink.cross(),
                result: RResult::ROk(()),
            })
            .collect();
        let _note = self.model.note("process_batch", 0);
        self.model.process_batch(items.as_mut_slice().into());
        for (result, item) in results.into_iter().zip(items) {
            *result = plain(item.result);
        }
    }

    /// See [`crate::Model::extension`].
    ///
    /// # Errors
    /// The engine's error.
    pub fn extension(&self, id: &str, request: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let _note = self.model.note("extension of a model", 0);
        plain(self.model.extension(id.into(), request.into())).map(|answer| answer.into_option().map(Vec::from))
    }
}

/// An entry of [`LoadedModel::process_batch`], for one stream.
pub struct BatchEntry<'a> {
    /// A processor of that model.
    pub processor: &'a mut LoadedProcessor,
    /// Receives its events.
    pub sink: &'a mut dyn EventSink,
    /// The result; set by the call.
    pub result: Result<(), Error>,
}

/// A processor of a loaded model. Dropping it is safe even if the engine's own `Drop` panics.
pub struct LoadedProcessor {
    processor: Foreign<AbiProcessorBox>,
    /// The sample after the last one that it received.
    position: u64,
}

impl LoadedProcessor {
    fn note(&self, call: &'static str) -> Note {
        self.processor.note(call, self.position)
    }

    /// See [`crate::AsrProcessor::init`].
    ///
    /// # Errors
    /// The engine's error.
    pub fn init(&mut self, offset: u64) -> Result<(), Error> {
        self.position = offset;
        let _note = self.note("init");
        plain(self.processor.init(offset))
    }

    /// See [`crate::AsrProcessor::insert_audio_chunk`].
    ///
    /// # Errors
    /// The engine's error.
    pub fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> {
        let _note = self.note("insert_audio_chunk");
        self.position = self.position.wrapping_add(samples.len() as u64);
        plain(self.processor.insert_audio_chunk(samples.into()))
    }

    /// See [`crate::AsrProcessor::process_iter`].
    ///
    /// # Errors
    /// The engine's error.
    pub fn process_iter(&mut self, sink: &mut dyn EventSink) -> Result<(), Error> {
        let _note = self.note("process_iter");
        plain(self.processor.process_iter(Adapter(sink).cross()))
    }

    /// See [`crate::AsrProcessor::finish`].
    ///
    /// # Errors
    /// The engine's error.
    pub fn finish(&mut self, sink: &mut dyn EventSink) -> Result<(), Error> {
        let _note = self.note("finish");
        plain(self.processor.finish(Adapter(sink).cross()))
    }

    /// Announces the end of its audio: the next batch must finish it, and it must not be called before. Only if the
    /// metadata set [`Metadata::ends_in_batch`].
    ///
    /// # Errors
    /// The engine's error, or [`ErrorCode::CONTRACT`] if it does not support this.
    pub fn announce_end(&mut self) -> Result<(), Error> {
        let known = self.extension(ENDS, &[])?.is_some();
        known.then_some(()).ok_or_else(|| Error::new(ErrorCode::CONTRACT, "the engine does not end streams in batches"))
    }

    /// See [`crate::AsrProcessor::restore`].
    ///
    /// # Errors
    /// The engine's error.
    pub fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        self.position = sample;
        let _note = self.note("restore");
        plain(self.processor.restore(sample, state.into()))
    }

    /// See [`crate::AsrProcessor::extension`].
    ///
    /// # Errors
    /// The engine's error.
    pub fn extension(&mut self, id: &str, request: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let _note = self.note("extension of a processor");
        plain(self.processor.extension(id.into(), request.into())).map(|answer| answer.into_option().map(Vec::from))
    }
}
