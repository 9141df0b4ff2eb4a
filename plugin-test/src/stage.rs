//! Stages, opened and called as by the server: through the plugin boundary.

use crate::StubHost;
use auricle_plugin_api::{
    Error, Segment, StageEvent, StageLoader, StageMetadata, Turn,
    host::{EventSink, Library, LoadedStage, LoadedStageLoader, LoadedStageStream},
};
use serde_json::{Map, Value};
use std::{mem, path::Path};

/// A loaded stage behind the plugin boundary.
pub struct TestStage {
    stage: LoadedStage,
    config: Map<String, Value>,
}

impl TestStage {
    /// Opens a stage in the test's own process and loads it with these fields, a JSON object, and the schema's defaults.
    ///
    /// # Panics
    /// The server would not register it, or it cannot be loaded.
    pub fn in_process(loader: impl StageLoader, host: &StubHost, fields: Value) -> Self {
        let loader = LoadedStageLoader::in_process(loader, host.services());
        let loader = loader.unwrap_or_else(|error| panic!("the stage cannot be registered: {error}"));
        Self::try_load(&loader, fields).unwrap_or_else(|error| panic!("the stage cannot be loaded: {error}"))
    }

    /// Opens the stage with this name from a built library, and loads it as above. A library keeps the first host that it was opened
    /// with.
    ///
    /// # Panics
    /// The server would refuse the library, it has no such stage, or the stage cannot be loaded.
    pub fn from_library(library: &Path, name: &str, host: &StubHost, fields: Value) -> Self {
        let file = library.display();
        let stages = Library::open(library, host.services()).map(Library::into_stages);
        let stages = stages.unwrap_or_else(|problem| panic!("{file}: {problem}"));
        let loader = stages.iter().find(|stage| stage.name() == name);
        let loader = loader.unwrap_or_else(|| panic!("{file} has no stage `{name}`"));
        Self::try_load(loader, fields).unwrap_or_else(|error| panic!("the stage cannot be loaded: {error}"))
    }

    /// Loads a stage with these fields, a JSON object, and the schema's defaults.
    ///
    /// # Errors
    /// The stage's error.
    pub fn try_load(loader: &LoadedStageLoader, fields: Value) -> Result<Self, Error> {
        let mut config: Map<String, Value> = loader.schema().defaults().collect();
        config.extend(object(fields));
        Ok(Self { stage: loader.load(&config)?, config })
    }

    /// The stage's metadata.
    pub fn metadata(&self) -> &StageMetadata {
        self.stage.metadata()
    }

    /// Opens a stream that starts at sample 0, with stream fields, a JSON object.
    ///
    /// # Panics
    /// The stage refuses it.
    pub fn stream(&self, fields: Value) -> TestStageStream {
        self.try_stream(fields).unwrap_or_else(|error| panic!("the stream was refused: {error}"))
    }

    /// Like [`stream`](Self::stream).
    ///
    /// # Errors
    /// The stage's error.
    pub fn try_stream(&self, fields: Value) -> Result<TestStageStream, Error> {
        let mut options = self.config.clone();
        options.extend(object(fields));
        let mut stream = self.stage.stream(&options)?;
        stream.init(0)?;
        Ok(TestStageStream { stream, told: Told::default() })
    }
}

fn object(fields: Value) -> Map<String, Value> {
    let Value::Object(fields) = fields else { panic!("fields are a JSON object, not {fields}") };
    fields
}

/// A stream of a stage, and what it tells.
pub struct TestStageStream {
    stream: LoadedStageStream,
    told: Told,
}

impl TestStageStream {
    /// Discards all state and starts at this sample, as after a flush.
    ///
    /// # Errors
    /// The stage's error.
    pub fn init(&mut self, offset: u64) -> Result<(), Error> {
        self.stream.init(offset)
    }

    /// The stream itself, for calls that the kit does not support.
    pub fn loaded(&mut self) -> &mut LoadedStageStream {
        &mut self.stream
    }

    /// The stage hears audio.
    ///
    /// # Errors
    /// The stage's error.
    pub fn audio(&mut self, samples: &[f32]) -> Result<(), Error> {
        self.stream.audio(samples, &mut self.told)
    }

    /// The stage gets an event.
    ///
    /// # Errors
    /// The stage's error.
    pub fn event(&mut self, event: &StageEvent) -> Result<(), Error> {
        self.stream.event(event, &mut self.told)
    }

    /// The client ends the turn.
    ///
    /// # Errors
    /// The stage's error.
    pub fn end_turn(&mut self) -> Result<(), Error> {
        self.stream.end_turn(&mut self.told)
    }

    /// The audio ends.
    ///
    /// # Errors
    /// The stage's error.
    pub fn finish(&mut self) -> Result<(), Error> {
        self.stream.finish(&mut self.told)
    }

    /// The state, for [`restore`](Self::restore).
    ///
    /// # Errors
    /// The stage's error.
    pub fn save(&mut self) -> Result<Vec<u8>, Error> {
        self.stream.save()
    }

    /// Continues from a state of another stream of the stage, which had heard the audio before `sample`.
    ///
    /// # Errors
    /// The stage's error.
    pub fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        self.stream.restore(sample, state)
    }

    /// Takes what it has told since the last call.
    pub fn take(&mut self) -> Vec<StageEvent> {
        mem::take(&mut self.told.0)
    }
}

#[derive(Default)]
struct Told(Vec<StageEvent>);

impl EventSink for Told {
    fn partial(&mut self, segment: Segment) {
        self.0.push(StageEvent::Partial(segment));
    }

    fn segment(&mut self, segment: Segment) {
        self.0.push(StageEvent::Segment(segment));
    }

    fn speech_started(&mut self, sample: u64) {
        self.0.push(StageEvent::SpeechStarted(sample));
    }

    fn endpoint(&mut self, sample: u64) {
        self.0.push(StageEvent::Endpoint(sample));
    }

    fn turn(&mut self, turn: Turn) {
        self.0.push(StageEvent::Turn(turn));
    }

    fn restart_point(&mut self, _: u64, _: &[u8]) {}
}
