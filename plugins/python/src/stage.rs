//! The stage `python`: stages that are Python classes.
//!
//! Invariant: a method that the author's class does not have is not called: events then pass unchanged. Threads: as for stages.

use crate::{
    ffi::{Argument, Object},
    interpreter::{Interpreter, Part},
    loader::{author_loader, needed_files, place},
    model::RATE,
    opener::Opener,
    told::{Told, seconds},
};
use auricle_plugin_api::{
    Config, Error, Field, Host, Schema, Stage, StageEvent, StageLoader, StageMetadata, StageSink, StageStream,
};
use serde::Deserialize;
use std::{ffi::CStr, path::PathBuf, sync::Arc};

/// The loader of the stage `python`.
pub struct PythonStageLoader;

impl StageLoader for PythonStageLoader {
    type Stage = PythonStage;

    fn name(&self) -> &str {
        "python"
    }

    fn schema(&self) -> Schema {
        let options = Field::stream("options").set("type", "object");
        place().field(options.describe("passed to the loader, as its `config.options`; clients may set it"))
    }

    fn load(&self, config: &Config, host: &Host) -> Result<PythonStage, Error> {
        let (interpreter, loader) = author_loader(Part::Stage, config, host)?;
        let (opener, described) = Opener::first(interpreter, &loader, config)?;
        Ok(PythonStage { interpreter, opener, described })
    }

    fn files(&self, config: &Config, host: &Host) -> Result<Option<Vec<PathBuf>>, Error> {
        needed_files(config, host).map(Some)
    }
}

/// An author's loader.
pub struct PythonStage {
    interpreter: Interpreter,
    opener: Opener,
    described: Described,
}

/// What the object for a stream says of itself.
#[derive(Deserialize)]
struct Described {
    #[serde(flatten)]
    metadata: StageMetadata,
    /// The optional methods that it has.
    methods: Vec<String>,
}

impl Stage for PythonStage {
    type Stream = PythonStream;

    fn metadata(&self) -> StageMetadata {
        self.described.metadata.clone()
    }

    fn stream(self: &Arc<Self>, options: &Config) -> Result<PythonStream, Error> {
        let stream = self.opener.open(options)?;
        let method = |name: &CStr| {
            let has = self.described.methods.iter().any(|method| method.as_bytes() == name.to_bytes());
            has.then(|| stream.attribute(name)).transpose()
        };
        Ok(PythonStream {
            interpreter: self.interpreter,
            rate: self.described.metadata.sample_rate.unwrap_or(RATE),
            audio: method(c"audio")?,
            event: method(c"event")?,
            end_turn: method(c"end_turn")?,
            finish: method(c"finish")?,
            save: method(c"save")?,
            restore: method(c"restore")?,
            init: stream.attribute(c"init")?,
        })
    }
}

/// The author's object for one stream: its methods.
pub struct PythonStream {
    interpreter: Interpreter,
    /// Samples in a second.
    rate: u32,
    init: Object,
    audio: Option<Object>,
    event: Option<Object>,
    end_turn: Option<Object>,
    finish: Option<Object>,
    save: Option<Object>,
    restore: Option<Object>,
}

impl PythonStream {
    /// Calls a method, if it is there, and reports the events that it returns.
    fn report(&self, method: Option<&Object>, with: &[Argument<'_>], sink: &mut StageSink<'_>) -> Result<(), Error> {
        let Some(method) = method else { return Ok(()) };
        let Some(returned) = self.interpreter.ask(method, with)? else { return Ok(()) };
        for told in serde_json::from_slice::<Vec<Told>>(&returned)? {
            sink.event(&told.into_event(self.rate));
        }
        Ok(())
    }

    fn time(&self, sample: u64) -> String {
        seconds(sample, self.rate).to_string()
    }
}

impl StageStream for PythonStream {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        self.interpreter.ask(&self.init, &[Argument::Bytes(self.time(offset).as_bytes())]).map(drop)
    }

    fn audio(&mut self, samples: &[f32], sink: &mut StageSink<'_>) -> Result<(), Error> {
        self.report(self.audio.as_ref(), &[Argument::Samples(samples)], sink)
    }

    fn event(&mut self, event: StageEvent, sink: &mut StageSink<'_>) -> Result<(), Error> {
        match (&self.event, Told::of(&event, self.rate)) {
            (Some(method), Some(told)) => {
                self.report(Some(method), &[Argument::Bytes(&serde_json::to_vec(&told)?)], sink)
            }
            _ => {
                sink.event(&event);
                Ok(())
            }
        }
    }

    fn end_turn(&mut self, sink: &mut StageSink<'_>) -> Result<(), Error> {
        self.report(self.end_turn.as_ref(), &[], sink)
    }

    fn finish(&mut self, sink: &mut StageSink<'_>) -> Result<(), Error> {
        self.report(self.finish.as_ref(), &[], sink)
    }

    fn save(&mut self) -> Result<Vec<u8>, Error> {
        let Some(save) = &self.save else { return Ok(Vec::new()) };
        let state = self.interpreter.ask(save, &[])?.unwrap_or_default();
        // The first byte says that it is no error.
        Ok(state.get(1..).unwrap_or_default().to_vec())
    }

    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        let Some(restore) = &self.restore else { return self.init(sample) };
        let time = self.time(sample);
        let arguments = [Argument::Bytes(time.as_bytes()), Argument::Bytes(state)];
        self.interpreter.ask(restore, &arguments).map(drop)
    }
}
