//! Finds the ends of utterances: times without a word, of the length that the client set. No I/O.

use std::time::Duration;

/// The gap after the last word of final text. Times are seconds of audio.
#[derive(Debug)]
pub(super) struct UtteranceGap {
    /// `None` if the client does not ask for it.
    gap: Option<f64>,
    /// The end of the last word, until the end of its utterance is reported or another word follows.
    last_word: Option<f64>,
}

impl UtteranceGap {
    pub(super) fn new(gap: Option<Duration>) -> Self {
        Self { gap: gap.map(|gap| gap.as_secs_f64()), last_word: None }
    }

    /// The audio up to this time is processed. Returns the end of the last word if the utterance has ended.
    pub(super) fn passed(&mut self, now: f64) -> Option<f64> {
        let gap = self.gap?;
        self.last_word.take_if(|last| now - *last >= gap)
    }

    /// More words begin at this time, which are not final yet. Returns as [`passed`](Self::passed).
    pub(super) fn spoken(&mut self, start: f64) -> Option<f64> {
        let ended = self.passed(start);
        self.last_word = None;
        ended
    }

    /// The last word of final text ended at this time.
    pub(super) fn settled(&mut self, end: f64) {
        self.last_word = Some(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_utterance_ends_once_after_the_gap() {
        let mut gap = UtteranceGap::new(Some(Duration::from_secs(1)));
        assert_eq!(gap.passed(9.0), None);
        gap.settled(1.0);
        assert_eq!([gap.passed(1.9), gap.passed(2.0), gap.passed(3.0)], [None, Some(1.0), None]);
        gap.settled(4.0);
        assert_eq!(gap.spoken(4.5), None, "the utterance goes on");
        assert_eq!(gap.passed(9.0), None, "its end is not known yet");
        gap.settled(5.0);
        assert_eq!(gap.spoken(7.0), Some(5.0));
        let mut off = UtteranceGap::new(None);
        off.settled(1.0);
        assert_eq!(off.passed(9.0), None);
    }
}
