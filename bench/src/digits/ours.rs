//! Auricle's side: the plugin file as the server opens it, in this process.

use crate::{
    Done,
    plugin::{self, Told, cpu},
};
use auricle_plugin_api::{
    Error,
    host::{LoadedModel, LogLevel},
};
use auricle_plugin_kit::fbank::{Fbank, Options, Plan};
use serde_json::{Map, Value};
use std::{hint::black_box, path::Path, sync::Arc};

/// Seconds that no utterance lasts.
const FOR_EVER: u32 = 3_600;

/// An opened model, and what it is to hear.
pub(super) struct Ours<'a> {
    model: LoadedModel,
    config: Map<String, Value>,
    audio: &'a [f32],
    plan: Arc<Plan>,
}

impl<'a> Ours<'a> {
    pub(super) fn open(model: &Path, audio: &'a [f32]) -> Done<Self> {
        let (Some(models), Some(name)) = (model.parent(), model.file_name().and_then(|name| name.to_str())) else {
            return Err(format!("{} is no model's folder", model.display()).into());
        };
        let (engine, _) = plugin::open("onnx", models, LogLevel::Error)?;
        let mut config: Map<String, Value> = engine.schema().defaults().collect();
        config.insert("model".into(), name.into());
        for rule in ["rule2_min_trailing_silence", "rule3_min_utterance_length"] {
            config.insert(rule.into(), FOR_EVER.into());
        }
        let model = engine.load(&config).map_err(|problem| problem.to_string())?;
        Ok(Self { model, config, audio, plan: Arc::new(Plan::new(&Options::nemo())?) })
    }

    /// Samples in a piece: the engine's chunk.
    pub(super) fn piece(&self) -> usize {
        self.model.metadata().chunk_samples as usize
    }

    /// A stream of it all. Returns the processor time in seconds, and the text.
    pub(super) fn hear(&mut self) -> Done<(f64, String)> {
        self.stream().map_err(|problem| problem.to_string().into())
    }

    fn stream(&self) -> Result<(f64, String), Error> {
        let begun = cpu();
        let mut processor = self.model.processor(&self.config)?;
        processor.init(0)?;
        let mut told = Told::default();
        for piece in self.audio.chunks(self.piece()) {
            processor.insert_audio_chunk(piece)?;
            processor.process_iter(&mut told)?;
        }
        processor.finish(&mut told)?;
        Ok((cpu() - begun, told.text()))
    }

    /// The features alone. Returns the processor time in seconds.
    pub(super) fn features(&self) -> f64 {
        let mut fbank = Fbank::new(Arc::clone(&self.plan));
        let begun = cpu();
        for piece in self.audio.chunks(self.piece()) {
            fbank.accept(piece);
            let ready = fbank.ready();
            black_box(fbank.frames(fbank.first()..ready));
            fbank.discard_before(ready);
        }
        cpu() - begun
    }
}
