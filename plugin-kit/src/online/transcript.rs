//! The interface that an author implements: audio in, words with times out.
//!
//! Invariant: words and passages are in the model's order, with times in seconds relative to the first sample of the
//! buffer. [`place`] converts them to samples of the stream, all within the processed audio. Threads: one at a time.

use auricle_plugin_api::Error;
use std::{fmt, ops::Deref};

/// The sample rate of everything here, in Hz.
pub const SAMPLE_RATE: u32 = 16_000;
/// A passage whose probability of having no speech is higher is ignored.
const NO_SPEECH: f32 = 0.9;

/// The audio that is not final yet: mono, 16 kHz, at most [`MOST_SECONDS`](super::MOST_SECONDS).
///
/// Between calls it grows at its end and is cut at its start. A transcriber that caches its computations can tell from
/// `start` which audio is new. A stream may also restart at the same place with other audio.
#[derive(Debug, Clone, Copy)]
pub struct Buffer<'a> {
    /// Samples within -1 to 1.
    pub samples: &'a [f32],
    /// The index of the first sample in the stream.
    pub start: u64,
}

impl Deref for Buffer<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        self.samples
    }
}

/// Additional input for a transcription. A model may ignore it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The text right before the audio, up to about 200 characters; often empty.
    pub prompt: &'a str,
    cancelled: &'a dyn Fn() -> bool,
}

impl<'a> Request<'a> {
    /// Creates a request that is cancelled once `cancelled` returns true.
    pub fn new(prompt: &'a str, cancelled: &'a dyn Fn() -> bool) -> Self {
        Self { prompt, cancelled }
    }

    /// Whether the transcript is no longer needed. A slow model should check this from time to time, and return early.
    /// Its result is then ignored, even an error.
    pub fn cancelled(&self) -> bool {
        (self.cancelled)()
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("prompt", &self.prompt).field("cancelled", &self.cancelled()).finish()
    }
}

/// A model that transcribes a buffer, for one stream.
pub trait Transcriber: Send + 'static {
    /// Transcribes a buffer.
    ///
    /// # Errors
    /// An error closes the stream.
    fn transcribe(&mut self, audio: Buffer<'_>, request: Request<'_>) -> Result<Transcript, Error>;

    /// Starts a stream: what was learned from another one is discarded.
    fn begin(&mut self) {}

    /// The separator between words; empty if words include their spaces (`" like"`, `" this"`). The same at every call.
    fn separator(&self) -> &str {
        " "
    }
}

/// The transcript of a buffer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transcript {
    /// The model's own segments: the buffer is cut between them. A model without segments may return one.
    pub passages: Vec<Passage>,
    /// BCP 47 tag of the language, if the model detects it.
    pub language: Option<String>,
}

/// A text that the model treats as a unit, such as a sentence.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Passage {
    /// Its end in seconds.
    pub end: f64,
    /// Probability that it contains no speech, 0 to 1. Above 0.9 its words are ignored.
    pub no_speech: f32,
    /// Its words in order.
    pub words: Vec<TimedWord>,
}

/// A word with its times.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TimedWord {
    /// Start in seconds.
    pub start: f64,
    /// End in seconds.
    pub end: f64,
    /// The text as the model returns it, including spaces and punctuation.
    pub text: String,
    /// Probability of the word, 0 to 1.
    pub probability: Option<f32>,
}

impl TimedWord {
    /// Creates a word from second `start` to `end` of the buffer.
    pub fn new(start: f64, end: f64, text: impl Into<String>) -> Self {
        Self { start, end, text: text.into(), probability: None }
    }
}

impl From<Vec<TimedWord>> for Transcript {
    /// Converts words without passages to a single passage.
    fn from(words: Vec<TimedWord>) -> Self {
        let end = words.last().map_or(0.0, |word| word.end);
        Self { passages: vec![Passage { end, no_speech: 0.0, words }], language: None }
    }
}

/// A word with its times in the stream, in samples.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Word {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) text: String,
    pub(crate) probability: Option<f32>,
}

/// A transcript with its times in the stream.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) words: Vec<Word>,
    /// Ends of the passages.
    pub(crate) ends: Vec<u64>,
    pub(crate) language: Option<String>,
}

/// Converts the times of a transcript of `length` samples that begin at `base` to samples of the stream.
pub(crate) fn place(transcript: Transcript, base: u64, length: usize) -> Placed {
    // NaN becomes 0; negative and infinite values become the nearest end.
    let sample = |seconds: f64| base + ((seconds * f64::from(SAMPLE_RATE)).round() as u64).min(length as u64);
    let ends = transcript.passages.iter().map(|passage| sample(passage.end)).collect();
    let spoken =
        transcript.passages.into_iter().filter(|passage| passage.no_speech.is_nan() || passage.no_speech <= NO_SPEECH);
    let words = spoken.flat_map(|passage| passage.words).map(|word| {
        let start = sample(word.start);
        Word { start, end: sample(word.end).max(start), text: word.text, probability: word.probability }
    });
    Placed { words: words.collect(), ends, language: transcript.language }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_kept_within_the_audio() {
        let words = [(0.5, 1.0), (-1.0, f64::NAN), (1.5, 9.0), (1.0, 0.5)];
        let words: Vec<TimedWord> = words.iter().map(|(start, end)| TimedWord::new(*start, *end, "x")).collect();
        let placed = place(words.into(), 100, 32_000);
        let times: Vec<(u64, u64)> = placed.words.iter().map(|word| (word.start, word.end)).collect();
        assert_eq!(times, [(8_100, 16_100), (100, 100), (24_100, 32_100), (16_100, 16_100)]);
        assert_eq!(placed.ends, [8_100]);
    }

    #[test]
    fn a_passage_without_speech_says_nothing_but_has_an_end() {
        let passage = |no_speech| Passage { end: 1.0, no_speech, words: vec![TimedWord::new(0.0, 1.0, "x")] };
        let transcript = Transcript { passages: vec![passage(0.9), passage(0.91)], language: None };
        let placed = place(transcript, 0, 16_000);
        assert_eq!((placed.words.len(), placed.ends.len()), (1, 2));
    }
}
