//! The encoder of the fast layout: computes the keys and values of the decoder's cross attention.
//!
//! In layout 2 it computes the places of a window that have audio, and a margin. The others are those of a window of
//! silence, which was computed when the model was opened. Files in layout 1 compute every window as a whole. The output
//! has the same shape in both. Invariant: it depends on the window alone.

use super::super::{Audio, Sizes, expect, missing};
use crate::window::Window;
use auricle_plugin_api::Error;
use auricle_plugin_kit::onnx::Sessions;
use ort::{
    memory::Allocator,
    session::SessionInputValue,
    value::{DynValue, Tensor, TensorRef, ValueType},
};

/// Number of states of 20 ms that are computed after the end of the audio, at least. With 10, some texts run on after the
/// end of the audio; with 50 there are about as many errors as with 25.
const MARGIN: usize = 25;
/// The number of computed states is a multiple of this, so that the runtime sees few shapes.
const STEP: usize = 25;
/// The feature of silence. It depends on the loudest sound of a window, and is between -1.2 and -0.5 if that is speech.
/// With the actual level of each window there are about as many errors.
const SILENCE: f32 = -0.75;
/// The names of the inputs that take the outputs for a window of silence begin with this.
const OF_SILENCE: &str = "silence_";

pub(super) struct Encoder {
    sessions: Sessions,
    /// Names of the outputs that the decoder reads: key and value for each of its layers.
    cross: Vec<String>,
    sizes: Sizes,
    /// The inputs for silence; none in layout 1.
    silence: Outputs,
}

/// Values of a network, by name.
type Outputs = Vec<(String, DynValue)>;

impl Encoder {
    /// Runs the network once, to compute a window of silence.
    pub(super) fn new(sessions: Sessions, cross: Vec<String>, sizes: Sizes) -> Result<Self, Error> {
        let mut unused = Vec::new();
        for input in sessions.lend()?.inputs() {
            if let (true, ValueType::Tensor { shape, .. }) = (input.name().starts_with(OF_SILENCE), input.dtype()) {
                let shape: Vec<_> = shape.iter().map(|length| usize::try_from(*length).unwrap_or(0)).collect();
                let value = Tensor::<f32>::new(&Allocator::default(), shape)?;
                unused.push((input.name().to_owned(), value.into_dyn()));
            }
        }
        // A whole window does not use the silence that it is given.
        let mut encoder = Self { sessions, cross, sizes, silence: unused };
        if !encoder.silence.is_empty() {
            let silence = Window::new(encoder.sizes.bins, encoder.sizes.frames, SILENCE);
            let outputs = encoder.run(&silence.features)?;
            encoder.silence = outputs.into_iter().map(|(name, value)| (format!("{OF_SILENCE}{name}"), value)).collect();
        }
        Ok(encoder)
    }

    pub(super) fn encode(&self, window: &Window) -> Result<Audio, Error> {
        let Sizes { states, heads, head_width, .. } = self.sizes;
        let mut outputs = if self.silence.is_empty() {
            self.run(&window.features)?
        } else {
            let computed = (window.sounding.div_ceil(2) + MARGIN).next_multiple_of(STEP).min(states);
            let start = window.features.chunks_exact(window.frames).flat_map(|bin| &bin[..2 * computed]);
            self.run(&start.copied().collect::<Vec<_>>())?
        };
        let mut audio = Vec::with_capacity(self.cross.len());
        for (at, name) in self.cross.iter().enumerate() {
            let place = outputs.iter().position(|(output, _)| output == name).ok_or_else(|| missing(name))?;
            let (_, value) = outputs.swap_remove(place);
            let turned = at % 2 == 0;
            let shape = if turned { [1, heads, head_width, states] } else { [1, heads, states, head_width] };
            expect(name, &value, &shape)?;
            audio.push(value);
        }
        Ok(Audio(audio))
    }

    /// Runs the network with the features of the start of a window, `[bins, frames]`.
    fn run(&self, features: &[f32]) -> Result<Outputs, Error> {
        let bins = self.sizes.bins;
        let features = TensorRef::from_array_view(([1, bins, features.len() / bins], features))?;
        let mut inputs = vec![("input_features", SessionInputValue::from(features))];
        inputs.extend(self.silence.iter().map(|(name, value)| (name.as_str(), SessionInputValue::from(value))));
        let mut session = self.sessions.lend()?;
        let outputs = session.run(inputs)?;
        Ok(outputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}
