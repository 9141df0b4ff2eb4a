//! Voice activity: who speaks, told from windows of 512 samples at 16 kHz.
//!
//! A [`Vad`] gives each window a probability of speech; the [`Gate`] makes starts and ends of them. Two detectors are here:
//! [`Energy`], which needs nothing, and [`Silero`] (feature `onnx`), a network. Which one is used is configured and never
//! changed silently: [`Detector`].

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

/// Samples a detector hears at once.
pub const WINDOW: usize = 512;

/// Tells speech from everything else, for one stream.
pub trait Vad: Send + 'static {
    /// How likely somebody speaks in this window, 0 to 1. Windows follow one another without gaps.
    ///
    /// # Errors
    /// Closes the stream.
    fn probability(&mut self, window: &[f32; WINDOW]) -> Result<f32, Error>;

    /// Forgets what was heard: another stream begins.
    fn reset(&mut self);
}

impl<V: Vad + ?Sized> Vad for Box<V> {
    fn probability(&mut self, window: &[f32; WINDOW]) -> Result<f32, Error> {
        (**self).probability(window)
    }

    fn reset(&mut self) {
        (**self).reset();
    }
}
