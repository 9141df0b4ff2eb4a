//! What features a model was trained on, and what of it makes no sense.

/// How features are computed. Dither is none, the spectrum is of power, the logarithm natural with a floor of
/// [`f32::EPSILON`], and the Fourier transform as long as the next power of two.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// In Hz, 1,000 to 384,000.
    pub sample_rate: u32,
    /// What a frame sees, in ms; at least two samples, at most 65,536.
    pub frame_length_ms: f32,
    /// From one frame to the next, in ms; at least one sample, at most the length.
    pub frame_shift_ms: f32,
    /// How much of the sample before is taken off each one, 0 to 1.
    pub preemphasis: f32,
    /// What a frame is multiplied with.
    pub window: Window,
    /// Whether a frame's mean is taken off it first.
    pub remove_dc: bool,
    /// Features in a frame, at least 3; how many the spectrum has room for depends on the other options.
    pub bins: usize,
    /// Where the first triangle begins, in Hz, 0 or more.
    pub low_hz: f32,
    /// Where the last triangle ends, in Hz: up to half the sample rate, or if 0 or less, counted from there.
    pub high_hz: f32,
    /// The triangles.
    pub mel: Mel,
}

/// What a frame is multiplied with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Hann's, periodic (as PyTorch's `hann_window`).
    Hann,
    /// Kaldi's own: Hann's, symmetric, to the power of 0.85.
    Povey,
}

/// The triangles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mel {
    /// Kaldi's: of height 1, straight over the scale 1127 ln(1 + Hz / 700).
    Kaldi,
    /// librosa's: of area 1, straight over Hz; their corners are even on Slaney's scale, which is linear up to 1 kHz.
    Slaney,
}

impl Options {
    /// What streaming NeMo models hear as sherpa-onnx feeds them: 16 kHz samples within -1 to 1, 80 bins of 0 to 8 kHz.
    pub fn nemo() -> Self {
        Self {
            sample_rate: 16_000,
            frame_length_ms: 25.0,
            frame_shift_ms: 10.0,
            preemphasis: 0.97,
            window: Window::Hann,
            remove_dc: false,
            bins: 80,
            low_hz: 0.0,
            high_hz: 0.0,
            mel: Mel::Slaney,
        }
    }

    /// What models of Kaldi's descent (icefall's zipformers) hear: 16 kHz samples within -1 to 1, 80 bins of 20 to 7,600 Hz.
    pub fn kaldi() -> Self {
        Self { window: Window::Povey, remove_dc: true, low_hz: 20.0, high_hz: -400.0, mel: Mel::Kaldi, ..Self::nemo() }
    }
}

/// Options that make no sense.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The sample rate.
    #[error("a sample rate of {0} Hz is outside 1,000 to 384,000")]
    SampleRate(u32),
    /// The length of a frame.
    #[error("a frame of {0} ms is not 2 to 65,536 samples long")]
    FrameLength(f32),
    /// The shift.
    #[error("a frame shift of {0} ms is not between one sample and the length of a frame")]
    FrameShift(f32),
    /// The preemphasis.
    #[error("a preemphasis of {0} is outside 0 to 1")]
    Preemphasis(f32),
    /// The range of frequencies.
    #[error("frequencies from {low} to {high} Hz are not a range within 0 to {nyquist} Hz, half the sample rate")]
    Range {
        /// Where it begins.
        low: f32,
        /// Where it ends.
        high: f32,
        /// Half the sample rate.
        nyquist: f32,
    },
    /// The number of bins.
    #[error("{0} bins are fewer than 3, or so many that some see nothing of the spectrum")]
    Bins(usize),
}
