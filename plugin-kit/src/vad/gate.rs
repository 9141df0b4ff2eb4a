//! Finds starts and ends of speech.
//!
//! Speech starts with the first window of probability 0.5 or more. It ends when two windows below 0.35 are 500 ms
//! apart, with none of 0.5 or more between them: the end is at the first of them. The start is moved 100 ms back, the
//! end 100 ms forward. Invariant: starts and ends alternate. Times are samples of the stream. Threads: one at a time.
//!
//! Source: the iterator of Silero VAD, with the values of whisper_streaming and its rule for several events at once.

use super::{Vad, WINDOW};
use auricle_plugin_api::Error;

const THRESHOLD: f64 = 0.5;
const END_THRESHOLD: f64 = 0.35;
const MIN_SILENCE: u64 = 8_000;
const PAD: u64 = 1_600;

/// The events in a piece of audio.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change {
    /// Speech started at this sample.
    pub start: Option<u64>,
    /// Speech ended at this sample, after the start if there is one.
    pub end: Option<u64>,
}

/// Finds the starts and ends of speech.
pub struct Gate<V> {
    vad: V,
    /// The remaining samples, less than a window.
    rest: Vec<f32>,
    /// The first sample of the stream.
    begin: u64,
    /// One past the last window.
    now: u64,
    speech: bool,
    /// The speech does not end before this sample.
    known: u64,
    /// End of the window with which the current silence began, if it may end the speech.
    silence: Option<u64>,
}

enum Event {
    Start(u64),
    End(u64),
}

impl<V: Vad> Gate<V> {
    /// Creates a stream that starts at sample 0.
    pub fn new(vad: V) -> Self {
        Self { vad, rest: Vec::new(), begin: 0, now: 0, speech: false, known: 0, silence: None }
    }

    /// Discards all state and restarts at sample `offset`; `speech` is whether there is speech already, and a sample
    /// before which it does not end.
    pub fn init(&mut self, offset: u64, speech: Option<u64>) {
        self.vad.reset();
        self.rest.clear();
        (self.begin, self.now, self.silence) = (offset, offset, None);
        (self.speech, self.known) = (speech.is_some(), speech.unwrap_or(offset));
    }

    /// Processes any amount of audio. If there are several events, the first start and the last end count; a start
    /// after an end cancels the end.
    ///
    /// # Errors
    /// The detector's error.
    pub fn process(&mut self, samples: &[f32]) -> Result<Change, Error> {
        self.rest.extend_from_slice(samples);
        let rest = std::mem::take(&mut self.rest);
        let (windows, left) = rest.as_chunks();
        let mut change = None;
        for window in windows {
            change = match (change, self.window(window)?) {
                (change, None) => change,
                (None, Some(Event::Start(start))) => Some(Change { start: Some(start), end: None }),
                (None, Some(Event::End(end))) => Some(Change { start: None, end: Some(end) }),
                (Some(change), Some(Event::Start(_))) => Some(Change { end: None, ..change }),
                (Some(change), Some(Event::End(end))) => Some(Change { end: Some(end), ..change }),
            };
        }
        self.rest.extend_from_slice(left);
        Ok(change.unwrap_or_default())
    }

    fn window(&mut self, window: &[f32; WINDOW]) -> Result<Option<Event>, Error> {
        let probability = f64::from(self.vad.probability(window)?);
        let first = self.now;
        self.now += WINDOW as u64;
        if probability >= THRESHOLD {
            self.silence = None;
            let starts = !std::mem::replace(&mut self.speech, true);
            return Ok(starts.then(|| Event::Start(first.saturating_sub(PAD).max(self.begin))));
        }
        if probability >= END_THRESHOLD || !self.speech || first < self.known {
            return Ok(None);
        }
        let silence = *self.silence.get_or_insert(self.now);
        if self.now - silence < MIN_SILENCE {
            return Ok(None);
        }
        (self.speech, self.silence) = (false, None);
        Ok(Some(Event::End(silence + PAD - WINDOW as u64)))
    }
}
