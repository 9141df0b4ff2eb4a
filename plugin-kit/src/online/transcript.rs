//! What an author implements: audio in, words with times out.
//!
//! Invariant: words and passages are in the order of the model, with times in seconds after the first sample it was given;
//! [`place`] makes samples of the stream of them, none outside the audio that was heard. Threads: one at a time.

use auricle_plugin_api::Error;
use std::ops::Deref;

/// Samples per second, of everything here.
pub const SAMPLE_RATE: u32 = 16_000;
/// A passage with a higher probability of holding no speech says nothing.
const NO_SPEECH: f32 = 0.9;

/// The audio that is not final yet: mono, 16 kHz, at most [`MOST_SECONDS`](super::MOST_SECONDS) of it.
///
/// From call to call it grows at its end and is cut at its beginning, so that a transcriber which keeps what it computed of
/// it knows by `start` where it stands. A stream may begin anew with other audio at the same place.
#[derive(Debug, Clone, Copy)]
pub struct Buffer<'a> {
    /// In -1 to 1.
    pub samples: &'a [f32],
    /// The sample of the stream that is the first one here.
    pub start: u64,
}

impl Deref for Buffer<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        self.samples
    }
}

/// What a transcription is asked for with, besides the audio. A model without use for any of it leaves it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Text that was said right before, up to about 200 characters, often none.
    pub prompt: &'a str,
    cancelled: &'a dyn Fn() -> bool,
}

impl<'a> Request<'a> {
    /// A request for as long as `cancelled` says no.
    pub fn new(prompt: &'a str, cancelled: &'a dyn Fn() -> bool) -> Self {
        Self { prompt, cancelled }
    }

    /// Whether nobody waits for the transcript any more. A model that takes long asks now and then, and returns when it is so:
    /// whatever it returns then, an error too, is not looked at.
    pub fn cancelled(&self) -> bool {
        (self.cancelled)()
    }
}

/// A model that transcribes a buffer, for one stream.
pub trait Transcriber: Send + 'static {
    /// Transcribes a buffer.
    ///
    /// # Errors
    /// Closes the stream.
    fn transcribe(&mut self, audio: Buffer<'_>, request: Request<'_>) -> Result<Transcript, Error>;

    /// What joins words: nothing where they carry their own spaces (`" like"`, `" this"`). The same at every call.
    fn separator(&self) -> &str {
        " "
    }
}

/// What was heard in a buffer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transcript {
    /// The model's own segments: the buffer is cut between them. One is enough where a model has none.
    pub passages: Vec<Passage>,
    /// BCP 47 tag of the language heard, where the model can tell.
    pub language: Option<String>,
}

/// A stretch of text that the model holds for a whole, such as a sentence.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Passage {
    /// Where it ends, in seconds.
    pub end: f64,
    /// How likely it holds no speech, 0 to 1: above 0.9 its words are not used.
    pub no_speech: f32,
    /// Its words, in order.
    pub words: Vec<TimedWord>,
}

/// A word with its place.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TimedWord {
    /// In seconds.
    pub start: f64,
    /// In seconds.
    pub end: f64,
    /// As the model gives it, with the spaces and punctuation it carries.
    pub text: String,
    /// How sure the model is, 0 to 1.
    pub probability: Option<f32>,
}

impl TimedWord {
    /// A word from second `start` to `end` of the buffer.
    pub fn new(start: f64, end: f64, text: impl Into<String>) -> Self {
        Self { start, end, text: text.into(), probability: None }
    }
}

impl From<Vec<TimedWord>> for Transcript {
    /// Words of a model that knows no passages: all of them are one.
    fn from(words: Vec<TimedWord>) -> Self {
        let end = words.last().map_or(0.0, |word| word.end);
        Self { passages: vec![Passage { end, no_speech: 0.0, words }], language: None }
    }
}

/// A word with its place in the stream, in samples.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Word {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) text: String,
    pub(crate) probability: Option<f32>,
}

/// A transcript with its place in the stream.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) words: Vec<Word>,
    /// Ends of the passages.
    pub(crate) ends: Vec<u64>,
    pub(crate) language: Option<String>,
}

/// Makes samples of the seconds of a transcript of `length` samples from `base` on.
pub(crate) fn place(transcript: Transcript, base: u64, length: usize) -> Placed {
    // What is not a number becomes 0 here, what is negative or infinite the nearest end.
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
