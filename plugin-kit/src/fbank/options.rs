//! Options of the features, as a model was trained on, and their validation.

/// Options of the features. Fixed are: no dither, a power spectrum, the natural logarithm with a floor of
/// [`f32::EPSILON`], and a Fourier transform of the next power of two.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Sample rate in Hz, 1,000 to 384,000.
    pub sample_rate: u32,
    /// Length of a frame in ms; at least two samples, at most 65,536.
    pub frame_length_ms: f32,
    /// Distance between two frames in ms; at least one sample, at most the length of a frame.
    pub frame_shift_ms: f32,
    /// Share of the previous sample that is subtracted from each sample, 0 to 1.
    pub preemphasis: f32,
    /// The window that a frame is multiplied with.
    pub window: Window,
    /// Whether the mean of a frame is subtracted first.
    pub remove_dc: bool,
    /// Number of features in a frame, at least 3. The maximum depends on the other options.
    pub bins: usize,
    /// Low end of the first triangle in Hz, 0 or more.
    pub low_hz: f32,
    /// High end of the last triangle in Hz: up to half the sample rate; a value of 0 or less is relative to that.
    pub high_hz: f32,
    /// The triangles.
    pub mel: Mel,
}

/// The window that a frame is multiplied with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Hann's window, periodic (like PyTorch's `hann_window`).
    Hann,
    /// Kaldi's own window: Hann's, symmetric, to the power of 0.85.
    Povey,
}

/// The triangles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mel {
    /// Kaldi's: height 1, linear on the scale 1127 ln(1 + Hz / 700).
    Kaldi,
    /// librosa's: area 1, linear in Hz; their corners are evenly spaced on Slaney's scale, which is linear up to 1 kHz.
    Slaney,
}

impl Options {
    /// The options of streaming NeMo models as used by sherpa-onnx: 16 kHz samples within -1 to 1, 80 bins of 0 to 8
    /// kHz.
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

    /// The options of models derived from Kaldi (icefall's zipformers): 16 kHz samples within -1 to 1, 80 bins of 20 to
    /// 7,600 Hz.
    pub fn kaldi() -> Self {
        Self { window: Window::Povey, remove_dc: true, low_hz: 20.0, high_hz: -400.0, mel: Mel::Kaldi, ..Self::nemo() }
    }
}

/// The options are invalid.
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
        /// Low end of the range in Hz.
        low: f32,
        /// High end of the range in Hz.
        high: f32,
        /// Half the sample rate.
        nyquist: f32,
    },
    /// The number of bins.
    #[error("{0} bins are fewer than 3, or so many that some do not cover any spectral line")]
    Bins(usize),
}
