//! The voice gate of a model, in the worker: it decides which audio the engine gets.
//!
//! Silero's network gives each window of 512 samples a probability of speech; `activity` finds starts and pauses in them.
//! The gate of a stream (`flow`) takes the audio as the server sends it and says what the engine is called with. `timeline`
//! maps the engine's times to those of the stream, `sink` does so for its events, and `point` is the state of a restart
//! point. Threads: the model any, a gate one at a time.

mod activity;
mod flow;
mod point;
mod rules;
mod sink;
#[cfg(test)]
mod tests;
mod timeline;

pub(super) use flow::{Gate, Step};
pub(super) use sink::GateSink;

use crate::voice_gate::VoiceGate;
use auricle_plugin_api::{Error, Host, Metadata};
use auricle_plugin_kit::{onnx::Sessions, vad::Silero};
use rules::{RATE, Rules};
use std::sync::Arc;

/// The field of presets, in messages.
const FIELD: &str = "host.voice_gate";

/// The gate of a model: makes those of its streams.
pub(super) struct GateModel {
    rules: Rules,
    network: Arc<Sessions>,
    metadata: Metadata,
}

impl GateModel {
    /// Loads the network for an engine with these metadata.
    ///
    /// # Errors
    /// The model has another rate, or the network or ONNX Runtime is missing.
    pub(super) fn load(gate: &VoiceGate, engine: &Metadata, host: &Host) -> Result<Self, Error> {
        if engine.sample_rate != RATE {
            let problem = format!("the model's rate is {} Hz: the gate needs {RATE}", engine.sample_rate);
            return Err(Error::config(FIELD, problem));
        }
        let network = Silero::load(host).map_err(|problem| Error::config(FIELD, problem.message))?;
        let rules = Rules::new(gate, engine);
        Ok(Self { metadata: rules.metadata(engine), rules, network: Arc::new(network) })
    }

    /// The metadata of the engine behind the gate.
    pub(super) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The gate of a stream.
    pub(super) fn gate(&self) -> Gate {
        Gate::new(self.rules, Box::new(Silero::new(Arc::clone(&self.network))))
    }
}
