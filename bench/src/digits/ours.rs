//! Auricle's side: the plugin file, opened as by the server, in this process.

use crate::{
    Done,
    plugin::{self, cpu},
};
use auricle_plugin_api::host::LogLevel;
use auricle_plugin_kit::fbank::{Fbank, Options, Plan};
use auricle_plugin_test::TestModel;
use serde_json::json;
use std::{hint::black_box, path::Path, sync::Arc};

/// Longer than any utterance, in seconds.
const FOR_EVER: u32 = 3_600;

/// A loaded model, and its audio.
pub(super) struct Ours<'a> {
    model: TestModel,
    audio: &'a [f32],
    plan: Arc<Plan>,
}

impl<'a> Ours<'a> {
    pub(super) fn open(model: &Path, audio: &'a [f32]) -> Done<Self> {
        let (Some(models), Some(name)) = (model.parent(), model.file_name().and_then(|name| name.to_str())) else {
            return Err(format!("{} is not the folder of a model", model.display()).into());
        };
        let (engine, _) = plugin::open("onnx", models, LogLevel::Error)?;
        let one_utterance = json!({
            "model": name,
            "rule2_min_trailing_silence": FOR_EVER,
            "rule3_min_utterance_length": FOR_EVER,
        });
        let model = engine.load(one_utterance);
        Ok(Self { model, audio, plan: Arc::new(Plan::new(&Options::nemo())?) })
    }

    /// Number of samples in a piece: the engine's chunk.
    pub(super) fn piece(&self) -> usize {
        self.model.metadata().chunk_samples as usize
    }

    /// Runs a stream with all of the audio. Returns the processor time in seconds, and the text.
    pub(super) fn recognize(&self) -> (f64, String) {
        let begun = cpu();
        let recording = self.model.run(self.audio);
        (cpu() - begun, recording.text())
    }

    /// Computes only the features. Returns the processor time in seconds.
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
