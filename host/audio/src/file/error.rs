//! Why an audio file cannot be read, and what of it could not.

use std::io;

/// The containers and codecs that are read.
pub const UNDERSTOOD: &str = "WAV, FLAC, MP3, Ogg Vorbis";

/// Why a file cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Reading the bytes failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Nothing that is known.
    #[error("not an audio file that is understood here ({UNDERSTOOD})")]
    Unknown,
    /// Its container is understood, what is in it is not.
    #[error(
        "audio of a kind that is not understood here ({UNDERSTOOD}); \
         convert it first, for example with `ffmpeg -i FILE -ac 1 -ar 16000 FILE.wav`"
    )]
    Codec,
    /// The file says of its samples what no server takes.
    #[error("{0}")]
    Format(String),
    /// No sample in it.
    #[error("there is no audio in it")]
    Silent,
    /// There is audio, but none of it can be decoded.
    #[error("nothing in it can be decoded")]
    AllDamaged,
    /// Damaged for so long that reading on is pointless.
    #[error("too damaged to go on")]
    Hopeless,
    /// The decoder gave up.
    #[error("{0}")]
    Decoder(String),
}

/// Something that is in the file and was not heard; the audio goes on behind it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// A packet that the decoder refused.
    #[error("a damaged part is left out ({0})")]
    Undecodable(&'static str),
}
