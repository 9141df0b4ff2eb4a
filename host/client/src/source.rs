//! Audio from a file or a pipe, piece by piece.
//!
//! Invariant: at most `AHEAD` pieces of 100 ms are in memory, however long the audio is, and a pipe is passed on as it
//! comes. Every piece but the last has the same number of frames; none cuts a frame in two.
//!
//! Each source reads and decodes on a thread of its own. It is a plain thread and not one of the runtime's: a read of
//! standard input cannot be interrupted, and the runtime would wait for it on its way out.

mod decode;
mod wav;

use auricle_core::AudioFormat;
use decode::Decoding;
use std::{
    fs::File,
    io::{self, Cursor, Read},
    path::Path,
    thread,
};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Bytes;

/// Pieces made before they are asked for.
const AHEAD: usize = 8;

/// Where bytes come from.
type Reader = Box<dyn Read + Send + Sync>;

/// Audio that can be heard, a piece at a time.
#[derive(Debug)]
pub struct Source {
    name: String,
    format: AudioFormat,
    seconds: Option<f64>,
    pieces: mpsc::Receiver<Made>,
    ended: bool,
}

/// What the thread has to say; the last is `Ok(None)` or an error, or else it has died.
type Made = Result<Option<Piece>, SourceError>;

/// What comes out of a source.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// Whole frames of the source's format, 100 ms of them except at the end.
    Audio(Bytes),
    /// Something was damaged and has been left out.
    Damage(String),
}

/// Why audio cannot be read, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(String);

impl Source {
    /// Opens a file, or standard input for `-`. Without `raw` the content says what it is.
    ///
    /// # Errors
    /// What is wrong with the file, beginning with its name.
    pub async fn open(path: &Path, raw: Option<AudioFormat>) -> Result<Self, SourceError> {
        if path == Path::new("-") {
            return Self::read("standard input", io::stdin(), None, raw).await;
        }
        let name = path.display().to_string();
        let named = |error: io::Error| SourceError(format!("{name}: {error}"));
        let file = File::open(path).map_err(named)?;
        let facts = file.metadata().map_err(named)?;
        if facts.is_dir() {
            return Err(SourceError(format!("{name}: is a folder, not an audio file")));
        }
        Self::read(&name, file, facts.is_file().then_some(facts.len()), raw).await
    }

    /// Reads audio from anywhere. `name` is for messages; `length`, where known, for [`seconds`](Self::seconds).
    ///
    /// # Errors
    /// What is wrong with the audio, beginning with its name.
    pub async fn read(
        name: &str,
        reader: impl Read + Send + Sync + 'static,
        length: Option<u64>,
        raw: Option<AudioFormat>,
    ) -> Result<Self, SourceError> {
        let (tell, told) = oneshot::channel();
        let (send, pieces) = mpsc::channel(AHEAD);
        let input = Input { name: name.to_owned(), reader: Box::new(reader), length };
        thread::Builder::new()
            .name("audio source".to_owned())
            .spawn(move || match input.open(raw) {
                Err(error) => drop(tell.send(Err(error))),
                Ok((opened, audio)) => {
                    let format = opened.format;
                    if tell.send(Ok(opened)).is_ok() {
                        pump(audio, format, |made| send.blocking_send(made).is_ok());
                    }
                }
            })
            .map_err(|error| SourceError(format!("{name}: cannot start a thread to read it: {error}")))?;
        let Opened { format, seconds } = told.await.unwrap_or_else(|_| Err(died(name)))?;
        Ok(Self { name: name.to_owned(), format, seconds, pieces, ended: false })
    }

    /// Reads a whole file from memory, on this thread: its format, and its pieces to `take` until that returns false. For
    /// fuzzing, which runs too often to start a thread each time.
    ///
    /// # Errors
    /// As [`read`](Self::read), and as [`next`](Self::next).
    #[doc(hidden)]
    pub fn read_here(
        name: &str,
        bytes: Vec<u8>,
        mut take: impl FnMut(AudioFormat, Piece) -> bool,
    ) -> Result<AudioFormat, SourceError> {
        let length = Some(bytes.len() as u64);
        let input = Input { name: name.to_owned(), reader: Box::new(Cursor::new(bytes)), length };
        let (Opened { format, .. }, audio) = input.open(None)?;
        let mut end = Ok(());
        pump(audio, format, |made| match made {
            Ok(Some(piece)) => take(format, piece),
            Ok(None) => true,
            Err(error) => {
                end = Err(error);
                false
            }
        });
        end.map(|()| format)
    }

    /// The same audio, of which only one channel, from 0, is to be heard.
    ///
    /// # Errors
    /// There is no such channel.
    pub fn only(mut self, channel: u16) -> Result<Self, SourceError> {
        self.format.channel = Some(channel);
        self.format.check().map_err(SourceError)?;
        Ok(self)
    }

    /// What the pieces are made of.
    pub fn format(&self) -> AudioFormat {
        self.format
    }

    /// How long it is, where that is known beforehand.
    pub fn seconds(&self) -> Option<f64> {
        self.seconds
    }

    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Piece, SourceError>> {
        if self.ended {
            return None;
        }
        let made = self.pieces.recv().await.unwrap_or_else(|| Err(died(&self.name)));
        self.ended = !matches!(made, Ok(Some(_)));
        made.transpose()
    }
}

/// Something to read from.
struct Input {
    name: String,
    reader: Reader,
    length: Option<u64>,
}

struct Opened {
    format: AudioFormat,
    seconds: Option<f64>,
}

/// An opened input.
enum Audio {
    Plain(Plain),
    Decoding(Decoding),
}

/// Samples that are sent as they are.
struct Plain {
    name: String,
    reader: io::Take<Reader>,
    /// How much is read at a time.
    block: u64,
}

/// What one step brought.
enum Step {
    Audio,
    Damage(String),
    End,
}

impl Input {
    fn open(mut self, raw: Option<AudioFormat>) -> Result<(Opened, Audio), SourceError> {
        if let Some(format) = raw {
            return self.plain(format, None);
        }
        match wav::read_header(&mut self.reader) {
            Err(error) => Err(SourceError(format!("{}: {error}", self.name))),
            Ok(wav::Header::Plain { format, bytes }) => self.plain(format, bytes),
            Ok(wav::Header::Other { seen, wav }) => {
                let reader = Box::new(Cursor::new(seen).chain(self.reader));
                let (opened, decoding) = Decoding::open(&self.name, reader, wav)?;
                check(&self.name, opened.format)?;
                Ok((opened, Audio::Decoding(decoding)))
            }
        }
    }

    fn plain(self, format: AudioFormat, bytes: Option<u64>) -> Result<(Opened, Audio), SourceError> {
        check(&self.name, format)?;
        let rate = format.frame_bytes() as f64 * f64::from(format.sample_rate);
        let known = match (bytes, self.length) {
            (Some(bytes), Some(length)) => Some(bytes.min(length)),
            (bytes, length) => bytes.or(length),
        };
        let seconds = known.map(|bytes| bytes as f64 / rate);
        let block = piece_bytes(format) as u64;
        let audio = Plain { name: self.name, reader: self.reader.take(bytes.unwrap_or(u64::MAX)), block };
        Ok((Opened { format, seconds }, Audio::Plain(audio)))
    }
}

impl Audio {
    /// Appends a little more audio to `out`.
    fn step(&mut self, out: &mut Vec<u8>) -> Result<Step, SourceError> {
        match self {
            Self::Plain(plain) => plain.step(out),
            Self::Decoding(decoding) => decoding.step(out),
        }
    }
}

impl Plain {
    fn step(&mut self, out: &mut Vec<u8>) -> Result<Step, SourceError> {
        match self.reader.by_ref().take(self.block).read_to_end(out) {
            Ok(0) => Ok(Step::End),
            Ok(_) => Ok(Step::Audio),
            Err(error) => Err(SourceError(format!("{}: {error}", self.name))),
        }
    }
}

/// Cuts audio into pieces until it ends or nobody wants more, which `send` says by false.
fn pump(mut audio: Audio, format: AudioFormat, mut send: impl FnMut(Made) -> bool) {
    let size = piece_bytes(format);
    let mut pending = Vec::new();
    let piece = |bytes: Vec<u8>| Ok(Some(Piece::Audio(bytes.into())));
    let end = loop {
        let wanted = match audio.step(&mut pending) {
            Ok(Step::Audio) => true,
            Ok(Step::Damage(what)) => send(Ok(Some(Piece::Damage(what)))),
            Ok(Step::End) => break Ok(None),
            Err(error) => break Err(error),
        };
        if !wanted {
            return;
        }
        while pending.len() >= size {
            let rest = pending.split_off(size);
            if !send(piece(std::mem::replace(&mut pending, rest))) {
                return;
            }
        }
    };
    // The rest, without a frame that was cut off. Nobody there to hear it is no concern any more.
    pending.truncate(pending.len() - pending.len() % format.frame_bytes());
    if !pending.is_empty() {
        send(piece(pending));
    }
    send(end);
}

/// Bytes of 100 ms, in whole frames.
fn piece_bytes(format: AudioFormat) -> usize {
    (format.sample_rate / 10).max(1) as usize * format.frame_bytes()
}

fn died(name: &str) -> SourceError {
    SourceError(format!("{name}: its decoder failed"))
}

fn check(name: &str, format: AudioFormat) -> Result<(), SourceError> {
    format.check().map_err(|what| SourceError(format!("{name}: {what}")))
}

#[cfg(test)]
mod tests;
