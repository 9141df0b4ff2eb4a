//! Streaming for any model that can only transcribe a buffer, such as Whisper.
//!
//! The buffer of audio is transcribed again for each chunk. Words on which two consecutive transcripts agree are final
//! (LocalAgreement-2), and the buffer is cut after them. The policy is that of whisper_streaming, and the settings keep
//! its names: `min_chunk_size`, `buffer_trimming`, `buffer_trimming_sec`, `vac`. `settle_seconds` and `policy` are new. With `vac` only
//! speech is decoded (`vac.rs`, and [`vad`](crate::vad), which selects the detector).
//!
//! # An engine
//!
//! A model needs one function, from samples to words: [`Transcriber::transcribe`]. Its [`Request`] has a prompt, and
//! tells a slow model when the result is no longer needed. [`Streaming`] turns it into a model of the plugin API, and
//! [`Streaming::schema`] adds the policy's settings to the engine's own. `plugins/beeps` is a complete example in about
//! 60 lines.
//!
//! # Invariants
//!
//! - The buffer is decoded once for each chunk of audio, counted from the start: events do not depend on how the audio
//!   arrived.
//! - No decode has more than [`MOST_SECONDS`] of audio; memory and time per chunk do not grow with the stream.
//! - A segment is never changed or repeated, and segments do not overlap. The texts of segments are the committed
//!   words, in order.
//! - A stream that is recovered from a restart point repeats no segment and skips no audio. Audio without final text is
//!   decoded in other pieces, so its text may differ (`lossless`).
//! - A cancelled call ends after the current decode, ignores its transcript and reports nothing; the stream can be used
//!   again after `init`.
//!
//! # Differences from whisper_streaming
//!
//! `parity/online.py` compares everything else with the authors' code, decision by decision. Hypotheses are aligned as
//! theirs there.
//!
//! - Times are whole samples, both of words and of the buffer; there they are seconds in floating point, whose error
//!   grows with each cut. Times outside the buffer are moved to its ends; there a word that ends after the audio hides
//!   those that follow.
//! - The end of the audio causes a last decode, after which everything is final; there audio after the last decode is
//!   lost.
//! - A buffer never exceeds 30 seconds. If it would with the next chunk, it is cut after the last committed word, or
//!   without such a word in its middle; then the words before that become final without agreement. There it grows until
//!   the model returns a passage to cut at. For the same reason trimming by sentences uses passages from a chunk before
//!   30 seconds on, there after 30 seconds.
//! - A cut never moves back. There, sentences that were cut off at a passage's end move the buffer back to audio that
//!   is gone, so the remaining audio gets wrong times.
//! - Two cuts at once are both relative to the same place; there the second is relative to the first.
//! - Sentences end at a word with a full stop or similar; there a tokenizer is used, and a sentence of one word makes
//!   it lose its place permanently, so that nothing is cut before 30 seconds.
//! - A hypothesis is aligned with the committed words by text, and by time only if text is not decisive (`seam`); there
//!   by time first, so that a word that moves to an earlier time is lost.
//! - Committed words are reported as a segment when a sentence or a pause ends it, or before it gets too long
//!   (`segments`); until then they begin the partial. There the words of each decode are reported separately.
//! - A word that ended `settle_seconds` ago is final even if hypotheses do not agree on it, if two words after it are in
//!   both of the last ones: one hard word does not hold up those after it. There words wait until the buffer is cut.
//! - With the policy `alignatt` words are final after one hypothesis, if they ended half a second before the end of the audio and the
//!   model is sure of them. There is no such policy there.
//! - With `vac`, if speech goes on after a short pause and hypotheses end with the sentence before it, the buffer is cut
//!   at the pause and decoded again.
//! - Only the history that the next prompt can use is kept.
//! - With `vac`, 0.7 seconds of audio before the detected start of speech are decoded with it, there 0.1: models miss
//!   the first word without them.
//! - With `vac`, audio around the end of an utterance is never used twice nor at the wrong place: if a start lies
//!   before the audio in the buffer, the utterance begins with that audio. The end of the audio finishes an utterance
//!   once.
//!
//! Threads: a stream is used by one at a time. Nothing here reads a clock.

mod agreement;
mod engine;
mod processor;
mod report;
mod restart;
mod seam;
mod segments;
mod settings;
#[cfg(test)]
pub(crate) mod tests;
mod transcript;
mod trim;
mod vac;

pub use engine::{Recognizer, Stream, Streaming};
pub use processor::OnlineProcessor;
pub use report::Report;
pub use settings::{Policy, Settings, Trimming};
pub use transcript::{Buffer, Passage, Request, SAMPLE_RATE, TimedWord, Transcriber, Transcript};
pub use vac::{VAC_CHUNK, Vac};

/// Maximum length of the audio of a decode, in seconds.
pub const MOST_SECONDS: u32 = 30;
