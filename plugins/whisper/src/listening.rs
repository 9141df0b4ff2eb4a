//! The audio of a stream and its features, kept between calls.
//!
//! Invariant: it holds the buffer of the last call, from at most a hop before its first sample; no frame of features is
//! computed twice for the same audio. Threads: one at a time.

use auricle_plugin_kit::{
    logmel::{LogMel, Plan},
    online::Buffer,
};
use std::sync::Arc;

/// The audio of a stream.
pub(crate) struct Listening {
    logmel: LogMel,
    /// The first sample in the stream.
    start: u64,
}

impl Listening {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        Self { logmel: LogMel::new(plan), start: 0 }
    }

    /// Updates to a new buffer: cuts audio that is gone, adds new audio.
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

    /// Whether the buffer continues the audio, after being cut and extended.
    fn follows(&self, audio: Buffer<'_>) -> bool {
        let held = self.logmel.samples();
        let Some(before) = audio.start.checked_sub(self.start).map(|before| before as usize) else { return false };
        before <= held.len() && audio.starts_with(&held[before..])
    }

    /// Time in seconds by which the audio begins before the buffer.
    pub(crate) fn lead(&self, audio: Buffer<'_>) -> f64 {
        (audio.start - self.start) as f64 / 16_000.0
    }

    /// Length of the audio in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.logmel.samples().len() as f64 / 16_000.0
    }

    /// The features of all of the audio, as the encoder takes them.
    pub(crate) fn features(&mut self, frames: usize, to: &mut [f32]) {
        self.logmel.features(frames, to);
    }
}

/// Moves the features of a window, `[bins, frames]`, by `by` frames, to decode the audio at its end that the model
/// ignored; silence follows. Nothing is computed again, and features stay relative to the maximum of the whole window.
pub(crate) fn move_on(features: &mut [f32], frames: usize, by: usize) {
    let by = by.min(frames);
    // The floor is 8 below the maximum, in units of 4 (`plugin-kit`'s `logmel`); silence is 10 below one.
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
        // Other audio at the same place.
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
        // All except the first two frames, which used earlier audio.
        for (moved, fresh) in moved.chunks_exact(3_000).zip(fresh.chunks_exact(3_000)) {
            assert_eq!(moved[2..], fresh[2..]);
        }
        move_on(&mut moved, 3_000, 9_000);
        assert!(moved.iter().all(|value| *value == moved[0]));
    }
}
