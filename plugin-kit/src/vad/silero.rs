//! Silero VAD with ONNX Runtime.
//!
//! The network's input is the last 64 samples of the previous window and the window; its state of 256 values is passed
//! from window to window. Invariant: a loaded network has run once. Threads: sessions are shared by all streams of a
//! model; a detector belongs to one stream.
//!
//! Source: the PyPI package silero-vad 6.2.3, `silero_vad.onnx`, MIT licence.

use super::{Vad, WINDOW};
use crate::{
    onnx::{Options, Runtime, Sessions},
    resources,
};
use auricle_plugin_api::{Error, Host};
use ort::value::TensorRef;
use std::sync::Arc;

/// The network's file name in a resource directory.
const FILE: &str = "silero_vad.onnx";
const CONTEXT: usize = 64;
const STATE: [usize; 3] = [2, 1, 128];
const SCALAR: [usize; 0] = [];

/// Detects speech with a network.
pub struct Silero {
    sessions: Arc<Sessions>,
    /// The end of the previous window, and the next window.
    input: [f32; CONTEXT + WINDOW],
    state: Vec<f32>,
}

impl Silero {
    /// Loads the network, for all streams.
    ///
    /// # Errors
    /// The network or ONNX Runtime is missing, or the file is another network.
    pub fn load(host: &Host) -> Result<Sessions, Error> {
        let file = resources::find(host, "Silero VAD (the network for `vad`: \"silero\")", FILE)?;
        let sessions = Sessions::open(&Runtime::load(host)?, &file, Options::default())?;
        let mut input = [0.0; CONTEXT + WINDOW];
        run(&sessions, &mut input, &mut vec![0.0; STATE.iter().product()])
            .map_err(|problem| Error::model(format!("{}: not Silero VAD: {}", file.display(), problem.message)))?;
        Ok(sessions)
    }

    /// Creates a detector for a stream.
    pub fn new(sessions: Arc<Sessions>) -> Self {
        Self { sessions, input: [0.0; CONTEXT + WINDOW], state: vec![0.0; STATE.iter().product()] }
    }
}

impl Vad for Silero {
    fn probability(&mut self, window: &[f32; WINDOW]) -> Result<f32, Error> {
        self.input[CONTEXT..].copy_from_slice(window);
        run(&self.sessions, &mut self.input, &mut self.state)
    }

    fn reset(&mut self) {
        self.input.fill(0.0);
        self.state.fill(0.0);
    }

    fn state(&self) -> Vec<f32> {
        [&self.input[..CONTEXT], &self.state].concat()
    }

    fn restore(&mut self, state: &[f32]) -> bool {
        if state.len() != CONTEXT + self.state.len() {
            return false;
        }
        let (context, state) = state.split_at(CONTEXT);
        self.input[..CONTEXT].copy_from_slice(context);
        self.state.copy_from_slice(state);
        true
    }
}

fn run(sessions: &Sessions, input: &mut [f32; CONTEXT + WINDOW], state: &mut [f32]) -> Result<f32, Error> {
    let mut session = sessions.lend()?;
    let outputs = session.run(ort::inputs![
        "input" => TensorRef::from_array_view(([1, input.len()], &input[..]))?,
        "state" => TensorRef::from_array_view((STATE, &state[..]))?,
        "sr" => TensorRef::from_array_view((SCALAR, &[16_000_i64][..]))?,
    ])?;
    let missing = |name| Error::model(format!("it has no output `{name}`"));
    let (_, probability) = outputs.get("output").ok_or_else(|| missing("output"))?.try_extract_tensor::<f32>()?;
    let (_, next) = outputs.get("stateN").ok_or_else(|| missing("stateN"))?.try_extract_tensor::<f32>()?;
    let (&[probability], true) = (probability, next.len() == state.len()) else {
        return Err(Error::model(format!(
            "it returns {} probabilities and a state of {} values",
            probability.len(),
            next.len()
        )));
    };
    state.copy_from_slice(next);
    input.copy_within(WINDOW.., 0);
    Ok(probability)
}
