//! The network smart-turn v3.2: how likely it is that a turn is over, from how its last 8 s sound.
//!
//! Its input are the log-mel features of Whisper, 80 bins and 800 frames, of a window of 8 s that ends where the audio ends. Before
//! shorter audio the window is 0. It is brought to zero mean and unit variance first. Invariant: a loaded network has run once.
//! Threads: any; the sessions are shared by all streams.
//!
//! Source: the PyPI package pipecat-ai 1.14.0, `smart-turn-v3.2-cpu.onnx`, BSD 2-clause licence (`weights/SOURCE.md`).

use auricle_plugin_api::{Error, Host};
use auricle_plugin_kit::{
    logmel::{HOP, LogMel, Plan},
    onnx::{Options, Runtime, Sessions},
    resources,
};
use ort::value::TensorRef;
use std::{iter, sync::Arc};

/// The network's file name in a resource directory.
const FILE: &str = "smart-turn-v3.2-cpu.onnx";
/// The samples of the window.
pub(crate) const SAMPLES: usize = 8 * crate::RATE as usize;
const BINS: usize = 80;
const FRAMES: usize = SAMPLES / HOP;
/// Added to the variance, so that silence can be divided by it.
const LEAST_VARIANCE: f64 = 1e-7;

/// The loaded network.
pub(crate) struct Network {
    sessions: Sessions,
    plan: Arc<Plan>,
}

impl Network {
    /// Loads the network, for all streams.
    ///
    /// # Errors
    /// The network or ONNX Runtime is missing, or the file is another network.
    pub(crate) fn load(host: &Host, options: Options) -> Result<Self, Error> {
        let file = resources::find(host, "smart-turn (the network of the stage)", FILE)?;
        // It computes convolutions in 8 bits.
        let options = Options { shares_weights: false, ..options };
        let sessions = Sessions::open(&Runtime::load(host)?, &file, options)?;
        let network = Self { sessions, plan: Arc::new(Plan::new(BINS)?) };
        network
            .probability(&[])
            .map_err(|problem| Error::model(format!("{}: not smart-turn: {}", file.display(), problem.message)))?;
        Ok(network)
    }

    /// The probability that the turn is over that ends with this audio. Only its last 8 s count.
    ///
    /// # Errors
    /// The runtime's.
    pub(crate) fn probability(&self, audio: &[i16]) -> Result<f32, Error> {
        let features = self.features(audio);
        let mut session = self.sessions.lend()?;
        let features = TensorRef::from_array_view(([1, BINS, FRAMES], &features[..]))?;
        let outputs = session.run(ort::inputs!["input_features" => features])?;
        let output = outputs.get("logits").ok_or_else(|| Error::model("it has no output `logits`"))?;
        let (_, values) = output.try_extract_tensor::<f32>()?;
        // The published network ends with a sigmoid, in spite of the name.
        match values {
            [probability] if (0.0..=1.0).contains(probability) => Ok(*probability),
            _ => Err(Error::model(format!("it returns {} values, not one probability", values.len()))),
        }
    }

    /// `[bins, frames]`
    fn features(&self, audio: &[i16]) -> Vec<f32> {
        let audio = &audio[audio.len().saturating_sub(SAMPLES)..];
        let scaled = |sample: i16| f64::from(sample) / 32_768.0;
        let mean = |of: fn(f64) -> f64| {
            let sum: f64 = audio.iter().map(|sample| of(scaled(*sample))).sum();
            sum / SAMPLES as f64
        };
        let (middle, square) = (mean(|sample| sample), mean(|sample| sample * sample));
        let deviation = ((square - middle * middle).max(0.0) + LEAST_VARIANCE).sqrt();
        let before = iter::repeat_n(0, SAMPLES - audio.len());
        let window = before.chain(audio.iter().copied()).map(|sample| ((scaled(sample) - middle) / deviation) as f32);
        let mut heard = LogMel::new(Arc::clone(&self.plan));
        heard.push(&window.collect::<Vec<_>>());
        let mut features = vec![0.0; BINS * FRAMES];
        heard.features(FRAMES, &mut features);
        features
    }
}

#[cfg(test)]
mod tests;
