//! Whisper's log-mel spectrogram, for a buffer that grows at its end and is cut at its beginning: each frame is computed
//! once.
//!
//! What holds here: [`features`](LogMel::features) gives what the model was trained on for exactly the audio that is held,
//! with the same bits whatever pieces it came in and whatever was cut off before it; every feature is finite, whatever the
//! samples are. A frame that lies wholly within the audio is computed when its last sample comes, and never again. What is
//! computed anew is what changed: the two or three frames that see the end of the audio, when there was more; the first two,
//! which see its beginning mirrored, after a cut; and the last of the window, which sees its end mirrored, once audio
//! reaches it. Frames of padding cost nothing.
//!
//! The features are those of Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022), section
//! 2.2, as their code and Hugging Face's `WhisperFeatureExtractor` compute them: 16 kHz; a periodic Hann window of 400
//! samples every 160; power; 80 or 128 of Slaney's mel bins over 0 to 8 kHz; the logarithm to base 10, at least -10. The
//! audio is padded with zeros, or cut, to the window (30 s are 3,000 frames); frame `f` is centred on sample 160 `f`, and the
//! window mirrored at its first and last sample. Last, what is more than 8 below the greatest value of the window is raised
//! to that, 4 is added, and the sum divided by 4.
//!
//! A [`Plan`] is made once for a model and shared; a [`LogMel`] is one stream's, on whatever thread calls it.
//!
//! ```
//! use auricle_plugin_kit::logmel::{LogMel, Plan};
//! use std::sync::Arc;
//!
//! let mut audio = LogMel::new(Arc::new(Plan::new(80)?));
//! let mut window = vec![0.0; 80 * 3_000];
//! audio.push(&[0.1; 16_000]);
//! audio.features(3_000, &mut window);
//! // Half a second and a bit is over: what is dropped is whole hops, and the rest is known from before.
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

/// Frames that see the first sample mirrored.
const MIRRORED: usize = (REACH - 1).div_ceil(HOP);

/// The audio of one stream that is still needed, and its spectrogram.
pub struct LogMel {
    plan: Arc<Plan>,
    scratch: Scratch,
    samples: Vec<f32>,
    /// `[frames, bins]`, not normalised: the first `settled` frames, and after them those that see the end of the audio, as
    /// far as they were asked for since it came.
    rows: Vec<f32>,
    settled: usize,
    /// So many of the first rows are from before a cut, and see audio that was cut off.
    stale: usize,
    last: Option<Last>,
    computed: u64,
}

/// The last frame of a full window.
struct Last {
    frames: usize,
    heard: usize,
    row: Vec<f32>,
}

impl LogMel {
    /// Without audio.
    pub fn new(plan: Arc<Plan>) -> Self {
        let scratch = plan.scratch();
        Self { plan, scratch, samples: Vec::new(), rows: Vec::new(), settled: 0, stale: 0, last: None, computed: 0 }
    }

    /// What this was made with.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The audio held.
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// Frames computed so far, counting again what was computed anew: what an engine's test may hold it to.
    pub fn computed(&self) -> u64 {
        self.computed
    }

    /// Takes audio: mono, 16 kHz, within -1 to 1, any amount. Computes the frames that are complete with it.
    pub fn push(&mut self, samples: &[f32]) {
        if samples.is_empty() {
            return;
        }
        self.samples.extend_from_slice(samples);
        self.rows.truncate(self.settled * self.plan.bins());
        self.stale = self.stale.min(self.settled);
        // A frame sees as much after its centre as before it.
        let settled = (self.samples.len() + HOP).saturating_sub(REACH) / HOP;
        self.rows.reserve((settled - self.settled) * self.plan.bins());
        self.make(settled);
        self.settled = settled;
    }

    /// Drops the oldest audio: `samples` of it rounded down to whole hops of 160, so that frames stay where they are and are
    /// computed no second time. Returns how many were dropped.
    ///
    /// What is held then is treated as audio that begins there: the features are those of a fresh buffer of it.
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

    /// Writes the normalised features of a window of `frames` frames as `[bins, frames]`: of the audio held, cut to the
    /// window or padded with silence. Whisper's window is 3,000 frames.
    ///
    /// # Panics
    /// Where `to` is not `bins` times `frames` long.
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

    /// Whether the window's last frame, which sees its end mirrored, sees audio there.
    fn is_full(&self, frames: usize) -> bool {
        // Of what is beyond the end, it sees the part of its reach that a hop leaves.
        let end = frames.saturating_mul(HOP);
        self.samples.len() + (REACH - HOP) >= end
    }

    /// How many frames see audio.
    fn sounding(&self) -> usize {
        if self.samples.is_empty() { 0 } else { (self.samples.len() + REACH - 1).div_ceil(HOP) }
    }

    /// Computes the rows before `frames` that are missing.
    fn make(&mut self, frames: usize) {
        let bins = self.plan.bins();
        for frame in self.rows.len() / bins..frames {
            self.rows.resize((frame + 1) * bins, 0.0);
            let row = &mut self.rows[frame * bins..];
            self.plan.frame(&self.samples, frame, None, &mut self.scratch, row);
            self.computed += 1;
        }
    }

    /// Computes the window's last frame, unless that was done.
    fn make_last(&mut self, frames: usize) {
        let heard = self.samples.len().min(frames * HOP);
        if self.last.as_ref().is_none_or(|last| (last.frames, last.heard) != (frames, heard)) {
            let mut row = self.last.take().map_or_else(|| vec![0.0; self.plan.bins()], |last| last.row);
            self.plan.frame(&self.samples[..heard], frames - 1, Some(frames * HOP), &mut self.scratch, &mut row);
            self.last = Some(Last { frames, heard, row });
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
