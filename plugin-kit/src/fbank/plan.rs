//! Data shared by all streams of a model, and the computation of a frame.

use super::{
    log::ln,
    mel::{Bank, LANES},
    options::{Error, Options, Window},
};
use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};
use std::{f64::consts::TAU, fmt, sync::Arc};

/// The window, the Fourier transform and the triangles. Created once per model, and shared by its streams.
pub struct Plan {
    length: usize,
    shift: usize,
    bins: usize,
    preemphasis: f32,
    remove_dc: bool,
    window: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
    bank: Bank,
}

/// Buffers for the computation of a frame.
pub(super) struct Scratch {
    frame: Vec<f32>,
    padded: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    power: Vec<f32>,
    fft: Vec<Complex<f32>>,
}

impl Plan {
    /// # Errors
    /// The options are invalid.
    pub fn new(options: &Options) -> Result<Self, Error> {
        if !(1_000..=384_000).contains(&options.sample_rate) {
            return Err(Error::SampleRate(options.sample_rate));
        }
        // Kaldi's arithmetic, truncated to whole samples as in Kaldi. NaN becomes 0.
        let samples = |ms: f32| (options.sample_rate as f32 * 0.001 * ms) as usize;
        let (length, shift) = (samples(options.frame_length_ms), samples(options.frame_shift_ms));
        if !(2..=65_536).contains(&length) {
            return Err(Error::FrameLength(options.frame_length_ms));
        }
        if !(1..=length).contains(&shift) {
            return Err(Error::FrameShift(options.frame_shift_ms));
        }
        if !(0.0..=1.0).contains(&options.preemphasis) {
            return Err(Error::Preemphasis(options.preemphasis));
        }
        let padded = length.next_power_of_two();
        Ok(Self {
            length,
            shift,
            bins: options.bins,
            preemphasis: options.preemphasis,
            remove_dc: options.remove_dc,
            window: window(options.window, length),
            fft: RealFftPlanner::new().plan_fft_forward(padded),
            bank: Bank::new(options, padded)?,
        })
    }

    /// Number of features in a frame.
    pub fn bins(&self) -> usize {
        self.bins
    }

    /// Number of samples between the starts of two frames.
    pub fn shift(&self) -> usize {
        self.shift
    }

    /// The first sample that a frame needs. Earlier samples can be discarded, and a stream that is resumed at the frame
    /// begins there.
    pub fn first_sample_of(&self, frame: u64) -> u64 {
        // A frame of odd length may need one more if the audio ends within it.
        (self.start_of(frame) - (self.length % 2) as i64).max(0) as u64
    }

    /// Number of samples since the start of the stream that are needed for a frame before the end of the audio.
    pub fn samples_for(&self, frame: u64) -> u64 {
        self.start_of(frame).saturating_add(self.length as i64) as u64
    }

    /// Number of frames in audio with this many samples.
    pub fn frames_in(&self, samples: u64) -> u64 {
        samples.saturating_add(self.shift as u64 / 2) / self.shift as u64
    }

    /// The first sample of a frame; negative for the first frames.
    pub(super) fn start_of(&self, frame: u64) -> i64 {
        let frame = i64::try_from(frame).unwrap_or(i64::MAX);
        frame.saturating_mul(self.shift as i64).saturating_add(self.shift as i64 / 2 - self.length as i64 / 2)
    }

    pub(super) fn scratch(&self) -> Scratch {
        let spectrum = self.fft.make_output_vec();
        Scratch {
            frame: Vec::new(),
            padded: self.fft.make_input_vec(),
            power: vec![0.0; spectrum.len() + LANES],
            spectrum,
            fft: self.fft.make_scratch_vec(),
        }
    }

    /// Computes the features of the frame that begins at `start` of `samples`. The frame may extend beyond both ends.
    pub(super) fn features(&self, samples: &[f32], start: i64, scratch: &mut Scratch, bins: &mut [f32]) {
        let inside = usize::try_from(start).ok().and_then(|start| samples.get(start..start + self.length));
        if let Some(frame) = inside {
            self.emphasise(frame, &mut scratch.padded);
        } else {
            scratch.frame.clear();
            scratch.frame.extend((start..start + self.length as i64).map(|at| samples[mirrored(at, samples.len())]));
            self.emphasise(&scratch.frame, &mut scratch.padded);
        }
        let Scratch { padded, spectrum, power, fft, .. } = scratch;
        let transformed = self.fft.process_with_scratch(padded, spectrum, fft);
        debug_assert!(transformed.is_ok(), "the buffers are the transform's own");
        for (power, line) in power.iter_mut().zip(spectrum.iter()) {
            *power = line.norm_sqr();
        }
        self.bank.apply(power, bins);
        for bin in bins {
            // NaN becomes the floor with `max`, but not with `clamp`.
            let floored = bin.max(f32::EPSILON);
            *bin = ln(floored.min(f32::MAX));
        }
    }

    /// Subtracts the mean, and applies preemphasis, window and padding, in one pass.
    fn emphasise(&self, frame: &[f32], padded: &mut [f32]) {
        let mean = if self.remove_dc { sum(frame) / self.length as f32 } else { 0.0 };
        let (windowed, padding) = padded.split_at_mut(self.length);
        // The sample before the first counts as equal to the first.
        let first = frame[0] - mean;
        windowed[0] = (first - self.preemphasis * first) * self.window[0];
        for ((to, pair), window) in windowed[1..].iter_mut().zip(frame.windows(2)).zip(&self.window[1..]) {
            *to = ((pair[1] - mean) - self.preemphasis * (pair[0] - mean)) * window;
        }
        padding.fill(0.0);
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { length, shift, bins, .. } = self;
        write!(f, "Plan {{ length: {length}, shift: {shift}, bins: {bins} }}")
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scratch")
    }
}

fn window(window: Window, length: usize) -> Vec<f32> {
    let hann = |i: usize, period: usize| 0.5 - 0.5 * (TAU / period as f64 * i as f64).cos();
    let at = |i| match window {
        Window::Hann => hann(i, length),
        Window::Povey => hann(i, length - 1).powf(0.85),
    };
    (0..length).map(|i| at(i) as f32).collect()
}

/// The index of the sample at `at`, mirrored at both ends as often as necessary.
fn mirrored(mut at: i64, len: usize) -> usize {
    let len = len as i64;
    loop {
        at = match at {
            ..0 => -1 - at,
            _ if at >= len => 2 * len - 1 - at,
            _ => return at as usize,
        };
    }
}

/// Eight partial sums: the compiler may not reorder floating-point additions.
fn sum(samples: &[f32]) -> f32 {
    let mut sums = [0.0; 8];
    let chunks = samples.chunks_exact(8);
    let rest: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for (sum, sample) in sums.iter_mut().zip(chunk) {
            *sum += sample;
        }
    }
    sums.iter().sum::<f32>() + rest
}
