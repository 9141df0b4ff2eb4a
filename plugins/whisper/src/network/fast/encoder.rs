//! The encoder of the fast layout: computes the keys and values of the decoder's cross attention.
//!
//! It computes the states of the audio and a few of those of the padding after it (`Plan`); the network approximates the others
//! (`convert/src/encoder.rs`). Invariant: the output depends on the window alone.

use super::super::{Audio, Sizes, expect, missing};
use crate::window::Window;
use auricle_plugin_api::Error;
use auricle_plugin_kit::onnx::Sessions;
use ort::{
    session::SessionInputValue,
    value::{DynValue, Tensor, TensorRef, ValueType},
};

/// Number of states of 20 ms after the end of the audio that are all computed.
const MARGIN: usize = 8;
/// After these, one state of each block is computed. The first block has this many states, ...
const FIRST: usize = 2;
/// ... and each further one a quarter more, up to this.
const LONGEST: usize = 32;
/// The number of computed states of the audio is a multiple of this, so that the runtime sees few shapes.
const STEP: usize = 25;
/// The names of the inputs that take the outputs for a window of padding begin with this.
const OF_PADDING: &str = "padding_";

pub(super) struct Encoder {
    sessions: Sessions,
    /// Names of the outputs that the decoder reads: key and value for each of its layers.
    cross: Vec<String>,
    sizes: Sizes,
    /// The inputs for padding.
    padding: Outputs,
}

/// Values of a network, by name.
type Outputs = Vec<(String, DynValue)>;

impl Encoder {
    /// Runs the network once, to compute a window of padding.
    pub(super) fn new(sessions: Sessions, cross: Vec<String>, sizes: Sizes) -> Result<Self, Error> {
        let mut unused = Vec::new();
        for input in sessions.lend()?.inputs() {
            if let (true, ValueType::Tensor { shape, .. }) = (input.name().starts_with(OF_PADDING), input.dtype()) {
                let shape: Vec<_> = shape.iter().map(|length| usize::try_from(*length).unwrap_or(0)).collect();
                let count = shape.iter().product();
                let value = Tensor::<f32>::from_array((shape, vec![0.0; count]))?;
                unused.push((input.name().to_owned(), value.into_dyn()));
            }
        }
        // If all states are computed, these inputs have no effect.
        let mut encoder = Self { sessions, cross, sizes, padding: unused };
        let padding = Window::new(encoder.sizes.bins, encoder.sizes.frames);
        let outputs = encoder.run(&padding.features, &Plan::whole(encoder.sizes.states))?;
        encoder.padding = outputs.into_iter().map(|(name, value)| (format!("{OF_PADDING}{name}"), value)).collect();
        Ok(encoder)
    }

    pub(super) fn encode(&self, window: &Window) -> Result<Audio, Error> {
        let Sizes { states, heads, head_width, .. } = self.sizes;
        let plan = Plan::new(window.sounding.div_ceil(2), states);
        let frames = (2 * plan.dense).min(window.frames);
        let start = window.features.chunks_exact(window.frames).flat_map(|bin| &bin[..frames]);
        let mut outputs = self.run(&start.copied().collect::<Vec<_>>(), &plan)?;
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
    fn run(&self, features: &[f32], plan: &Plan) -> Result<Outputs, Error> {
        let bins = self.sizes.bins;
        let features = TensorRef::from_array_view(([1, bins, features.len() / bins], features))?;
        let mut inputs = vec![
            ("input_features", SessionInputValue::from(features)),
            ("places", SessionInputValue::from(TensorRef::from_array_view(([plan.places.len()], &plan.places[..]))?)),
            (
                "nearest",
                SessionInputValue::from(TensorRef::from_array_view(([plan.nearest.len()], &plan.nearest[..]))?),
            ),
        ];
        inputs.extend(self.padding.iter().map(|(name, value)| (name.as_str(), SessionInputValue::from(value))));
        let mut session = self.sessions.lend()?;
        let outputs = session.run(inputs)?;
        Ok(outputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

/// Which states are computed.
#[derive(Debug, PartialEq)]
struct Plan {
    /// Number of states at the start that are all computed.
    dense: usize,
    /// The places of the computed states in the window, in order.
    places: Vec<i64>,
    /// For each place of the window, the index of the nearest of them.
    nearest: Vec<i64>,
}

impl Plan {
    /// For `audio` states of audio in a window of `states`. The blocks of padding get longer with their distance from the audio.
    fn new(audio: usize, states: usize) -> Self {
        let dense = (audio + MARGIN).next_multiple_of(STEP).min(states);
        let mut plan = Self::whole(dense);
        let (mut start, mut length) = (dense, FIRST);
        while start < states {
            let end = (start + length).min(states);
            plan.nearest.resize(end, plan.places.len() as i64);
            plan.places.push(((start + end - 1) / 2) as i64);
            (start, length) = (end, (length + length.div_ceil(4)).min(LONGEST));
        }
        plan
    }

    /// All states.
    fn whole(states: usize) -> Self {
        let all: Vec<i64> = (0..states as i64).collect();
        Self { dense: states, places: all.clone(), nearest: all }
    }
}

#[cfg(test)]
mod tests {
    use super::Plan;

    #[test]
    fn the_audio_is_computed_and_the_padding_sampled() {
        let plan = Plan::new(240, 1_500);
        assert_eq!((plan.dense, plan.nearest.len()), (250, 1_500));
        assert!(plan.places.len() < 250 + 55, "{}", plan.places.len());
        assert!(plan.places.is_sorted() && plan.nearest.is_sorted());
        for (place, nearest) in plan.nearest.iter().enumerate() {
            let away = plan.places[*nearest as usize].abs_diff(place as i64);
            // Blocks grow with the distance from the audio.
            assert!(away as usize <= place.saturating_sub(250) / 2 + 1 && away <= 16, "{place}: {away}");
        }
        assert_eq!(Plan::new(1_495, 1_500), Plan::whole(1_500));
        assert_eq!(Plan::new(0, 20), Plan::whole(20));
    }
}
