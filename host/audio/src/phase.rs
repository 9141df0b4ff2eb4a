//! Detects channels that cancel each other out when they are mixed, as in a recording with one channel inverted.
//!
//! Invariant: the result depends only on the samples, not on how they were cut, and is reported once. Silence is not counted.

/// The level below which a frame is silent: -60 dB, as the mean square of its channels.
const SILENCE: f32 = 1e-6;

/// The channels are in opposite phase if the energy of their mix is less than this part of their mean energy: -20 dB. It is half
/// of it for two independent channels, and a 64th if only one of 64 channels is not silent.
const CANCELLED: f64 = 0.01;

/// Compares the energy of the mix with that of the channels, over the first second with sound.
#[derive(Debug, Default)]
pub(super) struct PhaseCheck {
    /// Frames with sound that are still to be compared.
    left: u32,
    /// Frames that may be missing at the end of the audio.
    optional: u32,
    mix: f64,
    channels: f64,
}

impl PhaseCheck {
    /// A check of audio of that many frames per second that is mixed. [`Default`] never reports anything.
    pub(super) fn new(sample_rate: u32) -> Self {
        Self { left: sample_rate, optional: sample_rate - sample_rate / 10, ..Self::default() }
    }

    /// Whether more frames are needed.
    pub(super) fn is_open(&self) -> bool {
        self.left > 0
    }

    /// Compares a frame: the mean of its channels, and the mean of their squares.
    pub(super) fn push(&mut self, mix: f32, square: f32) {
        if self.left > 0 && square > SILENCE {
            self.left -= 1;
            self.mix += f64::from(mix * mix);
            self.channels += f64::from(square);
        }
    }

    /// Whether the channels were found to be in opposite phase. True only once, after a second with sound, or at the end of the
    /// audio after a tenth of a second.
    pub(super) fn opposite(&mut self, ended: bool) -> bool {
        if self.channels == 0.0 || self.left > if ended { self.optional } else { 0 } {
            return false;
        }
        let opposite = self.mix < self.channels * CANCELLED;
        *self = Self::default();
        opposite
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether two channels are found to be in opposite phase, before the end and at it.
    fn opposite(frames: impl Iterator<Item = (f32, f32)>) -> [bool; 2] {
        let mut check = PhaseCheck::new(1_000);
        frames.for_each(|(left, right)| check.push((left + right) / 2.0, (left * left + right * right) / 2.0));
        let found = [check.opposite(false), check.opposite(true)];
        assert!(!check.opposite(true));
        found
    }

    fn tone(n: u16) -> f32 {
        (f32::from(n) * 0.3).sin() * 0.1
    }

    #[test]
    fn an_inverted_channel_is_found() {
        assert_eq!(opposite((0..1_100).map(|n| (tone(n), -tone(n)))), [true, false]);
        // With silence before it, and with other gain and noise.
        assert_eq!(
            opposite((0..2_500).map(|n| if n < 1_300 { (0.0, 0.0) } else { (tone(n), -tone(n)) })),
            [true, false]
        );
        assert_eq!(opposite((0..1_100).map(|n| (tone(n), tone(n) * -0.9 + tone(n * 31) * 0.03))), [true, false]);
        // A short recording.
        assert_eq!(opposite((0..300).map(|n| (tone(n), -tone(n)))), [false, true]);
        assert_eq!(opposite((0..90).map(|n| (tone(n), -tone(n)))), [false, false]);
    }

    #[test]
    fn other_channels_are_not_found() {
        for right in [|n| tone(n), |_| 0.0, |n: u16| tone(n.wrapping_mul(7)), |n| -0.5 * tone(n)] {
            assert_eq!(opposite((0..1_100).map(|n| (tone(n), right(n)))), [false, false]);
        }
        assert_eq!(opposite((0..1_100).map(|_| (0.0, 0.0))), [false, false]);
    }
}
