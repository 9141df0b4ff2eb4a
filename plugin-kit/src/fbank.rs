//! Kaldi's log-mel filter bank, one stream at a time: samples in, frames out as soon as their last sample is there.
//!
//! Invariants: frame `f` is equal to the bit regardless of how the samples are split, and of whether the stream started
//! at its beginning or was [resumed](Fbank::resume) at an earlier frame; every feature is finite for any samples; only
//! the samples and frames that are still needed are kept. Frames are placed as with Kaldi's `snip_edges=false`: frame
//! `f` is centred in the middle of the `f`-th shift, and missing samples before the first or after the last are
//! mirrored.
//!
//! A [`Plan`] is created once per model and shared; a [`Fbank`] belongs to one stream, on any thread.
//!
//! ```
//! use auricle_plugin_kit::fbank::{Fbank, Options, Plan};
//! use std::sync::Arc;
//!
//! let plan = Arc::new(Plan::new(&Options::nemo())?);
//! let mut fbank = Fbank::new(plan);
//! fbank.accept(&[0.0; 1_600]);
//! // The last frame extends beyond these 100 ms.
//! assert_eq!(fbank.ready(), 9);
//! fbank.finish();
//! assert_eq!((fbank.ready(), fbank.frame(9).len()), (10, 80));
//! # Ok::<(), auricle_plugin_kit::fbank::Error>(())
//! ```

pub(crate) mod log;
pub(crate) mod mel;
mod options;
mod plan;
#[cfg(test)]
mod tests;

pub use options::{Error, Mel, Options, Window};
pub use plan::Plan;

use plan::Scratch;
use std::{ops::Range, sync::Arc};

/// Number of samples processed at a time, so that a long piece of audio is not copied as a whole.
const PIECE: usize = 1_024;

/// The features of one stream.
///
/// Frames and samples are counted from the start of the stream.
#[derive(Debug)]
pub struct Fbank {
    plan: Arc<Plan>,
    scratch: Scratch,
    /// The samples from `offset` on.
    samples: Vec<f32>,
    offset: u64,
    /// The frames `first..ready`, one after another.
    frames: Vec<f32>,
    first: u64,
    ready: u64,
    finished: bool,
}

impl Fbank {
    /// Starts at the beginning of a stream.
    pub fn new(plan: Arc<Plan>) -> Self {
        Self::resume(plan, 0)
    }

    /// Continues a stream at `first_frame`: the following audio begins at [`Plan::first_sample_of`] that frame.
    ///
    /// Its frames are equal to the bit to those without the interruption, on a machine of the same kind: the Fourier
    /// transform uses the available instructions.
    pub fn resume(plan: Arc<Plan>, first_frame: u64) -> Self {
        Self {
            scratch: plan.scratch(),
            samples: Vec::new(),
            offset: plan.first_sample_of(first_frame),
            frames: Vec::new(),
            first: first_frame,
            ready: first_frame,
            finished: false,
            plan,
        }
    }

    /// The plan.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Adds audio and computes the frames that are complete. Not allowed after [`finish`](Self::finish).
    pub fn accept(&mut self, samples: &[f32]) {
        debug_assert!(samples.is_empty() || !self.finished, "audio after the end");
        if self.finished {
            return;
        }
        for piece in samples.chunks(PIECE) {
            self.samples.extend_from_slice(piece);
            while self.plan.samples_for(self.ready) <= self.received() {
                self.make();
            }
            let done = self.plan.first_sample_of(self.ready) - self.offset;
            self.samples.drain(..done as usize);
            self.offset += done;
        }
    }

    /// Ends the audio: computes the last frames from the remaining audio and its mirror image.
    ///
    /// The total number of frames is the length of the audio divided by the shift, rounded to the nearest.
    pub fn finish(&mut self) {
        if !self.finished {
            while self.ready < self.plan.frames_in(self.received()) {
                self.make();
            }
            (self.samples, self.finished) = (Vec::new(), true);
        }
    }

    /// The number of frames computed so far, including discarded ones: the next frame gets this number.
    pub fn ready(&self) -> u64 {
        self.ready
    }

    /// The first frame that is kept.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// A frame's bins.
    ///
    /// # Panics
    /// The frame is not kept: not computed yet, or discarded.
    pub fn frame(&self, frame: u64) -> &[f32] {
        self.frames(frame..frame + 1)
    }

    /// Consecutive frames, as `[frames, bins]`.
    ///
    /// # Panics
    /// One of them is not kept.
    pub fn frames(&self, frames: Range<u64>) -> &[f32] {
        let kept = self.first..self.ready;
        assert!(frames.start >= kept.start && frames.end <= kept.end, "frames {frames:?} of {kept:?}");
        let row = |frame: u64| (frame - self.first) as usize * self.plan.bins();
        &self.frames[row(frames.start)..row(frames.end)]
    }

    /// Copies frames as `[frames, bins]`.
    ///
    /// # Panics
    /// One of them is not kept, or the length of `to` is not `frames` times `bins`.
    pub fn copy(&self, frames: Range<u64>, to: &mut [f32]) {
        to.copy_from_slice(self.frames(frames));
    }

    /// Copies frames as `[bins, frames]`.
    ///
    /// # Panics
    /// Like [`copy`](Self::copy).
    pub fn copy_transposed(&self, frames: Range<u64>, to: &mut [f32]) {
        let (bins, from) = (self.plan.bins(), self.frames(frames));
        assert_eq!(to.len(), from.len(), "a buffer for {} frames of {bins} bins", from.len() / bins);
        if !from.is_empty() {
            for (bin, row) in to.chunks_exact_mut(from.len() / bins).enumerate() {
                for (to, frame) in row.iter_mut().zip(from.chunks_exact(bins)) {
                    *to = frame[bin];
                }
            }
        }
    }

    /// Discards the frames before this one.
    pub fn discard_before(&mut self, frame: u64) {
        let frame = frame.clamp(self.first, self.ready);
        self.frames.drain(..(frame - self.first) as usize * self.plan.bins());
        self.first = frame;
    }

    /// Number of samples since the start of the stream.
    fn received(&self) -> u64 {
        self.offset + self.samples.len() as u64
    }

    /// Computes the next frame.
    fn make(&mut self) {
        let row = self.frames.len();
        self.frames.resize(row + self.plan.bins(), 0.0);
        let start = self.plan.start_of(self.ready) - self.offset as i64;
        self.plan.features(&self.samples, start, &mut self.scratch, &mut self.frames[row..]);
        self.ready += 1;
    }
}
