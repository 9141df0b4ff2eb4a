//! Why an audio file cannot be read, and what of it could not.

use super::{foreign::Foreign, layout::MOST_CHANNELS};
use std::io;

/// The containers and codecs that are read.
pub const UNDERSTOOD: &str = "WAV, FLAC, MP3, AAC, M4A, WebM, Ogg with Opus, Vorbis or FLAC";

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
    /// A kind of file, or of audio in one, that is known and not read.
    #[error("{0}")]
    Foreign(Foreign),
    /// A file of another purpose.
    #[error("{0} and not an audio file")]
    NoAudio(&'static str),
    /// What Git has in place of a file that was not fetched.
    #[error("a Git LFS pointer and not the recording itself; `git lfs pull` fetches it")]
    LfsPointer,
    /// Samples of so many bits.
    #[error("a WAV file with samples of {0} bits; those of 8, 16, 24 and 32 bits and floats of 32 and 64 can be read")]
    SampleBits(u16),
    /// So many frames per second.
    #[error("{0} samples per second cannot be read; 1000 to 768000 can")]
    Rate(u32),
    /// So many channels.
    #[error("{0} channels cannot be read; 1 to {MOST_CHANNELS} can")]
    Channels(u16),
    /// The channel asked for, counted from 0, is not there.
    #[error("there is no channel {channel}: the last of {channels} is {}", .channels - 1)]
    NoChannel {
        /// The one asked for.
        channel: u16,
        /// How many there are.
        channels: u16,
    },
    /// The resampler refused.
    #[error(transparent)]
    Resample(#[from] crate::resample::ResampleError),
    /// The rate changes with nearly every packet.
    #[error("it changes its sample rate too often; convert it first: `ffmpeg -i FILE -ar 16000 -ac 1 out.wav`")]
    Changes,
    /// A WAV file without them.
    #[error("a WAV file that ends before its samples")]
    NoSamples,
    /// No sample in it.
    #[error("there is no audio in it")]
    Silent,
    /// There is audio, but none of it can be decoded.
    #[error("nothing in it can be decoded: it is damaged")]
    AllDamaged,
    /// Damaged for so long that reading on is pointless.
    #[error("too damaged to go on")]
    Hopeless,
    /// The decoder cannot begin, or go on.
    #[error("it is damaged ({0})")]
    Decoder(String),
}

/// Something that is in the file and was not heard; the audio goes on behind it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// A packet that the decoder refused.
    #[error("a damaged part is left out ({0})")]
    Undecodable(String),
    /// Less than the file says there is.
    #[error("{seconds:.2} s of audio that it says it holds are missing")]
    Missing {
        /// How much.
        seconds: f64,
    },
    /// Between what is heard, or behind it.
    #[error("{bytes} bytes are not heard: nothing says what they are")]
    Unknown {
        /// How much.
        bytes: u64,
    },
    /// Pages of an Ogg stream.
    #[error("a damaged part is left out (pages of the stream are missing)")]
    Pages,
    /// The file ends within a page or a packet.
    #[error("the end of the file is cut off")]
    CutOff,
    /// Another recording joined to the one before, which cannot be read.
    #[error("the recording that is joined behind this one cannot be read")]
    Recording,
}
