//! An engine, model and stream in C as the Rust traits.

use super::{
    call::{Reply, call, result},
    config::Fields,
    services::Services,
    sink::Events,
};
use crate::{
    AsrProcessor, BatchItem, Config, Error, ErrorCode, Host, Metadata, Model, ModelLoader, Schema, Sink,
    abi::c::{self, OK, Versioned},
    host::engine::listed_files,
};
use serde_json::Map;
use std::{
    ffi::{CStr, c_char, c_int, c_void},
    mem,
    path::PathBuf,
    ptr,
    sync::Arc,
};

/// The end of the required functions in the table.
const REQUIRED: usize = mem::offset_of!(c::Engine, restore);

/// An engine.
pub(super) struct CEngine {
    table: Arc<Table>,
    backend: String,
    schema: Schema,
    services: &'static Services,
}

/// An engine's functions.
struct Table {
    engine: c::Engine,
}

// SAFETY: the header requires that the functions may be called by any thread, and the table is never changed.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

/// A required function was left out. [`CEngine::new`], or that of a stage, has checked that it was not.
pub(super) fn absent() -> Error {
    Error::new(ErrorCode::CONTRACT, "a required function is NULL")
}

impl CEngine {
    /// # Safety
    /// `engine` is null, or points to an engine as the header describes it, which lives as long as the process.
    pub(super) unsafe fn new(engine: *const c::Engine, services: &'static Services) -> Result<Self, String> {
        // SAFETY: as the caller promises.
        let engine = unsafe { c::Engine::read(engine) }.ok_or("is NULL")?;
        if engine.size < REQUIRED {
            return Err(format!("has {} bytes: the required functions take {REQUIRED}; see auricle.h", engine.size));
        }
        let required = [
            ("load", engine.load.is_some()),
            ("unload", engine.unload.is_some()),
            ("metadata", engine.metadata.is_some()),
            ("open", engine.open.is_some()),
            ("close", engine.close.is_some()),
            ("init", engine.init.is_some()),
            ("insert_audio_chunk", engine.insert_audio_chunk.is_some()),
            ("process_iter", engine.process_iter.is_some()),
            ("finish", engine.finish.is_some()),
        ];
        if let Some((name, _)) = required.iter().find(|(_, is_there)| !is_there) {
            return Err(format!("has no function `{name}`: it is NULL"));
        }
        // SAFETY: the strings end with 0 or are null.
        let (backend, json) = unsafe { (string(engine.backend), string(engine.schema)) };
        Ok(Self { table: Arc::new(Table { engine }), backend, schema: schema(&json)?, services })
    }
}

/// The schema of an engine or stage, which may have none.
pub(super) fn schema(json: &str) -> Result<Schema, String> {
    if json.is_empty() {
        return Ok(Schema::new());
    }
    let fields: Map<_, _> =
        serde_json::from_str(json).map_err(|error| format!("has a schema that is not valid: {error}"))?;
    Ok(Schema::from_json(fields))
}

/// # Safety
/// The string ends with 0, or the pointer is null.
pub(super) unsafe fn string(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

impl ModelLoader for CEngine {
    type Model = CModel;

    fn backend(&self) -> &str {
        &self.backend
    }

    fn schema(&self) -> Schema {
        self.schema.clone()
    }

    fn load(&self, config: &Config, _: &Host) -> Result<CModel, Error> {
        let load = self.table.engine.load.ok_or_else(absent)?;
        let (fields, mut model) = (Fields::new(config), ptr::null_mut());
        // SAFETY: all pointers live until the call returns, the services as long as the process.
        call(|reply| unsafe { load(self.services.raw(), fields.raw(), &raw mut model, reply) })?;
        let mut model = CModel { table: Arc::clone(&self.table), model, metadata: Metadata::default() };
        let metadata = model.table.engine.metadata.ok_or_else(absent)?;
        // SAFETY: the model was loaded by this engine.
        let json = call(|reply| unsafe { metadata(model.model, reply) })?;
        model.metadata = serde_json::from_slice(&json).map_err(|problem| {
            Error::new(ErrorCode::CONTRACT, format!("the engine's metadata are not valid: {problem}"))
        })?;
        Ok(model)
    }

    fn files(&self, config: &Config, _: &Host) -> Result<Option<Vec<PathBuf>>, Error> {
        let Some(files) = self.table.engine.files else { return Ok(None) };
        let fields = Fields::new(config);
        // SAFETY: all pointers live until the call returns, the services as long as the process.
        let json = call(|reply| unsafe { files(self.services.raw(), fields.raw(), reply) })?;
        listed_files(Some(json))
    }
}

/// A loaded model.
pub(super) struct CModel {
    table: Arc<Table>,
    model: *mut c_void,
    metadata: Metadata,
}

// SAFETY: the header requires that a model may be used by any thread.
unsafe impl Send for CModel {}
// SAFETY: as above.
unsafe impl Sync for CModel {}

impl Drop for CModel {
    fn drop(&mut self) {
        if let Some(unload) = self.table.engine.unload {
            // SAFETY: the model was loaded by this engine, and its streams are closed.
            unsafe { unload(self.model) };
        }
    }
}

impl Model for CModel {
    type Processor = CStream;

    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn processor(self: &Arc<Self>, options: &Config) -> Result<CStream, Error> {
        let open = self.table.engine.open.ok_or_else(absent)?;
        let (fields, mut stream) = (Fields::new(options), ptr::null_mut());
        // SAFETY: the model was loaded by this engine; the other pointers live until the call returns.
        call(|reply| unsafe { open(self.model, fields.raw(), &raw mut stream, reply) })?;
        Ok(CStream { table: Arc::clone(&self.table), stream })
    }

    fn process_batch(&self, batch: &mut [BatchItem<'_, CStream>]) {
        let Some(process_batch) = self.table.engine.process_batch else {
            for BatchItem { processor, sink, result, ends, .. } in batch {
                *result = if *ends { processor.finish(sink) } else { processor.process_iter(sink) };
            }
            return;
        };
        let mut replies: Vec<Reply> = batch.iter().map(|_| Reply::default()).collect();
        let mut sinks: Vec<Events<'_, '_>> = Vec::with_capacity(batch.len());
        let mut items = Vec::with_capacity(batch.len());
        let mut results = Vec::with_capacity(batch.len());
        for (BatchItem { processor, sink, result, ends, .. }, reply) in batch.iter_mut().zip(&mut replies) {
            sinks.push(Events::new(sink));
            items.push(c::BatchItem {
                size: mem::size_of::<c::BatchItem>(),
                stream: processor.stream,
                sink: ptr::null_mut(),
                ends: c_int::from(*ends),
                status: OK,
                reply: reply.raw(),
            });
            results.push(result);
        }
        for (item, sink) in items.iter_mut().zip(&mut sinks) {
            item.sink = sink.raw();
        }
        let pointers: Vec<*mut c::BatchItem> = items.iter_mut().map(|item| &raw mut *item).collect();
        // SAFETY: the streams belong to this model; all pointers live until the call returns.
        unsafe { process_batch(self.model, pointers.as_ptr(), pointers.len()) };
        for ((into, item), reply) in results.into_iter().zip(&items).zip(&replies) {
            *into = result(item.status, reply);
        }
    }
}

/// A stream.
pub(super) struct CStream {
    table: Arc<Table>,
    stream: *mut c_void,
}

// SAFETY: the header requires that a stream may be used by one thread after another.
unsafe impl Send for CStream {}

impl Drop for CStream {
    fn drop(&mut self) {
        if let Some(close) = self.table.engine.close {
            // SAFETY: the stream was opened by this engine.
            unsafe { close(self.stream) };
        }
    }
}

impl AsrProcessor for CStream {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        let init = self.table.engine.init.ok_or_else(absent)?;
        // SAFETY: the stream was opened by this engine; `&mut` makes this the only call.
        call(|reply| unsafe { init(self.stream, offset, reply) }).map(drop)
    }

    fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> {
        let insert = self.table.engine.insert_audio_chunk.ok_or_else(absent)?;
        // SAFETY: as in `init`; the samples live until the call returns.
        call(|reply| unsafe { insert(self.stream, samples.as_ptr(), samples.len(), reply) }).map(drop)
    }

    fn process_iter(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        let process = self.table.engine.process_iter.ok_or_else(absent)?;
        let mut events = Events::new(sink);
        // SAFETY: as in `init`; the sink lives until the call returns.
        call(|reply| unsafe { process(self.stream, events.raw(), reply) }).map(drop)
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        let finish = self.table.engine.finish.ok_or_else(absent)?;
        let mut events = Events::new(sink);
        // SAFETY: as in `init`; the sink lives until the call returns.
        call(|reply| unsafe { finish(self.stream, events.raw(), reply) }).map(drop)
    }

    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        let unsupported = || Error::new(ErrorCode::UNSUPPORTED, "this engine has no function `restore`");
        let restore = self.table.engine.restore.ok_or_else(unsupported)?;
        // SAFETY: as in `init`; the state lives until the call returns.
        call(|reply| unsafe { restore(self.stream, sample, state.as_ptr().cast(), state.len(), reply) }).map(drop)
    }
}
