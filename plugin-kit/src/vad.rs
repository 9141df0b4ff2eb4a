//! Voice activity detection, in windows of 512 samples at 16 kHz.
//!
//! A [`Vad`] gives each window a probability of speech; the [`Gate`] derives starts and ends from them. There are two
//! detectors: [`Energy`], which needs no files, and [`Silero`] (feature `onnx`), a network. The preset selects the
//! detector, and it is never changed silently: [`Detector`].

mod detector;
mod energy;
mod gate;
#[cfg(feature = "onnx")]
mod silero;
#[cfg(test)]
pub(crate) mod tests;

pub use detector::Detector;
pub use energy::Energy;
pub use gate::{Change, Gate};
#[cfg(feature = "onnx")]
pub use silero::Silero;

use auricle_plugin_api::Error;

/// Number of samples in a window.
pub const WINDOW: usize = 512;

/// Detects speech in one stream.
pub trait Vad: Send + 'static {
    /// The probability of speech in this window, 0 to 1. Windows follow one another without gaps.
    ///
    /// # Errors
    /// An error closes the stream.
    fn probability(&mut self, window: &[f32; WINDOW]) -> Result<f32, Error>;

    /// Discards all state, for a new stream.
    fn reset(&mut self);

    /// What later probabilities depend on besides the audio to come. Empty, the default, if there is nothing.
    fn state(&self) -> Vec<f32> {
        Vec::new()
    }

    /// Continues a stream with the [`state`](Self::state) of another detector of the same kind. Returns whether it is one.
    fn restore(&mut self, state: &[f32]) -> bool {
        self.reset();
        state.is_empty()
    }
}

impl<V: Vad + ?Sized> Vad for Box<V> {
    fn probability(&mut self, window: &[f32; WINDOW]) -> Result<f32, Error> {
        (**self).probability(window)
    }

    fn reset(&mut self) {
        (**self).reset();
    }

    fn state(&self) -> Vec<f32> {
        (**self).state()
    }

    fn restore(&mut self, state: &[f32]) -> bool {
        (**self).restore(state)
    }
}
