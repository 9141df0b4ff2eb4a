//! The audio of a file, decoded as the engine needs it.
//!
//! Invariant: about a second is decoded ahead. The decoder runs on a blocking thread for that second only, so that a file that
//! waits for its engine occupies no thread. Threads: the request's task; a blocking thread for each part.

use super::Problem;
use crate::upload::Upload;
use auricle_audio::{
    AudioFile, ReadError,
    file::{Options, Step},
};
use auricle_core::AudioFormat;
use tokio::task::spawn_blocking;
use tokio_tungstenite::tungstenite::Bytes;

/// The largest number of warnings that are kept.
const MAX_WARNINGS: usize = 16;

/// A file that is being decoded.
pub(super) struct Recording {
    /// `None` while a blocking thread has it, and after the end.
    file: Option<AudioFile>,
    format: AudioFormat,
    seconds: Option<f64>,
}

/// A part of the audio.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Whole frames.
    pub(super) audio: Bytes,
    /// Parts of the file before its end that could not be decoded.
    pub(super) warnings: Vec<String>,
}

impl Recording {
    /// Recognizes the file's kind, and decodes up to the first samples.
    ///
    /// # Errors
    /// The file is of no readable kind.
    pub(super) async fn open(upload: Upload) -> Result<Self, Problem> {
        let options = Options { length: Some(upload.len() as u64), ..Options::default() };
        let file = spawn_blocking(move || AudioFile::open(upload, options)).await;
        // A panic is already logged.
        let file = file.map_err(|_| Problem::audio("its decoder failed"))?.map_err(Problem::audio)?;
        let (format, seconds) = (file.format(), file.seconds());
        Ok(Self { file: Some(file), format, seconds })
    }

    /// The format of the audio.
    pub(super) fn format(&self) -> AudioFormat {
        self.format
    }

    /// The length in seconds, if the file states it.
    pub(super) fn seconds(&self) -> Option<f64> {
        self.seconds
    }

    /// Decodes the next part; `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read further.
    pub(super) async fn next(&mut self) -> Result<Option<Part>, Problem> {
        let Some(mut file) = self.file.take() else { return Ok(None) };
        let second = self.format.sample_rate as usize * self.format.frame_bytes();
        let decoded = spawn_blocking(move || decode(&mut file, second).map(|(part, ended)| (part, ended, file))).await;
        let (part, ended, file) = decoded.map_err(|_| Problem::audio("its decoder failed"))?.map_err(Problem::audio)?;
        self.file = (!ended).then_some(file);
        Ok(Some(part))
    }
}

/// Decodes about `enough` bytes. Returns also whether the file has ended.
fn decode(file: &mut AudioFile, enough: usize) -> Result<(Part, bool), ReadError> {
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
