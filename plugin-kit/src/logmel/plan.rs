//! Data shared by all streams of a model, and the computation of a frame.

use crate::fbank::{
    Error, Options,
    log::ln,
    mel::{Bank, LANES},
};
use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};
use std::{f32::consts::LOG10_E, f64::consts::TAU, fmt, sync::Arc};

/// Number of samples between two frames.
pub const HOP: usize = 160;
/// Length of the window and the transform.
const LENGTH: usize = 400;
/// A frame covers the samples less than this far from its centre: the window's first weight is 0.
pub(super) const REACH: usize = LENGTH / 2;
/// Minimum energy.
const FLOOR: f32 = 1e-10;

/// The window, the Fourier transform and the triangles. Created once per model, and shared by its streams.
pub struct Plan {
    bins: usize,
    silence: f32,
    window: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
    bank: Bank,
}

/// Buffers for the computation of a frame.
pub(super) struct Scratch {
    frame: Vec<f32>,
    windowed: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    power: Vec<f32>,
    fft: Vec<Complex<f32>>,
}

impl Plan {
    /// Creates a plan for a model with this number of bins. Whisper's have 80, from `large-v3` on 128 (`feature_size`
    /// in Hugging Face's `preprocessor_config.json`).
    ///
    /// # Errors
    /// There are fewer than 3 bins, or more than the spectrum allows.
    pub fn new(bins: usize) -> Result<Self, Error> {
        let hann = |i: usize| 0.5 - 0.5 * (TAU / LENGTH as f64 * i as f64).cos();
        Ok(Self {
            bins,
            silence: log10(0.0),
            window: (0..LENGTH).map(|i| hann(i) as f32).collect(),
            fft: RealFftPlanner::new().plan_fft_forward(LENGTH),
            bank: Bank::new(&Options { bins, ..Options::nemo() }, LENGTH)?,
        })
    }

    /// Number of features in a frame.
    pub fn bins(&self) -> usize {
        self.bins
    }

    /// The value of each bin in a frame of silence.
    pub(super) fn silence(&self) -> f32 {
        self.silence
    }

    pub(super) fn scratch(&self) -> Scratch {
        let spectrum = self.fft.make_output_vec();
        Scratch {
            frame: Vec::new(),
            windowed: self.fft.make_input_vec(),
            power: vec![0.0; spectrum.len() + LANES],
            spectrum,
            fft: self.fft.make_scratch_vec(),
        }
    }

    /// Computes the logarithms of a frame's energies. `samples` are followed by zeros. The audio is mirrored before the
    /// first sample, and at `end`, if given.
    pub(super) fn frame(
        &self,
        samples: &[f32],
        frame: usize,
        end: Option<usize>,
        scratch: &mut Scratch,
        bins: &mut [f32],
    ) {
        let centre = frame * HOP;
        let inside = (centre + 1).checked_sub(REACH).and_then(|from| samples.get(from..centre + REACH));
        if let Some(seen) = inside.filter(|_| end.is_none_or(|end| centre + REACH <= end)) {
            self.apply_window(seen, &mut scratch.windowed);
        } else {
            let sees = centre as i64 + 1 - REACH as i64..(centre + REACH) as i64;
            let end = end.map_or(i64::MAX, |end| end as i64);
            scratch.frame.clear();
            scratch.frame.extend(sees.map(|at| samples.get(mirrored(at, end)).copied().unwrap_or(0.0)));
            self.apply_window(&scratch.frame, &mut scratch.windowed);
        }
        let Scratch { windowed, spectrum, power, fft, .. } = scratch;
        let transformed = self.fft.process_with_scratch(windowed, spectrum, fft);
        debug_assert!(transformed.is_ok(), "the buffers are the transform's own");
        for (power, line) in power.iter_mut().zip(spectrum.iter()) {
            *power = line.norm_sqr();
        }
        self.bank.apply(power, bins);
        for bin in bins {
            *bin = log10(*bin);
        }
    }

    fn apply_window(&self, seen: &[f32], windowed: &mut [f32]) {
        windowed[0] = 0.0;
        for ((to, sample), weight) in windowed[1..].iter_mut().zip(seen).zip(&self.window[1..]) {
            *to = sample * weight;
        }
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plan {{ bins: {} }}", self.bins)
    }
}

/// The logarithm of an energy. NaN becomes the floor with `max`, but not with `clamp`.
#[inline]
fn log10(energy: f32) -> f32 {
    let floored = energy.max(FLOOR);
    ln(floored.min(f32::MAX)) * LOG10_E
}

/// The index of the sample at `at`, mirrored at the first sample and at the one before `end` as often as necessary.
fn mirrored(mut at: i64, end: i64) -> usize {
    loop {
        at = match at {
            ..0 => -at,
            _ if at >= end => 2 * (end - 1) - at,
            _ => return at as usize,
        };
    }
}
