//! Streaming for any model that can only transcribe a buffer, such as Whisper.
//!
//! The buffer of audio is transcribed anew for each chunk; words on which two transcripts in a row agree are final
//! (LocalAgreement-2), and the buffer is cut behind them. The policy is that of whisper_streaming, whose names the settings
//! keep: `min_chunk_size`, `buffer_trimming`, `buffer_trimming_sec`, `vac`. With `vac` only speech is decoded (`vac.rs`, and
//! [`vad`](crate::vad), which chooses the detector).
//!
//! # An engine
//!
//! A model needs one function, from samples to words: [`Transcriber::transcribe`]. Its [`Request`] has a prompt, and tells a model
//! that takes long when nobody waits any more. [`Streaming`] makes a model of the plugin API of it, and [`Streaming::schema`]
//! adds the policy's settings to the engine's own. `plugins/beeps` is a whole engine to start from, in about 60 lines.
//!
//! # What holds
//!
//! - The buffer is decoded once for each chunk of audio, counted from the start: events do not depend on how the audio came.
//! - No decode hears more than [`MOST_SECONDS`]; memory and time for a chunk do not grow with the stream.
//! - A segment is never changed, repeated or overlapped. The texts of segments are the committed words, in order.
//! - A stream that is recovered from a restart point repeats no segment and skips no audio; what was not final is decoded in
//!   other pieces, so its text may differ (`lossless`).
//! - A cancelled call ends with the decode under way, whose transcript is not looked at, and tells nothing of it; the stream is
//!   of use again after `init`.
//!
//! # Where it differs from whisper_streaming
//!
//! `parity/online.py` holds the rest against the authors' code, decision by decision.
//!
//! - Times are whole samples, in the words' rounding and in the buffer's place; there seconds in floating point, whose error
//!   grows with each cut. Times outside the buffer are moved to its ends: there a word that ends later than the audio hides
//!   those that follow.
//! - The end of the audio brings a last decode, after which everything is final; there what came after the last decode is lost.
//! - A buffer never exceeds 30 seconds. Where that would happen next, it is cut after the last committed word, and where
//!   nothing is committed in it, in its middle: words before become final without agreement. There it grows for as long as
//!   the model gives no passage to cut at. For the same reason trimming by sentences turns to passages a chunk before 30
//!   seconds, there after them.
//! - A cut never goes back. There, sentences that were cut off by a passage's end take the buffer back to them, to audio that
//!   is gone: what is left is taken for what it is not.
//! - Two cuts at once count from the same place; there the second counts from the first.
//! - Sentences end at a word with a full stop or the like; there a tokenizer is asked, and a sentence of one word makes it lose
//!   its place for ever, so that nothing is cut before 30 seconds.
//! - Of the history no more is kept than the next prompt can use.
//! - With `vac`, audio around an utterance's end is never taken twice nor at the wrong place: a start that lies before the
//!   audio still at hand begins with that audio. The end of the audio finishes an utterance once.
//!
//! Threads: a stream is used by one at a time. The room reads no clock.

mod agreement;
mod engine;
mod processor;
mod report;
mod restart;
mod settings;
#[cfg(test)]
pub(crate) mod tests;
mod transcript;
mod trim;
mod vac;

pub use engine::{Recognizer, Stream, Streaming};
pub use processor::OnlineProcessor;
pub use report::Report;
pub use settings::{Settings, Trimming};
pub use transcript::{Buffer, Passage, Request, SAMPLE_RATE, TimedWord, Transcriber, Transcript};
pub use vac::{VAC_CHUNK, Vac};

/// Seconds of audio that no decode exceeds.
pub const MOST_SECONDS: u32 = 30;
