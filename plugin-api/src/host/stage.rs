//! Stages of a loaded plugin, with a safe Rust interface. Threads: as in the traits ([`crate::StageLoader`]).

use super::{
    EventSink, HostServices,
    crash::{Foreign, Note},
    engine::{IN_PROCESS, checked_name, document, encode, listed_files, plain},
};
use crate::{
    Error, ErrorCode, Host, Schema, StageEvent, StageLoader, StageMetadata,
    abi::{
        AbiEvent, AbiStageBox, AbiStageLoaderBox, AbiStageSink, AbiStageSink_TO, AbiStageSinkMut, AbiStageStreamBox,
        FILES, known_event, lend_event, stage_loader,
    },
    guard::guard,
};
use abi_stable::{sabi_trait::TD_Opaque, sabi_types::RMut};
use serde_json::{Map, Value};
use std::{path::PathBuf, sync::Arc};

/// The longest delay of a stage, in seconds of audio.
const MOST_DELAY: f64 = 3_600.0;

/// A stage of a loaded plugin, before it is loaded itself.
pub struct LoadedStageLoader {
    name: String,
    schema: Schema,
    loader: Foreign<AbiStageLoaderBox>,
}

impl std::fmt::Debug for LoadedStageLoader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadedStageLoader").field("name", &self.name).finish_non_exhaustive()
    }
}

impl LoadedStageLoader {
    /// Wraps a loader of the plugin with this id and version.
    pub(super) fn new(loader: AbiStageLoaderBox, plugin: &'static str) -> Result<Self, Error> {
        let loader = Foreign::new(loader, plugin, "drop of a stage's loader");
        let name = {
            let _note = loader.note("name of a stage", 0);
            plain(loader.name())?
        };
        let name = checked_name(name.into(), "a stage's name")?;
        let schema = {
            let _note = loader.note("schema of a stage", 0);
            document("stage's schema", loader.schema())?
        };
        Ok(Self { name, schema, loader })
    }

    /// Creates a stage's loader in this process, behind the same boundary as one from a file. For tests.
    ///
    /// # Errors
    /// The stage cannot be registered.
    pub fn in_process(stage: impl StageLoader, services: Arc<dyn HostServices>) -> Result<Self, Error> {
        Self::new(stage_loader(stage, &Host::from_services(services)), IN_PROCESS)
    }

    /// The name by which presets select the stage.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its configuration fields.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Loads the stage.
    ///
    /// # Errors
    /// The stage's error, or [`ErrorCode::CONTRACT`] if its metadata are invalid.
    pub fn load(&self, config: &Map<String, Value>) -> Result<LoadedStage, Error> {
        let config = encode(config)?;
        let stage = {
            let _note = self.loader.note("load of a stage", 0);
            plain(self.loader.load(config.as_slice().into()))?
        };
        let stage = Foreign::new(stage, self.loader.plugin(), "drop of a stage");
        let metadata: StageMetadata = {
            let _note = stage.note("metadata of a stage", 0);
            document("stage's metadata", stage.metadata())?
        };
        if !(0.0..=MOST_DELAY).contains(&metadata.delay_seconds) {
            let problem = format!("the stage's delay_seconds is {}: 0 to {MOST_DELAY}", metadata.delay_seconds);
            return Err(Error::new(ErrorCode::CONTRACT, problem));
        }
        Ok(LoadedStage { metadata, stage })
    }

    /// The files that a stage with this configuration needs besides those that it names. `None` if it does not say.
    ///
    /// # Errors
    /// The stage's error, or [`ErrorCode::CONTRACT`] if its answer is invalid.
    pub fn files(&self, config: &Map<String, Value>) -> Result<Option<Vec<PathBuf>>, Error> {
        listed_files(self.extension(FILES, &encode(config)?)?)
    }

    /// See [`StageLoader::extension`].
    ///
    /// # Errors
    /// The stage's error.
    pub fn extension(&self, id: &str, request: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let _note = self.loader.note("extension of a stage's loader", 0);
        plain(self.loader.extension(id.into(), request.into())).map(|answer| answer.into_option().map(Vec::from))
    }
}

/// A loaded stage.
pub struct LoadedStage {
    metadata: StageMetadata,
    stage: Foreign<AbiStageBox>,
}

impl LoadedStage {
    /// The stage's metadata; the delay is within its range.
    pub fn metadata(&self) -> &StageMetadata {
        &self.metadata
    }

    /// Creates the state of a stream; `options` is the stage's whole configuration, with the stream's fields merged into it.
    ///
    /// # Errors
    /// The stage's error.
    pub fn stream(&self, options: &Map<String, Value>) -> Result<LoadedStageStream, Error> {
        let options = encode(options)?;
        let _note = self.stage.note("stream of a stage", 0);
        let stream = plain(self.stage.stream(options.as_slice().into()))?;
        Ok(LoadedStageStream {
            stream: Foreign::new(stream, self.stage.plugin(), "drop of a stage's stream"),
            position: 0,
        })
    }
}

/// The state of one stream in a loaded stage.
pub struct LoadedStageStream {
    stream: Foreign<AbiStageStreamBox>,
    /// The sample after the last one that it received.
    position: u64,
}

impl LoadedStageStream {
    fn note(&self, call: &'static str) -> Note {
        self.stream.note(call, self.position)
    }

    /// See [`crate::StageStream::init`].
    ///
    /// # Errors
    /// The stage's error.
    pub fn init(&mut self, offset: u64) -> Result<(), Error> {
        self.position = offset;
        let _note = self.note("init of a stage");
        plain(self.stream.init(offset))
    }

    /// See [`crate::StageStream::audio`].
    ///
    /// # Errors
    /// The stage's error.
    pub fn audio(&mut self, samples: &[f32], sink: &mut dyn EventSink) -> Result<(), Error> {
        let _note = self.note("audio of a stage");
        self.position = self.position.wrapping_add(samples.len() as u64);
        plain(self.stream.audio(samples.into(), Adapter(sink).cross()))
    }

    /// See [`crate::StageStream::event`].
    ///
    /// # Errors
    /// The stage's error.
    pub fn event(&mut self, event: &StageEvent, sink: &mut dyn EventSink) -> Result<(), Error> {
        let _note = self.note("event of a stage");
        lend_event(event, |lent| plain(self.stream.event(lent, Adapter(sink).cross())))
    }

    /// See [`crate::StageStream::end_turn`].
    ///
    /// # Errors
    /// The stage's error.
    pub fn end_turn(&mut self, sink: &mut dyn EventSink) -> Result<(), Error> {
        let _note = self.note("end_turn of a stage");
        plain(self.stream.end_turn(Adapter(sink).cross()))
    }

    /// See [`crate::StageStream::finish`].
    ///
    /// # Errors
    /// The stage's error.
    pub fn finish(&mut self, sink: &mut dyn EventSink) -> Result<(), Error> {
        let _note = self.note("finish of a stage");
        plain(self.stream.finish(Adapter(sink).cross()))
    }

    /// See [`crate::StageStream::save`].
    ///
    /// # Errors
    /// The stage's error.
    pub fn save(&mut self) -> Result<Vec<u8>, Error> {
        let _note = self.note("save of a stage");
        plain(self.stream.save()).map(Vec::from)
    }

    /// See [`crate::StageStream::restore`].
    ///
    /// # Errors
    /// The stage's error.
    pub fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        self.position = sample;
        let _note = self.note("restore of a stage");
        plain(self.stream.restore(sample, state.into()))
    }

    /// See [`crate::StageStream::extension`].
    ///
    /// # Errors
    /// The stage's error.
    pub fn extension(&mut self, id: &str, request: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let _note = self.note("extension of a stage");
        plain(self.stream.extension(id.into(), request.into())).map(|answer| answer.into_option().map(Vec::from))
    }
}

/// Wraps an [`EventSink`] for a stage. A panic in it is a bug of the host: it is caught and logged.
struct Adapter<'a>(&'a mut dyn EventSink);

impl Adapter<'_> {
    fn cross(&mut self) -> AbiStageSinkMut<'_> {
        AbiStageSink_TO::from_ptr(RMut::new(self), TD_Opaque)
    }
}

impl AbiStageSink for Adapter<'_> {
    fn event(&mut self, event: AbiEvent<'_>) {
        // A kind that this host does not know is for later ones.
        let Some(event) = known_event(&event) else { return };
        let told = guard(|| {
            self.0.event(event);
            Ok(())
        });
        if let Err(error) = told {
            tracing::error!("the host's event sink {error}");
        }
    }

    fn cancelled(&self) -> bool {
        guard(|| Ok(self.0.cancelled())).unwrap_or(false)
    }
}
