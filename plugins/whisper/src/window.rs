//! The features of a window, and where its audio ends.
//!
//! Invariant: from frame `sounding` on, all features are [`PADDING`].

/// The feature of frames after the end of the audio. Whisper's authors pad features with it, and not audio with silence, whose features
/// are about -0.75; with silence their models write other words.
const PADDING: f32 = 0.0;

/// The features of a window.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Window {
    /// `[bins, frames]`.
    pub(crate) features: Vec<f32>,
    /// Number of frames of 10 ms.
    pub(crate) frames: usize,
    /// Number of frames that contain audio.
    pub(crate) sounding: usize,
}

impl Window {
    /// A window without audio.
    pub(crate) fn new(bins: usize, frames: usize) -> Self {
        Self { features: vec![PADDING; bins * frames], frames, sounding: 0 }
    }

    /// The audio ends at frame `sounding`: padding follows.
    pub(crate) fn end_at(&mut self, sounding: usize) {
        self.sounding = sounding.min(self.frames);
        for bin in self.features.chunks_exact_mut(self.frames) {
            bin[self.sounding..].fill(PADDING);
        }
    }

    /// Moves the features by `by` frames, to decode the audio at the end that the model ignored. Nothing is computed again, and
    /// features stay relative to the maximum of the whole window.
    pub(crate) fn move_on(&mut self, by: usize) {
        let by = by.min(self.frames);
        for bin in self.features.chunks_exact_mut(self.frames) {
            bin.copy_within(by.., 0);
        }
        self.end_at(self.sounding.saturating_sub(by));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_plugin_kit::logmel::{LogMel, Plan};
    use std::sync::Arc;

    #[test]
    fn what_is_left_of_a_window_is_not_computed_again() {
        let plan = Arc::new(Plan::new(80).unwrap());
        let audio: Vec<f32> = (0..160_000).map(|n| (n as f32 * 0.05).sin() * (n as f32 / 160_000.0)).collect();
        let window = |samples: &[f32]| {
            let (mut logmel, mut window) = (LogMel::new(Arc::clone(&plan)), Window::new(80, 3_000));
            logmel.push(samples);
            logmel.features(3_000, &mut window.features);
            window.end_at(samples.len() / 160);
            window
        };
        let (mut moved, fresh) = (window(&audio), window(&audio[64_000..]));
        moved.move_on(400);
        assert_eq!(moved.sounding, fresh.sounding);
        // All except the first two frames, which used earlier audio.
        for (moved, fresh) in moved.features.chunks_exact(3_000).zip(fresh.features.chunks_exact(3_000)) {
            assert_eq!(moved[2..], fresh[2..]);
            assert!(moved[600..].iter().all(|value| *value == PADDING));
        }
        moved.move_on(9_000);
        assert_eq!(moved.sounding, 0);
        assert!(moved.features.iter().all(|value| *value == moved.features[0]));
    }
}
