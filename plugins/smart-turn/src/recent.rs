//! The last audio of a stream: what the network hears when it is asked.
//!
//! It is that of the open turn with a little before it, or, while no turn is open, that little. Invariant: at most the network's
//! window, as samples of 16 bits, so that a stream's state is small. Threads: one at a time.

use crate::{RATE, network};
use auricle_plugin_kit::vad::WINDOW;
use std::collections::VecDeque;

/// The audio before the first window of speech that counts as the turn's, in samples; as in the reference.
const BEFORE: usize = RATE as usize / 2;

/// The last audio.
#[derive(Default)]
pub(crate) struct Recent(VecDeque<i16>);

impl Recent {
    /// Adds audio. `is_turn`: a turn is open.
    pub(crate) fn push(&mut self, samples: &[f32], is_turn: bool) {
        // Numbers that are too large become the largest ones, and NaN becomes 0.
        self.0.extend(samples.iter().map(|sample| (sample * 32_768.0).round() as i16));
        let most = if is_turn { network::SAMPLES } else { BEFORE + WINDOW };
        let excess = self.0.len().saturating_sub(most);
        self.0.drain(..excess);
    }

    pub(crate) fn samples(&mut self) -> &[i16] {
        self.0.make_contiguous()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn state(&self) -> Vec<u8> {
        self.0.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }

    pub(crate) fn restore(&mut self, state: &[u8]) {
        self.0 = state.as_chunks::<2>().0.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_comes_back() {
        let mut recent = Recent::default();
        let second = [-0.5_f32; RATE as usize];
        recent.push(&second, false);
        assert_eq!(recent.samples().len(), BEFORE + WINDOW);
        (0..9).for_each(|_| recent.push(&second, true));
        recent.push(&[1.0, -2.0, f32::NAN, 1.0 / 32_768.0], true);
        assert_eq!(recent.samples()[network::SAMPLES - 5..], [-16_384, 32_767, -32_768, 0, 1]);
        let mut other = Recent::default();
        other.restore(&recent.state());
        assert_eq!(other.samples(), recent.samples());
    }
}
