//! Prepares the audio of streams: a recording as encoded frames, shared by all of them.

use super::labels::{self, Label};
use auricle_audio::{Intake, IntakeError, file::Options};
use auricle_client::source::{Piece, Source, SourceError};
use auricle_core::Encoding;
use std::{path::Path, time::Duration};
use tokio_tungstenite::tungstenite::Bytes;

/// Sample rate of all the protocols, in Hz.
const RATE: u32 = 16_000;

/// A recording cannot be used. Each message begins with the file's name.
#[derive(Debug, thiserror::Error)]
pub enum AudioError {
    /// The file cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The audio cannot be converted to the rate that is sent.
    #[error("{name}: {error}")]
    Intake {
        /// The file's name.
        name: String,
        /// The cause.
        error: IntakeError,
    },
    /// A part of the file cannot be decoded.
    #[error("{0}")]
    Damage(String),
    /// The channels cancel each other out when they are mixed.
    #[error("{name}: the channels are in opposite phase, so their mix is silent; use a recording with one channel")]
    OppositePhase {
        /// The file's name.
        name: String,
    },
    /// The file contains no audio.
    #[error("{name}: the file contains no audio")]
    Empty {
        /// The file's name.
        name: String,
    },
    /// The server has no text for it before its end.
    #[error("{name}: no text came before its end, so none can be late")]
    NoText {
        /// The file's name.
        name: String,
    },
}

/// Audio of a stream.
#[derive(Debug, Clone)]
pub(super) struct Recording {
    /// The file's name.
    pub(super) name: String,
    /// Encoded frames of equal length.
    pub(super) frames: Vec<Bytes>,
    /// Length of a frame.
    pub(super) frame: Duration,
    /// Length of the audio after which it begins again, in seconds.
    pub(super) period: f64,
    /// The words that are said in the frames, if they are known.
    pub(super) labels: Vec<Label>,
}

impl Recording {
    /// Reads a file in any format that `auricle stream` supports, and cuts or repeats it to `length`, in whole frames.
    ///
    /// # Errors
    /// See [`AudioError`]; each message begins with the file's name.
    pub(super) async fn read(
        path: &Path,
        encoding: Encoding,
        frame: Duration,
        length: Duration,
    ) -> Result<Self, AudioError> {
        let name = path.display().to_string();
        let mut source = Source::open(path, Options::default()).await?;
        let mut intake = match Intake::new(source.format(), RATE) {
            Ok(intake) => intake,
            Err(error) => return Err(AudioError::Intake { name, error }),
        };
        let (wanted, mut samples) = ((length.as_secs_f64() * f64::from(RATE)) as usize, Vec::new());
        while samples.len() < wanted {
            match source.next().await {
                Some(Ok(Piece::Audio(bytes))) => intake.push(&bytes, &mut samples),
                Some(Ok(Piece::Damage(what))) => return Err(AudioError::Damage(what)),
                Some(Ok(Piece::Warning(_))) => return Err(AudioError::OppositePhase { name }),
                Some(Err(error)) => return Err(error.into()),
                None => {
                    intake.finish(&mut samples);
                    break;
                }
            }
        }
        if samples.is_empty() {
            return Err(AudioError::Empty { name });
        }
        Ok(Self { name, ..Self::of(&samples, encoding, frame, length) })
    }

    /// Encodes samples in [-1, 1].
    pub(super) fn of(samples: &[f32], encoding: Encoding, frame: Duration, length: Duration) -> Self {
        let in_frame = (frame.as_secs_f64() * f64::from(RATE)).round() as usize;
        let count = (length.as_secs_f64() / frame.as_secs_f64()).round() as usize;
        let mut endless = samples.iter().copied().cycle();
        let frames = (0..count).map(|_| encode(endless.by_ref().take(in_frame), encoding)).collect();
        let period = samples.len() as f64 / f64::from(RATE);
        Self { name: String::new(), frames, frame, period, labels: Vec::new() }
    }

    /// With the words that are said in the recording.
    pub(super) fn with_labels(self, labels: &[Label]) -> Self {
        let labels = labels::repeated(labels, self.period, self.length().as_secs_f64());
        Self { labels, ..self }
    }

    /// Total length.
    pub(super) fn length(&self) -> Duration {
        self.frame * self.frames.len() as u32
    }
}

/// Encodes samples as `f32le` or `s16le`; the protocols use no other encoding.
fn encode(samples: impl Iterator<Item = f32>, encoding: Encoding) -> Bytes {
    let full = |sample: f32| (sample * 32_768.0).clamp(-32_768.0, 32_767.0) as i16;
    match encoding {
        Encoding::F32le => samples.flat_map(f32::to_le_bytes).collect(),
        _ => samples.flat_map(|sample| full(sample).to_le_bytes()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_whole_and_audio_goes_on_from_its_beginning() {
        let (frame, length) = (Duration::from_millis(1), Duration::from_millis(3));
        let samples: Vec<f32> = (0..20).map(|n| n as f32 / 32.0).collect();
        let floats = Recording::of(&samples, Encoding::F32le, frame, length);
        let shorts = Recording::of(&samples, Encoding::S16le, frame, length);
        assert_eq!((floats.frames.len(), floats.length()), (3, length));
        assert!(
            floats.frames.iter().all(|frame| frame.len() == 64) && shorts.frames.iter().all(|frame| frame.len() == 32)
        );
        assert_eq!(floats.frames[1][16..24], [0f32.to_le_bytes(), (1.0f32 / 32.0).to_le_bytes()].concat());
        assert_eq!(shorts.frames[1][8..12], [0, 0, 0x00, 0x04]);
    }
}
