//! Engines and their models, opened as by the server.

use crate::{Recording, StubHost, TestStream};
use auricle_plugin_api::{
    Error, Metadata, ModelLoader, Schema,
    host::{BatchEntry, Library, LoadedEngine, LoadedModel},
};
use serde_json::{Map, Value};
use std::path::Path;

/// An engine behind the plugin boundary.
pub struct TestEngine {
    engine: LoadedEngine,
}

impl TestEngine {
    /// Opens an engine in the test's own process. Its panics and `tracing` events stay in the process.
    ///
    /// # Panics
    /// The server would not register it.
    pub fn in_process(loader: impl ModelLoader, host: &StubHost) -> Self {
        let engine = LoadedEngine::in_process(loader, host.services());
        Self { engine: engine.unwrap_or_else(|error| panic!("the engine cannot be registered: {error}")) }
    }

    /// Opens the engine with this backend name from a built library. A library keeps the first host that it was opened
    /// with.
    ///
    /// # Panics
    /// The server would refuse the library, or it has no such engine.
    pub fn from_library(library: &Path, backend: &str, host: &StubHost) -> Self {
        let engines = Self::all_of_library(library, host);
        let engines = engines.unwrap_or_else(|problem| panic!("{}: {problem}", library.display()));
        let names: Vec<_> = engines.iter().map(|engine| engine.backend().to_owned()).collect();
        let engine = engines.into_iter().find(|engine| engine.backend() == backend);
        engine.unwrap_or_else(|| panic!("{} has no engine `{backend}`: {names:?}", library.display()))
    }

    /// Opens all engines of a built library, in its order.
    ///
    /// # Errors
    /// Why the server would refuse the library, or that it has stages only, in one line.
    pub fn all_of_library(library: &Path, host: &StubHost) -> Result<Vec<Self>, String> {
        let library = Library::open(library, host.services())?;
        if library.engines().is_empty() {
            return Err("exports stages, but no engine".into());
        }
        Ok(library.into_engines().into_iter().map(|engine| Self { engine }).collect())
    }

    /// The name by which presets select it.
    pub fn backend(&self) -> &str {
        self.engine.backend()
    }

    /// Its configuration fields.
    pub fn schema(&self) -> &Schema {
        self.engine.schema()
    }

    /// The engine itself, for calls that the kit does not support.
    pub fn loaded(&self) -> &LoadedEngine {
        &self.engine
    }

    /// A configuration as the server passes it: these fields, a JSON object, and the schema's defaults.
    ///
    /// # Panics
    /// `fields` is not an object.
    pub fn config(&self, fields: Value) -> Map<String, Value> {
        let Value::Object(fields) = fields else { panic!("a configuration is a JSON object, not {fields}") };
        let mut config: Map<String, Value> = self.schema().defaults().collect();
        config.extend(fields);
        config
    }

    /// Loads a model with these fields and the schema's defaults.
    ///
    /// # Panics
    /// It cannot be loaded.
    pub fn load(&self, fields: Value) -> TestModel {
        self.try_load(fields).unwrap_or_else(|error| panic!("the model cannot be loaded: {error}"))
    }

    /// Like [`load`](Self::load).
    ///
    /// # Errors
    /// The engine's error.
    pub fn try_load(&self, fields: Value) -> Result<TestModel, Error> {
        let config = self.config(fields);
        Ok(TestModel { model: self.engine.load(&config)?, config })
    }

    /// Returns the error of loading a model with these fields and the schema's defaults. The message must be one line,
    /// because operators read it in a log.
    ///
    /// # Panics
    /// The model can be loaded, or the message has several lines.
    pub fn refusal(&self, fields: Value) -> Error {
        let Err(error) = self.try_load(fields) else { panic!("the model was loaded") };
        assert!(!error.message.contains('\n'), "a message must be one line: {error}");
        error
    }
}

/// A loaded model, with the default configuration of its streams.
pub struct TestModel {
    model: LoadedModel,
    config: Map<String, Value>,
}

impl TestModel {
    /// The model's metadata.
    pub fn metadata(&self) -> &Metadata {
        self.model.metadata()
    }

    /// The model itself, for calls that the kit does not support.
    pub fn loaded(&self) -> &LoadedModel {
        &self.model
    }

    /// The configuration that it was loaded with, including the schema's defaults.
    pub fn config(&self) -> &Map<String, Value> {
        &self.config
    }

    /// Opens a stream that starts at sample 0.
    ///
    /// # Panics
    /// The engine refuses it.
    pub fn stream(&self) -> TestStream {
        self.try_stream(Value::Object(Map::new())).unwrap_or_else(|error| panic!("the stream was refused: {error}"))
    }

    /// Like [`stream`](Self::stream), with stream fields, a JSON object.
    ///
    /// # Errors
    /// The engine's error.
    ///
    /// # Panics
    /// `fields` is not an object.
    pub fn try_stream(&self, fields: Value) -> Result<TestStream, Error> {
        let Value::Object(fields) = fields else { panic!("stream fields are a JSON object, not {fields}") };
        let mut options = self.config.clone();
        options.extend(fields);
        TestStream::open(&self.model, &options)
    }

    /// Returns the error of opening a stream with these fields. The message must be one line, because clients get it.
    ///
    /// # Panics
    /// The stream is opened, the message has several lines, or `fields` is not an object.
    pub fn refusal(&self, fields: Value) -> Error {
        let Err(error) = self.try_stream(fields) else { panic!("the stream was opened") };
        assert!(!error.message.contains('\n'), "a message must be one line: {error}");
        error
    }

    /// Runs a whole stream with this audio: mono samples at the model's rate. Returns what the engine reports.
    ///
    /// # Panics
    /// A call fails.
    pub fn run(&self, audio: &[f32]) -> Recording {
        self.try_run(audio).unwrap_or_else(|error| panic!("the stream failed: {error}"))
    }

    /// Like [`run`](Self::run).
    ///
    /// # Errors
    /// The engine's error.
    pub fn try_run(&self, audio: &[f32]) -> Result<Recording, Error> {
        let mut stream = self.try_stream(Value::Object(Map::new()))?;
        stream.push(audio)?;
        stream.finish()
    }

    /// Like [`run`](Self::run), with chunks of this many samples. The server never does this: it is for engines whose
    /// result does not depend on the chunks.
    ///
    /// # Panics
    /// A call fails.
    pub fn run_in_chunks(&self, audio: &[f32], samples: usize) -> Recording {
        let mut stream = self.stream().in_chunks(samples);
        stream.push(audio).and_then(|()| stream.finish()).unwrap_or_else(|error| panic!("the stream failed: {error}"))
    }

    /// Runs streams at the same time, chunk by chunk, in batches as large as the model allows. Each stream ends with
    /// its last chunk. Returns what the engine reports for each.
    ///
    /// # Panics
    /// A call fails.
    pub fn run_together(&self, audios: &[&[f32]]) -> Vec<Recording> {
        self.try_run_together(audios).unwrap_or_else(|error| panic!("a stream failed: {error}"))
    }

    /// Like [`run_together`](Self::run_together).
    ///
    /// # Errors
    /// The engine's first error.
    pub fn try_run_together(&self, audios: &[&[f32]]) -> Result<Vec<Recording>, Error> {
        let open = |audio| Ok((self.try_stream(Value::Object(Map::new()))?, audio));
        let mut streams = audios.iter().map(|audio| open(*audio)).collect::<Result<Vec<_>, Error>>()?;
        let ends_in_batch = self.metadata().ends_in_batch;
        loop {
            let mut waiting: Vec<&mut TestStream> = Vec::new();
            for (stream, audio) in &mut streams {
                let (chunk, rest) = audio.split_at(audio.len().min(stream.until_chunk_is_full()));
                if chunk.is_empty() {
                    continue;
                }
                *audio = rest;
                stream.processor().insert_audio_chunk(chunk)?;
                stream.count(chunk.len());
                if rest.is_empty() && ends_in_batch {
                    stream.processor().announce_end()?;
                }
                waiting.push(stream);
            }
            if waiting.is_empty() {
                break;
            }
            for batch in waiting.chunks_mut(self.metadata().max_batch.max(1) as usize) {
                let mut entries: Vec<_> = batch.iter_mut().map(|stream| stream.batch_entry()).collect();
                self.model.process_batch(&mut entries);
                entries.into_iter().try_for_each(|BatchEntry { result, .. }| result)?;
            }
        }
        let end = |(stream, audio): (TestStream, &[f32])| {
            debug_assert!(audio.is_empty());
            if ends_in_batch && stream.position() > 0 { Ok(stream.into_recording()) } else { stream.finish() }
        };
        streams.into_iter().map(end).collect()
    }
}
