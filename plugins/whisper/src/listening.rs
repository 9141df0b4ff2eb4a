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
}

/// Moves a window's features `[bins, frames]` on by `by` frames, for what the model left out at its end: silence follows. Nothing
/// is computed again, and the loudest of the whole window remains what the features are measured by.
pub(crate) fn move_on(features: &mut [f32], frames: usize, by: usize) {
    let by = by.min(frames);
    // The floor is 8 below the loudest, in steps of 4 (`plugin-kit`'s `logmel`); silence is 10 below one.
    let silence = features.iter().copied().fold(-1.5, |silence: f32, value| silence.max(value - 2.0));
    for bin in features.chunks_exact_mut(frames) {
        bin.copy_within(by.., 0);
        bin[frames - by..].fill(silence);
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

    #[test]
    fn what_is_left_of_a_window_is_not_computed_again() {
        let plan = Arc::new(Plan::new(80).unwrap());
        let audio: Vec<f32> = (0..160_000).map(|n| (n as f32 * 0.05).sin() * (n as f32 / 160_000.0)).collect();
        let features = |samples: &[f32]| {
            let (mut logmel, mut features) = (LogMel::new(Arc::clone(&plan)), vec![0.0; 80 * 3_000]);
            logmel.push(samples);
            logmel.features(3_000, &mut features);
            features
        };
        let (mut moved, fresh) = (features(&audio), features(&audio[64_000..]));
        move_on(&mut moved, 3_000, 400);
        // All but the first two frames, which saw audio before.
        for (moved, fresh) in moved.chunks_exact(3_000).zip(fresh.chunks_exact(3_000)) {
            assert_eq!(moved[2..], fresh[2..]);
        }
        move_on(&mut moved, 3_000, 9_000);
        assert!(moved.iter().all(|value| *value == moved[0]));
    }
}
