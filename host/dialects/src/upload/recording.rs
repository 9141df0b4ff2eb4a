//! The audio of a file, decoded as the engine needs it.
//!
//! Invariant: about a second is decoded ahead. The decoder runs on a blocking thread for that second only, so that a file that
//! waits for its engine occupies no thread. Threads: the request's task; a blocking thread for each part.

use super::Upload;
use auricle_audio::{
    AudioFile, ReadError,
    file::{Options, Step},
};
use auricle_core::{AudioFormat, Failure, FailureCode};
use std::fmt::Display;
use tokio::task::spawn_blocking;
use tokio_tungstenite::tungstenite::Bytes;

/// The largest number of warnings that are kept.
const MAX_WARNINGS: usize = 16;

/// A file that is being decoded.
pub(crate) struct Recording {
    /// `None` while a blocking thread has it, and after the end.
    file: Option<AudioFile>,
    format: AudioFormat,
    channels: u16,
    seconds: Option<f64>,
}

/// A part of the audio.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// Whole frames.
    pub(crate) audio: Bytes,
    /// Parts of the file before its end that could not be decoded.
    pub(crate) warnings: Vec<String>,
}

impl Recording {
    /// Recognizes the file's kind, and decodes up to the first samples. `raw` is the format of a file without a header.
    ///
    /// # Errors
    /// The file is of no readable kind.
    pub(crate) async fn open(upload: Upload, raw: Option<AudioFormat>) -> Result<Self, Failure> {
        let options = Options { length: Some(upload.len() as u64), raw, channel: None };
        let file = spawn_blocking(move || AudioFile::open(upload, options)).await;
        // A panic is already logged.
        let file = file.map_err(|_| unreadable("its decoder failed"))?.map_err(unreadable)?;
        let (format, channels, seconds) = (file.format(), file.channels(), file.seconds());
        Ok(Self { file: Some(file), format, channels, seconds })
    }

    /// The format of the audio.
    pub(crate) fn format(&self) -> AudioFormat {
        self.format
    }

    /// The number of channels of the file. More than those of the format if they are too many for a session.
    pub(crate) fn channels(&self) -> u16 {
        self.channels
    }

    /// The length in seconds, if the file states it.
    pub(crate) fn seconds(&self) -> Option<f64> {
        self.seconds
    }

    /// Decodes the next part; `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read further.
    pub(crate) async fn next(&mut self) -> Result<Option<Part>, Failure> {
        let Some(mut file) = self.file.take() else { return Ok(None) };
        let second = self.format.sample_rate as usize * self.format.frame_bytes();
        let decoded = spawn_blocking(move || decode(&mut file, second).map(|(part, ended)| (part, ended, file))).await;
        let (part, ended, file) = decoded.map_err(|_| unreadable("its decoder failed"))?.map_err(unreadable)?;
        self.file = (!ended).then_some(file);
        Ok(Some(part))
    }
}

/// Checks that the channels of a file can have a transcript each: a file has more channels than its format if it has so many that they
/// are mixed.
///
/// # Errors
/// It has too many.
pub(crate) fn check_channels(channels: u16, format: AudioFormat) -> Result<(), Failure> {
    if channels == format.channels {
        return Ok(());
    }
    Err(unreadable(format_args!("the audio has {channels} channels, and at most 8 can have a transcript each")))
}

/// The failure of audio that cannot be read.
pub(crate) fn unreadable(problem: impl Display) -> Failure {
    Failure::new(FailureCode::BadAudio, problem)
}

/// Decodes about `enough` bytes. Returns also whether the file has ended.
pub(crate) fn decode(file: &mut AudioFile, enough: usize) -> Result<(Part, bool), ReadError> {
    let (mut audio, mut warnings) = (Vec::new(), Vec::new());
    let ended = loop {
        match file.step(&mut audio)? {
            Step::Damage(damage) if warnings.len() < MAX_WARNINGS => warnings.push(damage.to_string()),
            // The session checks the phase too.
            Step::Audio | Step::Damage(_) | Step::OppositePhase => {}
            Step::End => break true,
        }
        if audio.len() >= enough {
            break false;
        }
    };
    Ok((Part { audio: audio.into(), warnings }, ended))
}
