//! Resamples mono audio by band-limited interpolation (crate `rubato`).
//!
//! It works in blocks of 10 ms of input, so that the result does not depend on how the audio was cut. The filter's delay is cut off at
//! the start and added at the end: output sample n has the time of input sample n * in / out.

use rubato::{
    Async, FixedAsync, Indexing, Resampler as _, ResamplerConstructionError, SincInterpolationParameters,
    WindowFunction, audioadapter_buffers::direct::SequentialSlice,
};

/// The library does not support a pair of rates.
#[derive(Debug, thiserror::Error)]
#[error("cannot resample from {from} to {to} Hz: {error}")]
pub struct ResampleError {
    /// The input rate in Hz.
    pub from: u32,
    /// The output rate in Hz.
    pub to: u32,
    /// The library's message.
    pub error: ResamplerConstructionError,
}

/// A converter between two fixed rates.
pub(super) struct Resampler {
    inner: Async<f32>,
    ratio: f64,
    /// Input of an incomplete block.
    pending: Vec<f32>,
    block: Vec<f32>,
    /// Output samples still to cut off.
    delay: usize,
    input: u64,
    output: u64,
}

impl Resampler {
    /// A resampler from `from` to `to` Hz; `None` if they are equal.
    ///
    /// # Errors
    /// The library does not support the pair.
    pub(super) fn new(from: u32, to: u32) -> Result<Option<Self>, ResampleError> {
        if from == to {
            return Ok(None);
        }
        let ratio = f64::from(to) / f64::from(from);
        // When the rate is divided, the filter must be longer by the same factor, or it would let aliases through.
        let length = (128.0 / ratio.min(1.0)).round() as usize;
        let parameters = SincInterpolationParameters::new(length, WindowFunction::Blackman2).oversampling_factor(32);
        let frames = (from / 100).max(1) as usize;
        let inner = Async::new_sinc(ratio, 1.0, &parameters, frames, 1, FixedAsync::Input)
            .map_err(|error| ResampleError { from, to, error })?;
        let block = vec![0.0; inner.output_frames_max()];
        let delay = inner.output_delay();
        Ok(Some(Self { inner, ratio, pending: Vec::new(), block, delay, input: 0, output: 0 }))
    }

    /// Appends to `out` the output that is complete with `samples`.
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

    /// Appends the rest of the output, and resets.
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

    /// Discards all state.
    pub(super) fn reset(&mut self) {
        self.inner.reset();
        self.pending.clear();
        self.delay = self.inner.output_delay();
        (self.input, self.output) = (0, 0);
    }

    /// Resamples one block: `frames` samples of the pending input from `start`, padded with silence.
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
            // This cannot happen: the buffers have the sizes that the library requires.
            Err(error) => tracing::error!("resampling failed: {error}"),
        }
    }
}
