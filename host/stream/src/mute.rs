//! Whether an engine reports no text although somebody speaks.
//!
//! That somebody speaks is known from the engine's events, or from those of a voice gate in front of it. Threads: the model thread that
//! holds the stream's engine.

/// Speech since the last text. Samples are those of the epoch.
#[derive(Debug, Default)]
pub(super) struct Mute {
    /// From where on there is speech without text.
    since: Option<u64>,
    /// Where the engine was started anew: speech before it does not count again.
    floor: u64,
}

impl Mute {
    /// Speech started.
    pub(super) fn speech(&mut self, sample: u64) {
        self.since.get_or_insert(sample.max(self.floor));
    }

    /// A text was reported after so much audio.
    pub(super) fn text(&mut self, position: u64) {
        self.since = self.since.map(|_| position);
    }

    /// Speech ended.
    pub(super) fn end(&mut self) {
        self.since = None;
    }

    /// The engine is started anew after so much audio.
    pub(super) fn restarted(&mut self, position: u64) {
        self.floor = position;
        self.text(position);
    }

    /// The length of the speech without text.
    pub(super) fn length(&self, position: u64) -> u64 {
        self.since.map_or(0, |since| position.saturating_sub(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_speech_without_text_counts() {
        let mut mute = Mute::default();
        mute.text(50);
        assert_eq!(mute.length(100), 0);
        mute.speech(100);
        mute.speech(120);
        assert_eq!(mute.length(150), 50);
        mute.text(160);
        assert_eq!(mute.length(200), 40);
        mute.end();
        assert_eq!(mute.length(300), 0);
    }

    #[test]
    fn speech_before_a_new_start_does_not_count_again() {
        let mut mute = Mute::default();
        mute.speech(100);
        mute.restarted(200);
        assert_eq!(mute.length(250), 50);
        // Told again by the engine that was started anew.
        mute.end();
        mute.speech(100);
        assert_eq!(mute.length(250), 50);
    }
}
