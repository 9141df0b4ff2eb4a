//! Errors of audio files, and the parts of a file that could not be decoded.

use super::{layout::MAX_CHANNELS, unsupported::Unsupported};
use auricle_core::wording::count;
use std::io;

/// The containers and codecs that can be read.
pub const READABLE: &str = "WAV, FLAC, MP3, AAC, M4A, WebM, Ogg with Opus, Vorbis or FLAC";

/// Why a file cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Reading the bytes failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The kind of file is unknown.
    #[error("not a recognized audio file (readable: {READABLE})")]
    Unrecognized,
    /// The kind of file, or of the audio in it, is known but not supported.
    #[error("{0}")]
    Unsupported(Unsupported),
    /// A file of a known kind that holds no audio, such as a web page.
    #[error("{0}, not an audio file")]
    NotAudio(&'static str),
    /// The placeholder that Git keeps for a file that was not downloaded.
    #[error("a Git LFS pointer, not the recording; run `git lfs pull` to download the recording")]
    LfsPointer,
    /// A WAV file with an unsupported number of bits per sample.
    #[error(
        "a WAV file with {0} bits per sample, which is not supported; convert it to 16 bits first: \
         `ffmpeg -i in.wav -ar 16000 -ac 1 out.wav`"
    )]
    SampleBits(u16),
    /// A sample rate that is out of range.
    #[error("the sample rate is {0} Hz; 1000 to 768000 Hz are supported")]
    Rate(u32),
    /// A number of channels that is out of range.
    #[error("the number of channels is {0}; 1 to {MAX_CHANNELS} are supported")]
    Channels(u16),
    /// The selected channel does not exist.
    #[error("there is no channel {channel}: channels are counted from 0, and the last one is {}", .channels - 1)]
    NoChannel {
        /// The selected channel, from 0.
        channel: u16,
        /// The number of channels.
        channels: u16,
    },
    /// The resampler does not support this pair of rates.
    #[error(transparent)]
    Resample(#[from] crate::resample::ResampleError),
    /// The sample rate changes with nearly every packet.
    #[error("the sample rate changes too often; convert the file first: `ffmpeg -i FILE -ar 16000 -ac 1 out.wav`")]
    RateChanges,
    /// A WAV file without samples.
    #[error("the WAV file has no samples: it is cut off or damaged")]
    NoSamples,
    /// The file is empty, or holds not a single sample.
    #[error("the file contains no audio")]
    NoAudio,
    /// There is audio, but none of it can be decoded.
    #[error("the file is damaged: none of its audio can be decoded")]
    AllDamaged,
    /// So many parts in a row are damaged that reading stops.
    #[error("the file is too damaged to be read further")]
    TooDamaged,
    /// The demuxer or decoder cannot start or continue.
    #[error("the file cannot be decoded: it is damaged, incomplete or of an unsupported kind ({0})")]
    Decoder(String),
}

/// A part of a file that could not be decoded. Reading continues after it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// The decoder refused a packet.
    #[error("a damaged part was skipped ({0})")]
    Undecodable(String),
    /// The file holds less audio than it states.
    #[error("{seconds:.2} s of audio are missing: the file is cut off or damaged")]
    Missing {
        /// The length of the missing audio.
        seconds: f64,
    },
    /// Bytes between or after the audio that belong to nothing known.
    #[error("{} of unknown data skipped", count(*.bytes, "byte"))]
    Unknown {
        /// The number of bytes.
        bytes: u64,
    },
    /// Pages of an Ogg stream are missing.
    #[error("a damaged part was skipped (pages of the Ogg stream are missing)")]
    MissingPages,
    /// The file ends within a page, a packet or an element.
    #[error("the end of the file is cut off or damaged")]
    CutOff,
    /// Another recording follows that cannot be read.
    #[error("the file contains another recording after this one, which cannot be read")]
    Recording,
}
