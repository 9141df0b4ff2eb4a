//! The features of a window, and where its audio ends.
//!
//! Invariant: from frame `sounding` on, all features have one value, that of silence.

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
    /// A window of silence.
    pub(crate) fn new(bins: usize, frames: usize, silence: f32) -> Self {
        Self { features: vec![silence; bins * frames], frames, sounding: 0 }
    }

    /// The feature of silence in this window.
    pub(crate) fn silence(&self) -> f32 {
        // The floor is 8 below the maximum, in units of 4 (`plugin-kit`'s `logmel`); silence is 10 below one.
        self.features.iter().copied().fold(-1.5, |silence: f32, value| silence.max(value - 2.0))
    }

    /// Moves the features by `by` frames, to decode the audio at the end that the model ignored; silence follows. Nothing
    /// is computed again, and features stay relative to the maximum of the whole window.
    pub(crate) fn move_on(&mut self, by: usize) {
        let (by, silence) = (by.min(self.frames), self.silence());
        for bin in self.features.chunks_exact_mut(self.frames) {
            bin.copy_within(by.., 0);
            bin[self.frames - by..].fill(silence);
        }
        self.sounding = self.sounding.saturating_sub(by);
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
            let (mut logmel, mut window) = (LogMel::new(Arc::clone(&plan)), Window::new(80, 3_000, 0.0));
            logmel.push(samples);
            logmel.features(3_000, &mut window.features);
            window.sounding = samples.len() / 160 + 2;
            window
        };
        let (mut moved, fresh) = (window(&audio), window(&audio[64_000..]));
        let silence = moved.silence();
        moved.move_on(400);
        assert_eq!((moved.sounding, moved.silence()), (fresh.sounding, silence));
        // All except the first two frames, which used earlier audio.
        for (moved, fresh) in moved.features.chunks_exact(3_000).zip(fresh.features.chunks_exact(3_000)) {
            assert_eq!(moved[2..], fresh[2..]);
            assert!(moved[fresh.len() - 1] == silence && moved[602..].iter().all(|value| *value == silence));
        }
        moved.move_on(9_000);
        assert_eq!(moved.sounding, 0);
        assert!(moved.features.iter().all(|value| *value == moved.features[0]));
    }
}
