//! Whisper's log-mel spectrogram, for a buffer that grows at its end and is cut at its beginning: each frame is
//! computed once.
//!
//! Invariants: [`features`](LogMel::features) returns the features of exactly the audio in the buffer, equal to the bit
//! regardless of how it was split and of what was cut off before it; every feature is finite for any samples. A frame
//! that lies wholly within the audio is computed once, when its last sample arrives. Only frames that change are
//! computed again: the two or three at the end of the audio, when there is more; the first two, which use mirrored
//! audio, after a cut; and the last of the window, which uses mirrored audio too, once audio reaches it. Frames of
//! padding cost nothing.
//!
//! The features are those of Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022),
//! section 2.2, as their code and Hugging Face's `WhisperFeatureExtractor` compute them: 16 kHz; a periodic Hann window
//! of 400 samples every 160; power; 80 or 128 of Slaney's mel bins over 0 to 8 kHz; the logarithm to base 10, at least
//! -10. The audio is padded with zeros, or cut, to the window (30 s are 3,000 frames); frame `f` is centred on sample
//! 160 `f`, and the window is mirrored at its first and last sample. Finally, values more than 8 below the maximum of
//! the window are raised to that limit, 4 is added, and the sum is divided by 4.
//!
//! A [`Plan`] is created once per model and shared; a [`LogMel`] belongs to one stream, on any thread.
//!
//! ```
//! use auricle_plugin_kit::logmel::{LogMel, Plan};
//! use std::sync::Arc;
//!
//! let mut audio = LogMel::new(Arc::new(Plan::new(80)?));
//! let mut window = vec![0.0; 80 * 3_000];
//! audio.push(&[0.1; 16_000]);
//! audio.features(3_000, &mut window);
//! // Drops a bit more than half a second, in whole hops; the remaining frames are not computed again.
//! assert_eq!(audio.cut(8_100), 8_000);
//! audio.push(&[0.1; 8_000]);
//! audio.features(3_000, &mut window);
//! assert_eq!(audio.samples().len(), 16_000);
//! # Ok::<(), auricle_plugin_kit::fbank::Error>(())
//! ```

mod plan;
#[cfg(test)]
mod tests;
mod window;

pub use plan::{HOP, Plan};

use plan::{REACH, Scratch};
use std::{fmt, sync::Arc};

/// Number of frames that extend before the first sample, and so use mirrored audio.
const MIRRORED: usize = (REACH - 1).div_ceil(HOP);

/// The audio of a stream that is still needed, and its spectrogram.
pub struct LogMel {
    plan: Arc<Plan>,
    scratch: Scratch,
    samples: Vec<f32>,
    /// `[frames, bins]`, not normalised: the first `settled` frames, followed by those that depend on the end of the
    /// audio, as far as they were requested since the last audio.
    rows: Vec<f32>,
    settled: usize,
    /// Number of rows at the start that were computed before a cut, from audio that was cut off.
    stale: usize,
    last: Option<Last>,
    computed: u64,
}

/// The last frame of a full window.
struct Last {
    frames: usize,
    length: usize,
    row: Vec<f32>,
}

impl LogMel {
    /// Starts without audio.
    pub fn new(plan: Arc<Plan>) -> Self {
        let scratch = plan.scratch();
        Self { plan, scratch, samples: Vec::new(), rows: Vec::new(), settled: 0, stale: 0, last: None, computed: 0 }
    }

    /// The plan.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The audio in the buffer.
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// Number of frames computed so far, including repeated ones. For the tests of engines.
    pub fn computed(&self) -> u64 {
        self.computed
    }

    /// Adds any amount of audio: mono, 16 kHz, within -1 to 1. Computes the frames that are complete.
    pub fn push(&mut self, samples: &[f32]) {
        if samples.is_empty() {
            return;
        }
        self.samples.extend_from_slice(samples);
        self.rows.truncate(self.settled * self.plan.bins());
        self.stale = self.stale.min(self.settled);
        // A frame covers as much audio after its centre as before it.
        let settled = (self.samples.len() + HOP).saturating_sub(REACH) / HOP;
        self.rows.reserve((settled - self.settled) * self.plan.bins());
        self.make(settled);
        self.settled = settled;
    }

    /// Drops the oldest `samples` samples, rounded down to whole hops of 160, so that frames keep their places and are
    /// not computed again. Returns the number of dropped samples.
    ///
    /// The rest counts as audio that begins there: the features are those of a new buffer with it.
    pub fn cut(&mut self, samples: usize) -> usize {
        let hops = samples.min(self.samples.len()) / HOP;
        if hops > 0 {
            self.samples.drain(..hops * HOP);
            self.rows.drain(..self.rows.len().min(hops * self.plan.bins()));
            self.settled = self.settled.saturating_sub(hops);
            self.rows.truncate(self.sounding() * self.plan.bins());
            self.stale = MIRRORED.min(self.rows.len() / self.plan.bins());
            self.last = None;
        }
        hops * HOP
    }

    /// Drops all audio.
    pub fn clear(&mut self) {
        self.samples.clear();
        self.rows.clear();
        (self.settled, self.stale, self.last) = (0, 0, None);
    }

    /// Writes the normalised features of a window of `frames` frames as `[bins, frames]`. The audio is cut to the
    /// window or padded with silence. Whisper's window has 3,000 frames.
    ///
    /// # Panics
    /// The length of `to` is not `bins` times `frames`.
    pub fn features(&mut self, frames: usize, to: &mut [f32]) {
        let bins = self.plan.bins();
        assert_eq!(Some(to.len()), frames.checked_mul(bins), "a buffer for {frames} frames of {bins} bins");
        if frames == 0 {
            return;
        }
        for stale in 0..self.stale {
            let row = &mut self.rows[stale * bins..][..bins];
            self.plan.frame(&self.samples, stale, None, &mut self.scratch, row);
        }
        self.computed += std::mem::take(&mut self.stale) as u64;
        let full = self.is_full(frames);
        let sounding = self.sounding().min(frames - usize::from(full));
        self.make(sounding);
        if full {
            self.make_last(frames);
        }
        let last = self.last.as_ref().filter(|_| full).map(|last| last.row.as_slice());
        window::write(&self.rows[..sounding * bins], last, self.plan.silence(), frames, to);
    }

    /// Whether the window's last frame, which uses audio mirrored at its end, covers any audio there.
    fn is_full(&self, frames: usize) -> bool {
        // Beyond the end it covers its reach minus one hop.
        let end = frames.saturating_mul(HOP);
        self.samples.len() + (REACH - HOP) >= end
    }

    /// Number of frames that cover audio.
    fn sounding(&self) -> usize {
        if self.samples.is_empty() { 0 } else { (self.samples.len() + REACH - 1).div_ceil(HOP) }
    }

    /// Computes the missing rows before `frames`.
    fn make(&mut self, frames: usize) {
        let bins = self.plan.bins();
        for frame in self.rows.len() / bins..frames {
            self.rows.resize((frame + 1) * bins, 0.0);
            let row = &mut self.rows[frame * bins..];
            self.plan.frame(&self.samples, frame, None, &mut self.scratch, row);
            self.computed += 1;
        }
    }

    /// Computes the window's last frame, unless it is computed already.
    fn make_last(&mut self, frames: usize) {
        let length = self.samples.len().min(frames * HOP);
        if self.last.as_ref().is_none_or(|last| (last.frames, last.length) != (frames, length)) {
            let mut row = self.last.take().map_or_else(|| vec![0.0; self.plan.bins()], |last| last.row);
            self.plan.frame(&self.samples[..length], frames - 1, Some(frames * HOP), &mut self.scratch, &mut row);
            self.last = Some(Last { frames, length, row });
            self.computed += 1;
        }
    }
}

impl fmt::Debug for LogMel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, samples, settled, .. } = self;
        write!(f, "LogMel {{ plan: {plan:?}, samples: {}, settled: {settled} }}", samples.len())
    }
}
