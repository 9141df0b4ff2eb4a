//! Kaldi's log-mel filter bank, one stream at a time: samples in, frames out as soon as their last sample is there.
//!
//! What holds here: frame `f` has the same bits whatever pieces the samples come in, and whether the stream was heard from
//! its beginning or [resumed](Fbank::resume) at an earlier frame; every feature is finite, whatever the samples are; only
//! the samples and frames that are still needed are kept. Frames lie as with Kaldi's `snip_edges=false`: frame `f` is
//! centred in the middle of the `f`-th shift, and what it lacks before the first sample, or after the last, is mirrored.
//!
//! A [`Plan`] is made once for a model and shared; a [`Fbank`] is one stream's, on whatever thread calls it.
//!
//! ```
//! use auricle_plugin_kit::fbank::{Fbank, Options, Plan};
//! use std::sync::Arc;
//!
//! let plan = Arc::new(Plan::new(&Options::nemo())?);
//! let mut fbank = Fbank::new(plan);
//! fbank.accept(&[0.0; 1_600]);
//! // The last frame reaches beyond these 100 ms.
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

/// Samples taken at a time, so that a long piece of audio does not lie here twice.
const PIECE: usize = 1_024;

/// The features of one stream.
///
/// Frames and samples are counted from the beginning of the stream.
#[derive(Debug)]
pub struct Fbank {
    plan: Arc<Plan>,
    scratch: Scratch,
    /// The samples from `offset` on.
    samples: Vec<f32>,
    offset: u64,
    /// The frames `first..ready`, one after the other.
    frames: Vec<f32>,
    first: u64,
    ready: u64,
    finished: bool,
}

impl Fbank {
    /// For a stream heard from its beginning.
    pub fn new(plan: Arc<Plan>) -> Self {
        Self::resume(plan, 0)
    }

    /// Goes on with a stream at `first_frame`: the audio to come begins at [`Plan::first_sample_of`] that frame.
    ///
    /// Its frames have the bits that they would have had (on a machine of the same kind: the Fourier transform uses what
    /// instructions there are).
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

    /// What this was made with.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Takes audio, and makes the frames that are complete with it. After [`finish`](Self::finish) there is none to take.
    pub fn accept(&mut self, samples: &[f32]) {
        debug_assert!(samples.is_empty() || !self.finished, "audio after the end");
        if self.finished {
            return;
        }
        for piece in samples.chunks(PIECE) {
            self.samples.extend_from_slice(piece);
            while self.plan.samples_for(self.ready) <= self.heard() {
                self.make();
            }
            let done = self.plan.first_sample_of(self.ready) - self.offset;
            self.samples.drain(..done as usize);
            self.offset += done;
        }
    }

    /// The audio has ended: makes the last frames, out of what is there and its mirror image.
    ///
    /// In all there are as many frames as shifts fit into the audio, rounded to the nearest.
    pub fn finish(&mut self) {
        if !self.finished {
            while self.ready < self.plan.frames_in(self.heard()) {
                self.make();
            }
            (self.samples, self.finished) = (Vec::new(), true);
        }
    }

    /// The frames made so far, the discarded ones too: the next one gets this number.
    pub fn ready(&self) -> u64 {
        self.ready
    }

    /// The first frame that is still kept.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// A frame's bins.
    ///
    /// # Panics
    /// Where the frame is not kept: not made yet, or discarded.
    pub fn frame(&self, frame: u64) -> &[f32] {
        self.frames(frame..frame + 1)
    }

    /// Frames in a row, as `[frames, bins]`.
    ///
    /// # Panics
    /// Where one of them is not kept.
    pub fn frames(&self, frames: Range<u64>) -> &[f32] {
        let kept = self.first..self.ready;
        assert!(frames.start >= kept.start && frames.end <= kept.end, "frames {frames:?} of {kept:?}");
        let row = |frame: u64| (frame - self.first) as usize * self.plan.bins();
        &self.frames[row(frames.start)..row(frames.end)]
    }

    /// Copies frames as `[frames, bins]`.
    ///
    /// # Panics
    /// Where one of them is not kept, or `to` is not `frames` times `bins` long.
    pub fn copy(&self, frames: Range<u64>, to: &mut [f32]) {
        to.copy_from_slice(self.frames(frames));
    }

    /// Copies frames as `[bins, frames]`.
    ///
    /// # Panics
    /// As [`copy`](Self::copy).
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

    /// Forgets the frames before this one, as far as there are any.
    pub fn discard_before(&mut self, frame: u64) {
        let frame = frame.clamp(self.first, self.ready);
        self.frames.drain(..(frame - self.first) as usize * self.plan.bins());
        self.first = frame;
    }

    /// Samples from the beginning of the stream.
    fn heard(&self) -> u64 {
        self.offset + self.samples.len() as u64
    }

    /// Makes the next frame.
    fn make(&mut self) {
        let row = self.frames.len();
        self.frames.resize(row + self.plan.bins(), 0.0);
        let start = self.plan.start_of(self.ready) - self.offset as i64;
        self.plan.features(&self.samples, start, &mut self.scratch, &mut self.frames[row..]);
        self.ready += 1;
    }
}
