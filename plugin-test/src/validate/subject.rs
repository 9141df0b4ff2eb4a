//! What is validated: an engine or a stage in a file, with a configuration and audio.

use super::{Verdict, signal};
use crate::{Recording, StubHost, TestEngine, TestModel, TestStage};
use auricle_plugin_api::{
    Schema,
    host::{Library, LoadedStageLoader},
};
use serde_json::{Map, Value};
use std::{fmt, path::PathBuf, time::Duration};

/// Reads a recording at a sample rate in Hz, as mono samples in [-1, 1].
pub type Speech = Box<dyn Fn(u32) -> Result<Vec<f32>, String> + Send + Sync>;

/// Seconds of a recording that are used. More would only take longer.
const MOST_SECONDS: u32 = 20;

/// The sample rate in Hz of the audio for stages that work with any.
const RATE: u32 = 16_000;

/// An engine or a stage to validate.
pub struct Subject {
    /// The plugin's library, an absolute path.
    pub library: PathBuf,
    /// The directory of the engine's own files.
    pub origin_dir: PathBuf,
    /// Where the engine looks for models and shared runtimes.
    pub resource_dirs: Vec<PathBuf>,
    /// The engine's backend name. If absent, the plugin must have one engine only.
    pub backend: Option<String>,
    /// The stage's name. If absent, the subject is an engine.
    pub stage: Option<String>,
    /// The configuration, without the schema's defaults.
    pub fields: Map<String, Value>,
    /// A recording; if absent, a built-in signal of tones and noise is used.
    pub speech: Option<Speech>,
    /// How long a case may take. Long cases use about half of it.
    pub limit: Duration,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("library", &self.library).finish_non_exhaustive()
    }
}

impl Subject {
    /// A host as the engine sees it. It prints nothing.
    pub(super) fn host(&self) -> StubHost {
        let host = StubHost::new().quiet().origin_dir(&self.origin_dir);
        self.resource_dirs.iter().fold(host, |host, dir| host.resource_dir(dir))
    }

    /// All engines of the plugin.
    pub(super) fn engines(&self) -> Result<Vec<TestEngine>, Verdict> {
        TestEngine::all_of_library(&self.library, &self.host()).map_err(Verdict::fail)
    }

    /// The engine.
    pub(super) fn engine(&self) -> Result<TestEngine, Verdict> {
        self.engine_for(&self.host())
    }

    /// The engine, with this host.
    pub(super) fn engine_for(&self, host: &StubHost) -> Result<TestEngine, Verdict> {
        let mut engines = TestEngine::all_of_library(&self.library, host).map_err(Verdict::fail)?;
        let names: Vec<_> = engines.iter().map(|engine| engine.backend().to_owned()).collect();
        let place = match &self.backend {
            Some(backend) => names.iter().position(|name| name == backend),
            None => (names.len() == 1).then_some(0),
        };
        let names = names.join("`, `");
        let place = place.ok_or_else(|| match &self.backend {
            Some(backend) => Verdict::fail(format!("the plugin has no engine `{backend}`; it has `{names}`")),
            None => Verdict::fail(format!("the plugin has several engines, `{names}`: choose one with --backend")),
        })?;
        Ok(engines.swap_remove(place))
    }

    /// All stages of the plugin.
    pub(super) fn stages_for(&self, host: &StubHost) -> Result<Vec<LoadedStageLoader>, Verdict> {
        Library::open(&self.library, host.services()).map(Library::into_stages).map_err(Verdict::fail)
    }

    /// The stage.
    pub(super) fn stage_loader(&self, host: &StubHost) -> Result<LoadedStageLoader, Verdict> {
        let name = self.stage.as_deref().unwrap_or_default();
        let mut stages = self.stages_for(host)?;
        let place = stages.iter().position(|stage| stage.name() == name);
        let place = place.ok_or_else(|| Verdict::fail(format!("the plugin has no stage `{name}`")))?;
        Ok(stages.swap_remove(place))
    }

    /// The stage, loaded with the configuration.
    pub(super) fn stage(&self) -> Result<TestStage, Verdict> {
        Ok(TestStage::try_load(&self.stage_loader(&self.host())?, Value::Object(self.fields.clone()))?)
    }

    /// The configuration fields of the engine or the stage.
    pub(super) fn schema(&self) -> Result<Schema, Verdict> {
        match self.stage {
            None => Ok(self.engine()?.schema().clone()),
            Some(_) => Ok(self.stage_loader(&self.host())?.schema().clone()),
        }
    }

    /// The audio for a stage, as [`audio`](Self::audio), and its rate.
    pub(super) fn stage_audio(&self, stage: &TestStage) -> Result<(Vec<f32>, u32), Verdict> {
        let rate = stage.metadata().sample_rate.unwrap_or(RATE);
        Ok((self.audio_at(rate)?, rate))
    }

    /// A model with the configuration.
    pub(super) fn model(&self) -> Result<TestModel, Verdict> {
        Ok(self.engine()?.try_load(Value::Object(self.fields.clone()))?)
    }

    /// The recording, or the built-in signal, at the model's rate. About 10 s, 20 at most.
    pub(super) fn audio(&self, model: &TestModel) -> Result<Vec<f32>, Verdict> {
        self.audio_at(model.metadata().sample_rate)
    }

    fn audio_at(&self, rate: u32) -> Result<Vec<f32>, Verdict> {
        match &self.speech {
            None => Ok(signal::talk(rate, 10.0)),
            Some(speech) => {
                let mut audio = speech(rate).map_err(Verdict::fail)?;
                audio.truncate((rate * MOST_SECONDS) as usize);
                Ok(audio)
            }
        }
    }

    /// A model, the audio, and what the engine reports for it.
    pub(super) fn heard(&self) -> Result<(TestModel, Vec<f32>, Recording), Verdict> {
        let model = self.model()?;
        let audio = self.audio(&model)?;
        let recording = model.try_run(&audio)?;
        Ok((model, audio, recording))
    }
}
