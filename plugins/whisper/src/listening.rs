//! The audio of one stream and its features, kept from call to call.
//!
//! Invariant: what is held is the buffer that was given last, from up to a hop before its first sample; no frame of features
//! is computed twice for audio that stays. Threads: one at a time.

use auricle_plugin_kit::{
    logmel::{LogMel, Plan},
    online::Buffer,
};
use std::sync::Arc;

/// A stream's audio.
pub(crate) struct Listening {
    logmel: LogMel,
    /// Sample of the stream that is the first one held.
    start: u64,
}

impl Listening {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        Self { logmel: LogMel::new(plan), start: 0 }
    }

    /// Takes the buffer over: cuts what it has no more, adds what is new.
    pub(crate) fn follow(&mut self, audio: Buffer<'_>) {
        if !self.follows(audio) {
            self.logmel.clear();
            self.start = audio.start;
        }
        let before = (audio.start - self.start) as usize;
        self.start += self.logmel.cut(before) as u64;
        let held = self.logmel.samples().len() - (audio.start - self.start) as usize;
        self.logmel.push(&audio[held..]);
    }

    /// Whether the buffer is what is held, cut and grown.
    fn follows(&self, audio: Buffer<'_>) -> bool {
        let held = self.logmel.samples();
        let Some(before) = audio.start.checked_sub(self.start).map(|before| before as usize) else { return false };
        before <= held.len() && audio.starts_with(&held[before..])
    }

    /// How many seconds the held audio begins before the buffer.
    pub(crate) fn lead(&self, audio: Buffer<'_>) -> f64 {
        (audio.start - self.start) as f64 / 16_000.0
    }

    /// Seconds of the held audio.
    pub(crate) fn seconds(&self) -> f64 {
        self.logmel.samples().len() as f64 / 16_000.0
    }

    /// The features of the whole, as the encoder takes them.
    pub(crate) fn features(&mut self, frames: usize, to: &mut [f32]) {
        self.logmel.features(frames, to);
    }

    /// The audio from a time on, for what the model left out at the end of a window.
    pub(crate) fn from(&self, seconds: f64) -> &[f32] {
        let samples = self.logmel.samples();
        &samples[samples.len().min((seconds * 16_000.0) as usize)..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_a_buffer_that_grows_is_cut_and_begins_anew() {
        let audio: Vec<f32> = (0..64_000).map(|n| (n as f32 * 0.05).sin() * 0.5).collect();
        let plan = Arc::new(Plan::new(80).unwrap());
        let mut listening = Listening::new(Arc::clone(&plan));
        let buffer = |from: usize, to: usize| Buffer { samples: &audio[from..to], start: from as u64 };
        for (from, to) in [(0, 16_000), (0, 32_000), (10_001, 48_000), (10_001, 48_000), (50_000, 64_000), (320, 9_000)]
        {
            listening.follow(buffer(from, to));
            let lead = (listening.lead(buffer(from, to)) * 16_000.0).round() as usize;
            assert!(lead < 160, "{lead}");
            let mut fresh = LogMel::new(Arc::clone(&plan));
            fresh.push(&audio[from - lead..to]);
            let (mut found, mut expected) = (vec![0.0; 80 * 3_000], vec![0.0; 80 * 3_000]);
            listening.features(3_000, &mut found);
            fresh.features(3_000, &mut expected);
            assert_eq!(found, expected, "{from} to {to}");
        }
        // Other audio in the same place.
        let other = vec![0.25; 9_000];
        listening.follow(Buffer { samples: &other, start: 320 });
        assert_eq!(listening.logmel.samples(), other);
    }
}
