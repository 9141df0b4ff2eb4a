//! Audio from a file or a pipe, piece by piece.
//!
//! Invariant: at most `AHEAD` pieces of 100 ms are in memory, however long the audio is, and audio from a pipe is passed on
//! as it arrives. All pieces but the last have the same number of frames; none splits a frame.
//!
//! Each source reads and decodes (`auricle_audio::AudioFile`) on a thread of its own. It is a plain thread and not one of the
//! runtime's: a read of standard input cannot be interrupted, and the runtime would wait for it when it shuts down.

use auricle_audio::{
    AudioFile, ReadError,
    file::{Options, Step},
};
use auricle_core::AudioFormat;
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    thread,
};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Bytes;

/// Number of pieces that are decoded in advance.
const AHEAD: usize = 8;

/// The warning about channels in opposite phase.
const OPPOSITE_PHASE: &str = "warning: the channels are in opposite phase and cancel each other out when the server mixes them; \
     select one channel with --channel N, for example --channel 0";

/// An open source of audio, which is read piece by piece.
#[derive(Debug)]
pub struct Source {
    name: String,
    format: AudioFormat,
    seconds: Option<f64>,
    /// Sent before the first piece.
    silence: Option<Bytes>,
    pieces: mpsc::Receiver<Made>,
    ended: bool,
}

/// A message of the thread. The last one is `Ok(None)` or an error; if it is missing, the thread has panicked.
type Made = Result<Option<Piece>, SourceError>;

/// An item of a source.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// Whole frames of the source's format, 100 ms of them except at the end and in silence that was added.
    Audio(Bytes),
    /// A damaged part was skipped: one line, beginning with the source's name.
    Damage(String),
    /// A warning about the audio: one line, beginning with the source's name.
    Warning(String),
}

/// Audio cannot be read. Each message is one line that begins with the source's name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The file does not exist or cannot be opened.
    #[error("{name}: {error}")]
    Open {
        /// The file's name.
        name: String,
        /// The cause.
        error: io::Error,
    },
    /// The path is a folder.
    #[error("{name}: is a folder, not an audio file")]
    Folder {
        /// The folder's name.
        name: String,
    },
    /// The thread cannot be started.
    #[error("{name}: cannot start a thread to read it: {error}")]
    Thread {
        /// The file's name.
        name: String,
        /// The cause.
        error: io::Error,
    },
    /// The content cannot be read.
    #[error("{name}: {error}{}", advice(.error))]
    Read {
        /// The file's name.
        name: String,
        /// The cause.
        error: ReadError,
    },
    /// The thread panicked.
    #[error("{name}: its decoder failed")]
    Died {
        /// The file's name.
        name: String,
    },
}

/// Advice for the user of the command line.
fn advice(error: &ReadError) -> &'static str {
    match error {
        ReadError::Unrecognized => "; for raw samples give --raw s16le --rate 16000",
        _ => "",
    }
}

impl Source {
    /// Opens a file, or standard input for `-`. Determines the length of a regular file.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub async fn open(path: &Path, options: Options) -> Result<Self, SourceError> {
        if path == Path::new("-") {
            return Self::read("standard input", io::stdin(), options).await;
        }
        let name = path.display().to_string();
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
        match opened {
            Err(error) => Err(SourceError::Open { name, error }),
            Ok((facts, _)) if facts.is_dir() => Err(SourceError::Folder { name }),
            Ok((facts, file)) => {
                let length = facts.is_file().then_some(facts.len());
                Self::read(&name, file, Options { length, ..options }).await
            }
        }
    }

    /// Reads audio from any reader. `name` is for messages.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub async fn read(
        name: &str,
        reader: impl Read + Send + Sync + 'static,
        options: Options,
    ) -> Result<Self, SourceError> {
        let (sender, opened) = oneshot::channel();
        let (send, pieces) = mpsc::channel(AHEAD);
        let its = name.to_owned();
        thread::Builder::new()
            .name("audio source".to_owned())
            .spawn(move || match AudioFile::open(reader, options) {
                Err(error) => drop(sender.send(Err(SourceError::Read { name: its, error }))),
                Ok(file) => {
                    if sender.send(Ok((file.format(), file.seconds()))).is_ok() {
                        pump(&its, file, |made| send.blocking_send(made).is_ok());
                    }
                }
            })
            .map_err(|error| SourceError::Thread { name: name.to_owned(), error })?;
        let (format, seconds) = opened.await.unwrap_or_else(|_| Err(died(name)))?;
        Ok(Self { name: name.to_owned(), format, seconds, silence: None, pieces, ended: false })
    }

    /// The format of the pieces.
    pub fn format(&self) -> AudioFormat {
        self.format
    }

    /// Length in seconds, if known in advance.
    pub fn seconds(&self) -> Option<f64> {
        self.seconds
    }

    /// The same audio after this many seconds of silence.
    #[must_use]
    pub fn after_silence(mut self, seconds: f64) -> Self {
        let frames = (seconds * f64::from(self.format.sample_rate)).round() as usize;
        let bytes = vec![self.format.encoding.silent_byte(); frames * self.format.frame_bytes()];
        self.silence = Some(Bytes::from(bytes)).filter(|silence| !silence.is_empty());
        self.seconds = self.seconds.map(|rest| rest + seconds);
        self
    }

    /// Returns the next piece, or `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Piece, SourceError>> {
        if self.ended {
            return None;
        }
        if let Some(silence) = self.silence.take() {
            return Some(Ok(Piece::Audio(silence)));
        }
        let made = self.pieces.recv().await.unwrap_or_else(|| Err(died(&self.name)));
        self.ended = !matches!(made, Ok(Some(_)));
        made.transpose()
    }
}

/// Splits audio into pieces until it ends or `send` returns false, because the receiver is gone.
fn pump(name: &str, mut file: AudioFile, mut send: impl FnMut(Made) -> bool) {
    let format = file.format();
    let size = (format.sample_rate / 10) as usize * format.frame_bytes();
    let mut pending = Vec::new();
    let piece = |bytes: Vec<u8>| Ok(Some(Piece::Audio(bytes.into())));
    let end = loop {
        let has_receiver = match file.step(&mut pending) {
            Ok(Step::Audio) => true,
            Ok(Step::Damage(damage)) => send(Ok(Some(Piece::Damage(format!("{name}: {damage}"))))),
            Ok(Step::OppositePhase) => send(Ok(Some(Piece::Warning(format!("{name}: {OPPOSITE_PHASE}"))))),
            Ok(Step::End) => break Ok(None),
            Err(error) => break Err(SourceError::Read { name: name.to_owned(), error }),
        };
        if !has_receiver {
            return;
        }
        while pending.len() >= size {
            let rest = pending.split_off(size);
            if !send(piece(std::mem::replace(&mut pending, rest))) {
                return;
            }
        }
    };
    // At the end it does not matter whether the receiver is gone.
    if !pending.is_empty() {
        send(piece(pending));
    }
    send(end);
}

fn died(name: &str) -> SourceError {
    SourceError::Died { name: name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_core::Encoding;
    use std::io::Cursor;

    /// Reads some bytes, then fails.
    struct Failing(&'static [u8]);

    impl Read for Failing {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            match self.0.read(out)? {
                0 => Err(io::Error::other("unplugged")),
                some => Ok(some),
            }
        }
    }

    async fn raw(bytes: Vec<u8>, format: AudioFormat) -> Source {
        Source::read("x", Cursor::new(bytes), Options { raw: Some(format), ..Options::default() }).await.unwrap()
    }

    async fn audio(source: &mut Source) -> usize {
        match source.next().await {
            Some(Ok(Piece::Audio(bytes))) => bytes.len(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn audio_comes_in_pieces_of_a_tenth_of_a_second() {
        let format = AudioFormat { channels: 2, ..AudioFormat::default() };
        // The single sample at the end is not a whole frame.
        let mut source = raw(vec![1; 16_002], format).await;
        for size in [6_400, 6_400, 3_200] {
            assert_eq!(audio(&mut source).await, size);
        }
        assert!(source.next().await.is_none() && source.next().await.is_none());
    }

    #[tokio::test]
    async fn silence_may_precede_the_audio() {
        let format = AudioFormat { encoding: Encoding::Mulaw, sample_rate: 8_000, ..AudioFormat::default() };
        let mut source = raw(vec![1; 800], format).await.after_silence(0.25);
        assert_eq!(source.next().await.unwrap().unwrap(), Piece::Audio(vec![0xff; 2_000].into()));
        assert_eq!(source.next().await.unwrap().unwrap(), Piece::Audio(vec![1; 800].into()));
        assert!(source.next().await.is_none());
    }

    #[tokio::test]
    async fn what_cannot_be_opened_is_named() {
        let text = b"a text that is no audio".as_slice();
        let error = Source::read("x", text, Options::default()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "x: not a recognized audio file (readable: WAV, FLAC, MP3, AAC, M4A, WebM, Ogg with Opus, Vorbis or FLAC); \
             for raw samples give --raw s16le --rate 16000"
        );
        let error = Source::open(Path::new("no/such.wav"), Options::default()).await.unwrap_err();
        assert!(error.to_string().starts_with("no/such.wav: "), "{error}");
        let error = Source::open(Path::new("."), Options::default()).await.unwrap_err();
        assert_eq!(error.to_string(), ".: is a folder, not an audio file");
    }

    #[tokio::test]
    async fn what_was_read_before_a_failure_is_heard() {
        let options = Options { raw: Some(AudioFormat::default()), ..Options::default() };
        let mut source = Source::read("x", Failing(&[0; 4_000]), options).await.unwrap();
        assert_eq!((audio(&mut source).await, audio(&mut source).await), (3_200, 800));
        let error = source.next().await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "x: unplugged");
        assert!(source.next().await.is_none());
    }
}
