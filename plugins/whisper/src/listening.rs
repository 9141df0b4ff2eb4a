//! The audio of a stream and its features, kept between calls.
//!
//! Invariant: it holds the buffer of the last call, from at most a hop before its first sample; no frame of features is
//! computed twice for the same audio. Threads: one at a time.

use crate::window::Window;
use auricle_plugin_kit::{
    logmel::{HOP, LogMel, Plan},
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

    /// Computes the features of all of the audio.
    pub(crate) fn features(&mut self, to: &mut Window) {
        self.logmel.features(to.frames, &mut to.features);
        to.end_at(self.logmel.samples().len() / HOP);
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
            let (mut found, mut expected) = (Window::new(80, 3_000), Window::new(80, 3_000));
            listening.features(&mut found);
            fresh.features(3_000, &mut expected.features);
            expected.end_at((to - from + lead) / 160);
            assert_eq!(found, expected, "{from} to {to}");
        }
        // Other audio at the same place.
        let other = vec![0.25; 9_000];
        listening.follow(Buffer { samples: &other, start: 320 });
        assert_eq!(listening.logmel.samples(), other);
    }
}
