//! Mono samples from one rate to another, by band-limited interpolation (crate `rubato`).
//!
//! Works in blocks of 10 ms of input, so that the result does not depend on how the audio came in. The filter's delay is
//! cut off at the start and made up at the end: output sample n is heard at the moment of input sample n * in / out.

use rubato::{
    Async, FixedAsync, Indexing, Resampler as _, ResamplerConstructionError, SincInterpolationParameters,
    WindowFunction, audioadapter_buffers::direct::SequentialSlice,
};

/// The library refuses a pair of rates.
#[derive(Debug, thiserror::Error)]
#[error("cannot resample from {from} to {to} Hz: {error}")]
pub struct ResampleError {
    /// Samples per second that come.
    pub from: u32,
    /// Samples per second that are wanted.
    pub to: u32,
    /// What it says.
    pub error: ResamplerConstructionError,
}

/// A converter between two fixed rates.
pub(super) struct Resampler {
    inner: Async<f32>,
    ratio: f64,
    /// Input not yet a whole block.
    pending: Vec<f32>,
    block: Vec<f32>,
    /// Output samples still to be cut off.
    delay: usize,
    input: u64,
    output: u64,
}

impl Resampler {
    /// From `from` to `to` samples per second; `None` where they are equal.
    ///
    /// # Errors
    /// Where the library refuses the pair.
    pub(super) fn new(from: u32, to: u32) -> Result<Option<Self>, ResampleError> {
        if from == to {
            return Ok(None);
        }
        let ratio = f64::from(to) / f64::from(from);
        // The filter must be as many times longer as the rate is divided, or it would let aliases through.
        let length = (128.0 / ratio.min(1.0)).round() as usize;
        let parameters = SincInterpolationParameters::new(length, WindowFunction::Blackman2).oversampling_factor(32);
        let frames = (from / 100).max(1) as usize;
        let inner = Async::new_sinc(ratio, 1.0, &parameters, frames, 1, FixedAsync::Input)
            .map_err(|error| ResampleError { from, to, error })?;
        let block = vec![0.0; inner.output_frames_max()];
        let delay = inner.output_delay();
        Ok(Some(Self { inner, ratio, pending: Vec::new(), block, delay, input: 0, output: 0 }))
    }

    /// Appends to `out` what `samples` make certain.
    pub(super) fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.input += samples.len() as u64;
        self.pending.extend_from_slice(samples);
        let mut start = 0;
        loop {
            let frames = self.inner.input_frames_next();
            if self.pending.len() - start < frames {
                break;
            }
            self.run(start, frames, out);
            start += frames;
        }
        self.pending.drain(..start);
    }

    /// Appends the rest, so that all input is heard, and starts afresh.
    pub(super) fn finish(&mut self, out: &mut Vec<f32>) {
        let wanted = (self.input as f64 * self.ratio).round() as u64;
        while self.output < wanted {
            let start = out.len();
            let left = self.pending.len();
            self.run(0, left, out);
            self.pending.clear();
            let excess = self.output.saturating_sub(wanted) as usize;
            out.truncate(start.max(out.len() - excess));
        }
        self.reset();
    }

    /// Starts afresh.
    pub(super) fn reset(&mut self) {
        self.inner.reset();
        self.pending.clear();
        self.delay = self.inner.output_delay();
        (self.input, self.output) = (0, 0);
    }

    /// One block: `frames` samples of the pending input from `start`, and silence for what is missing.
    fn run(&mut self, start: usize, frames: usize, out: &mut Vec<f32>) {
        let needed = self.inner.input_frames_next();
        let mut padded;
        let input = if frames < needed {
            padded = self.pending[start..start + frames].to_vec();
            padded.resize(needed, 0.0);
            &padded
        } else {
            &self.pending[start..start + needed]
        };
        let room = self.block.len();
        let result =
            SequentialSlice::new(input, 1, needed).ok().zip(SequentialSlice::new_mut(&mut self.block, 1, room).ok());
        let Some((input, mut output)) = result else { return };
        match self.inner.process_into_buffer(&input, &mut output, Some(&Indexing::new())) {
            Ok((_, made)) => {
                let skipped = self.delay.min(made);
                self.delay -= skipped;
                out.extend_from_slice(&self.block[skipped..made]);
                self.output += (made - skipped) as u64;
            }
            // The buffers are of the sizes the library asked for.
            Err(error) => tracing::error!("resampling failed: {error}"),
        }
    }
}
