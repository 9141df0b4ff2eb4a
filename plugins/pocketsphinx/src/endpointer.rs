//! Splits the audio into utterances: finds where speech starts, and where a pause is long enough.
//!
//! Invariant: its decisions depend only on the audio since it was created (or restored), block by block; it never reads
//! a clock. An utterance begins some time before the first speech, so that the first word is complete, ends at the end
//! of a block, and is never longer than the limit: the cost of a decoder's last pass grows faster than the length.
//! Threads: one at a time, not always the same.

use crate::vad::{VAD_FRAME, Vad};
use auricle_plugin_api::Error;

/// Number of samples in a block: 100 ms at 16 kHz. Only the last block of a stream may be shorter.
pub(crate) const BLOCK: usize = 1_600;

/// Number of frames in the window that is checked for speech: 300 ms.
const WINDOW: usize = 15;
/// Number of speech frames in the window that start an utterance: 120 ms.
const ONSET: usize = 6;
/// Number of frames in an utterance before its first speech: 300 ms.
const PRE_ROLL: usize = 15;
/// Number of frames kept during silence: the window and the time before it.
const HISTORY: usize = WINDOW + PRE_ROLL;
/// Number of frames before the limit from which shorter and shorter pauses are enough: 5 s.
const IMPATIENCE: usize = 250;
/// The pause that is enough right at the limit: 100 ms.
const LEAST_PAUSE: usize = 5;

/// Settings of the endpointer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cutting {
    /// Silence in milliseconds that ends an utterance.
    pub(crate) silence_ms: u32,
    /// Maximum length of an utterance in seconds.
    pub(crate) max_seconds: u32,
    /// Aggressiveness of the speech detector, 0 to 3; 3 detects the least speech.
    pub(crate) vad_mode: u8,
}

/// The result for a block of audio.
#[derive(Debug, PartialEq)]
pub(crate) enum BlockResult {
    /// No speech.
    Silence,
    /// An utterance begins: its audio up to the end of this block, and the length of the part before any speech.
    Begins { audio: Vec<i16>, before: usize },
    /// The utterance continues.
    Speech,
    /// The utterance continues to the end of this block and ends there.
    Ends,
}

/// The endpointer of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Endpointer {
    cutting: Cutting,
    vad: Vad,
    state: State,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    /// Silence: the last audio, and which of its frames are speech.
    Silence(History),
    /// Number of frames in the utterance, and since the last speech.
    Speech { length: usize, pause: usize },
}

/// Audio in whole frames, with the detector's results.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct History {
    pub(crate) audio: Vec<i16>,
    pub(crate) speech: Vec<bool>,
}

impl Endpointer {
    pub(crate) fn new(cutting: Cutting) -> Result<Self, Error> {
        Ok(Self { cutting, vad: Vad::new(cutting.vad_mode)?, state: State::Silence(History::default()) })
    }

    /// Continues another endpointer's silence.
    pub(crate) fn restored(cutting: Cutting, vad: Vad, history: History) -> Self {
        Self { cutting, vad, state: State::Silence(history) }
    }

    /// The state for [`restored`](Self::restored); `None` within an utterance.
    pub(crate) fn silence(&self) -> Option<(&Vad, &History)> {
        match &self.state {
            State::Silence(history) => Some((&self.vad, history)),
            State::Speech { .. } => None,
        }
    }

    /// Processes the next block; shorter than [`BLOCK`] only at the end of the audio.
    pub(crate) fn process(&mut self, block: &[i16]) -> Result<BlockResult, Error> {
        let (frames, _) = block.as_chunks::<VAD_FRAME>();
        let speech: Vec<bool> = frames.iter().map(|frame| self.vad.is_speech(frame)).collect::<Result<_, _>>()?;
        match &mut self.state {
            State::Silence(history) => {
                history.audio.extend_from_slice(block);
                history.speech.extend(speech);
                let Some(start) = history.onset() else {
                    history.forget();
                    return Ok(BlockResult::Silence);
                };
                let first = start.saturating_sub(PRE_ROLL);
                let length = history.speech.len() - first;
                let pause = history.speech.iter().rev().take_while(|speech| !**speech).count();
                let audio = history.audio.split_off(first * VAD_FRAME);
                self.state = State::Speech { length, pause };
                Ok(BlockResult::Begins { audio, before: (start - first) * VAD_FRAME })
            }
            State::Speech { length, pause } => {
                for speech in speech {
                    *length += 1;
                    *pause = if speech { 0 } else { *pause + 1 };
                }
                if *pause < self.cutting.pause_that_ends(*length) {
                    return Ok(BlockResult::Speech);
                }
                self.state = State::Silence(History::default());
                Ok(BlockResult::Ends)
            }
        }
    }
}

impl History {
    /// The first speech frame, if speech started.
    fn onset(&self) -> Option<usize> {
        let window = self.speech.len().saturating_sub(WINDOW);
        let recent = &self.speech[window..];
        let frames = recent.iter().filter(|speech| **speech).count();
        recent.iter().position(|speech| *speech).filter(|_| frames >= ONSET).map(|first| window + first)
    }

    fn forget(&mut self) {
        let old = self.speech.len().saturating_sub(HISTORY);
        self.speech.drain(..old);
        self.audio.drain(..old * VAD_FRAME);
    }
}

impl Cutting {
    /// Number of frames without speech that end an utterance of `length` frames; 0 at the limit.
    fn pause_that_ends(self, length: usize) -> usize {
        let full = (self.silence_ms / 20) as usize;
        let limit = self.max_seconds as usize * 50;
        match limit.saturating_sub(length) {
            0 => 0,
            left if left < IMPATIENCE => LEAST_PAUSE.min(full) + full.saturating_sub(LEAST_PAUSE) * left / IMPATIENCE,
            _ => full,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    const CUTTING: Cutting = Cutting { silence_ms: 600, max_seconds: 15, vad_mode: 2 };

    /// First and last sample of each utterance.
    fn utterances(cutting: Cutting, audio: &[i16]) -> Vec<(usize, usize)> {
        let mut endpointer = Endpointer::new(cutting).unwrap();
        let (mut position, mut found) = (0, Vec::new());
        for block in audio.chunks(BLOCK) {
            position += block.len();
            match endpointer.process(block).unwrap() {
                BlockResult::Begins { audio, .. } => found.push((position - audio.len(), usize::MAX)),
                BlockResult::Ends => found.last_mut().unwrap().1 = position,
                _ => {}
            }
        }
        found
    }

    #[test]
    fn silence_and_hum_have_no_utterance() {
        assert_eq!(utterances(CUTTING, &vec![0; 16_000 * 10]), []);
        let hum: Vec<i16> = (0..160_000).map(|i| ((f64::from(i) * 0.0196).sin() * 300.0) as i16).collect();
        assert_eq!(utterances(CUTTING, &hum), []);
    }

    #[test]
    fn an_utterance_begins_before_the_speech_and_ends_after_the_pause() {
        let speech = testing::fixture("weather.wav");
        let mut audio = vec![0; 16_000 * 2];
        audio.extend(&speech);
        audio.extend(vec![0; 16_000 * 2]);
        let found = utterances(CUTTING, &audio);
        assert_eq!(found.len(), 1, "{found:?}");
        let (start, end) = found[0];
        assert!((32_000 - 8_000..32_000 + 8_000).contains(&start), "{found:?}");
        assert!(end > 32_000 + speech.len() - 8_000 && end < audio.len(), "{found:?}");
        assert_eq!(end % BLOCK, 0);
    }

    #[test]
    fn endless_speech_is_cut_at_the_limit() {
        let speech = testing::fixture("weather.wav");
        let voiced = &speech[8_000..24_000];
        let audio: Vec<i16> = voiced.iter().copied().cycle().take(16_000 * 40).collect();
        let cutting = Cutting { max_seconds: 8, ..CUTTING };
        let found = utterances(cutting, &audio);
        assert!(found.len() >= 4, "{found:?}");
        for (start, end) in found.into_iter().filter(|(_, end)| *end != usize::MAX) {
            assert!(end - start <= 8 * 16_000 + BLOCK, "{start} to {end}");
        }
    }

    #[test]
    fn pauses_get_shorter_towards_the_limit() {
        let at = |seconds: usize| CUTTING.pause_that_ends(seconds * 50);
        assert_eq!([at(0), at(10), at(15), at(20)], [30, 30, 0, 0]);
        assert!(at(13) < 30 && at(14) < at(13) && at(14) > 5, "{} {}", at(13), at(14));
    }
}
