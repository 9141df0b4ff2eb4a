//! A stage and its streams in C as the Rust traits.

use super::{
    call::call,
    config::Fields,
    engine::{absent, schema, string},
    event::{StageEvents, lend},
    services::Services,
};
use crate::{
    Config, Error, ErrorCode, Host, Schema, Stage, StageEvent, StageLoader, StageMetadata, StageSink, StageStream,
    abi::c::{self, Versioned},
    host::engine::listed_files,
};
use std::{ffi::c_void, mem, path::PathBuf, ptr, sync::Arc};

/// The end of the required functions in the table.
const REQUIRED: usize = mem::offset_of!(c::Stage, audio);

/// A stage that can be loaded.
pub(super) struct CStageLoader {
    table: Arc<Table>,
    name: String,
    schema: Schema,
    services: &'static Services,
}

/// A stage's functions.
struct Table {
    stage: c::Stage,
}

// SAFETY: the header requires that the functions may be called by any thread, and the table is never changed.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

impl CStageLoader {
    /// # Safety
    /// `stage` is null, or points to a stage as the header describes it, which lives as long as the process.
    pub(super) unsafe fn new(stage: *const c::Stage, services: &'static Services) -> Result<Self, String> {
        // SAFETY: as the caller promises.
        let stage = unsafe { c::Stage::read(stage) }.ok_or("is NULL")?;
        if stage.size < REQUIRED {
            return Err(format!("has {} bytes: the required functions take {REQUIRED}; see auricle.h", stage.size));
        }
        let required = [
            ("load", stage.load.is_some()),
            ("unload", stage.unload.is_some()),
            ("metadata", stage.metadata.is_some()),
            ("open", stage.open.is_some()),
            ("close", stage.close.is_some()),
            ("init", stage.init.is_some()),
        ];
        if let Some((name, _)) = required.iter().find(|(_, is_there)| !is_there) {
            return Err(format!("has no function `{name}`: it is NULL"));
        }
        // SAFETY: the strings end with 0 or are null.
        let (name, json) = unsafe { (string(stage.name), string(stage.schema)) };
        Ok(Self { table: Arc::new(Table { stage }), name, schema: schema(&json)?, services })
    }
}

impl StageLoader for CStageLoader {
    type Stage = CStage;

    fn name(&self) -> &str {
        &self.name
    }

    fn schema(&self) -> Schema {
        self.schema.clone()
    }

    fn load(&self, config: &Config, _: &Host) -> Result<CStage, Error> {
        let load = self.table.stage.load.ok_or_else(absent)?;
        let (fields, mut stage) = (Fields::new(config), ptr::null_mut());
        // SAFETY: all pointers live until the call returns, the services as long as the process.
        call(|reply| unsafe { load(self.services.raw(), fields.raw(), &raw mut stage, reply) })?;
        let mut stage = CStage { table: Arc::clone(&self.table), stage, metadata: StageMetadata::default() };
        let metadata = stage.table.stage.metadata.ok_or_else(absent)?;
        // SAFETY: it was loaded by this stage's loader.
        let json = call(|reply| unsafe { metadata(stage.stage, reply) })?;
        stage.metadata = serde_json::from_slice(&json).map_err(|problem| {
            Error::new(ErrorCode::CONTRACT, format!("the stage's metadata are not valid: {problem}"))
        })?;
        Ok(stage)
    }

    fn files(&self, config: &Config, _: &Host) -> Result<Option<Vec<PathBuf>>, Error> {
        let Some(files) = self.table.stage.files else { return Ok(None) };
        let fields = Fields::new(config);
        // SAFETY: all pointers live until the call returns, the services as long as the process.
        let json = call(|reply| unsafe { files(self.services.raw(), fields.raw(), reply) })?;
        listed_files(Some(json))
    }
}

/// A loaded stage.
pub(super) struct CStage {
    table: Arc<Table>,
    stage: *mut c_void,
    metadata: StageMetadata,
}

// SAFETY: the header requires that what `load` returned may be used by any thread.
unsafe impl Send for CStage {}
// SAFETY: as above.
unsafe impl Sync for CStage {}

impl Drop for CStage {
    fn drop(&mut self) {
        if let Some(unload) = self.table.stage.unload {
            // SAFETY: it was loaded by this stage's loader, and its streams are closed.
            unsafe { unload(self.stage) };
        }
    }
}

impl Stage for CStage {
    type Stream = CStageStream;

    fn metadata(&self) -> StageMetadata {
        self.metadata.clone()
    }

    fn stream(self: &Arc<Self>, options: &Config) -> Result<CStageStream, Error> {
        let open = self.table.stage.open.ok_or_else(absent)?;
        let (fields, mut stream) = (Fields::new(options), ptr::null_mut());
        // SAFETY: it was loaded by this stage's loader; the other pointers live until the call returns.
        call(|reply| unsafe { open(self.stage, fields.raw(), &raw mut stream, reply) })?;
        Ok(CStageStream { table: Arc::clone(&self.table), stream })
    }
}

/// The state of a stream.
pub(super) struct CStageStream {
    table: Arc<Table>,
    stream: *mut c_void,
}

// SAFETY: the header requires that a stream may be used by one thread after another.
unsafe impl Send for CStageStream {}

impl Drop for CStageStream {
    fn drop(&mut self) {
        if let Some(close) = self.table.stage.close {
            // SAFETY: the stream was opened by this stage.
            unsafe { close(self.stream) };
        }
    }
}

impl StageStream for CStageStream {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        let init = self.table.stage.init.ok_or_else(absent)?;
        // SAFETY: the stream was opened by this stage; `&mut` makes this the only call.
        call(|reply| unsafe { init(self.stream, offset, reply) }).map(drop)
    }

    fn audio(&mut self, samples: &[f32], sink: &mut StageSink<'_>) -> Result<(), Error> {
        let Some(audio) = self.table.stage.audio else { return Ok(()) };
        let mut events = StageEvents::new(sink);
        // SAFETY: as in `init`; samples and sink live until the call returns.
        call(|reply| unsafe { audio(self.stream, samples.as_ptr(), samples.len(), events.raw(), reply) }).map(drop)
    }

    fn event(&mut self, event: StageEvent, sink: &mut StageSink<'_>) -> Result<(), Error> {
        let Some(receive) = self.table.stage.event else {
            sink.event(&event);
            return Ok(());
        };
        let mut events = StageEvents::new(sink);
        // SAFETY: as in `init`; event and sink live until the call returns.
        lend(&event, |lent| call(|reply| unsafe { receive(self.stream, lent, events.raw(), reply) })).map(drop)
    }

    fn end_turn(&mut self, sink: &mut StageSink<'_>) -> Result<(), Error> {
        let Some(end_turn) = self.table.stage.end_turn else { return Ok(()) };
        let mut events = StageEvents::new(sink);
        // SAFETY: as in `init`; the sink lives until the call returns.
        call(|reply| unsafe { end_turn(self.stream, events.raw(), reply) }).map(drop)
    }

    fn finish(&mut self, sink: &mut StageSink<'_>) -> Result<(), Error> {
        let Some(finish) = self.table.stage.finish else { return Ok(()) };
        let mut events = StageEvents::new(sink);
        // SAFETY: as in `init`; the sink lives until the call returns.
        call(|reply| unsafe { finish(self.stream, events.raw(), reply) }).map(drop)
    }

    fn save(&mut self) -> Result<Vec<u8>, Error> {
        let Some(save) = self.table.stage.save else { return Ok(Vec::new()) };
        // SAFETY: as in `init`.
        call(|reply| unsafe { save(self.stream, reply) })
    }

    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        let Some(restore) = self.table.stage.restore else { return self.init(sample) };
        // SAFETY: as in `init`; the state lives until the call returns.
        call(|reply| unsafe { restore(self.stream, sample, state.as_ptr().cast(), state.len(), reply) }).map(drop)
    }
}
