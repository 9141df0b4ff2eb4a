//! Decodes audio in a container whose bytes arrive in messages.
//!
//! Invariant: after a message, [`Unpacker::next`] returns all audio that the decoder gives for the bytes so far, and only then `None`. So
//! what follows a message in the protocol follows its audio. The decoder may need more bytes for the last of it, such as the rest of a
//! page; the end brings it. What is decoded ahead is bounded: the thread waits until it is taken.
//! Threads: the connection's task; a thread of its own for the decoder, which mostly waits for bytes. It ends with the container, and
//! when the connection lets go of it. Connections with a container are admitted streams, so their number is limited.

use crate::upload::recording::{Part, decode, unreadable};
use auricle_audio::{AudioFile, file::Options};
use auricle_core::{AudioFormat, Failure, FailureCode};
use std::{
    io::{self, Read},
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use tokio_tungstenite::tungstenite::Bytes;

/// The parts of decoded audio that may wait to be taken.
const PARTS: usize = 4;

/// The connection's half.
#[derive(Debug)]
pub(crate) struct Unpacker {
    /// `None` after the end. A message is sent only when all before it are decoded.
    bytes: Option<UnboundedSender<Bytes>>,
    parts: Receiver<Reply>,
}

/// Decoded audio.
#[derive(Debug)]
pub(crate) struct Unpacked {
    pub(crate) format: AudioFormat,
    /// The channels of the container.
    pub(crate) channels: u16,
    pub(crate) part: Part,
}

/// What the thread sends.
#[derive(Debug)]
enum Reply {
    Audio(Unpacked),
    /// All bytes so far are decoded, as far as they can be.
    NeedsMore,
    Failed(Failure),
}

impl Unpacker {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system allows no more threads.
    pub(crate) fn start() -> Result<Self, Failure> {
        let (bytes, arrived) = unbounded_channel();
        let (replies, parts) = channel(PARTS);
        let reader = Messages { arrived, replies: replies.clone(), message: None };
        let run = move || {
            // A panic is already logged.
            let ended = catch_unwind(AssertUnwindSafe(|| run(reader, &replies)));
            if let Err(failure) = ended.unwrap_or_else(|_| Err(unreadable("its decoder failed"))) {
                // The connection may be gone.
                let _ = replies.blocking_send(Reply::Failed(failure));
            }
        };
        thread::Builder::new().name("container".to_owned()).spawn(run).map_err(|error| {
            let message = "the server cannot decode another container now; try again later";
            Failure::new(FailureCode::Overloaded, message).with_detail(error)
        })?;
        Ok(Self { bytes: Some(bytes), parts })
    }

    /// Sends a message, which is not empty. Call [`next`](Self::next) then until it returns `None`.
    pub(crate) fn push(&mut self, message: Bytes) {
        if let Some(bytes) = &self.bytes {
            // What follows the end of the container is not read.
            let _ = bytes.send(message);
        }
    }

    /// The end of the bytes. Call [`next`](Self::next) then until it returns `None`.
    pub(crate) fn end(&mut self) {
        self.bytes = None;
    }

    /// Waits for the next audio; `None` if more bytes are needed, and at the end.
    pub(crate) async fn next(&mut self) -> Option<Result<Unpacked, Failure>> {
        match self.parts.recv().await? {
            Reply::Audio(unpacked) => Some(Ok(unpacked)),
            Reply::NeedsMore => None,
            Reply::Failed(failure) => Some(Err(failure)),
        }
    }
}

/// Decodes to the end of the container.
fn run(reader: Messages, replies: &Sender<Reply>) -> Result<(), Failure> {
    let mut file = AudioFile::open(reader, Options::default()).map_err(unreadable)?;
    let (format, channels) = (file.format(), file.channels());
    loop {
        // Whatever there is, because the next step may wait for bytes.
        let (part, ended) = decode(&mut file, 1).map_err(unreadable)?;
        let gone = replies.blocking_send(Reply::Audio(Unpacked { format, channels, part })).is_err();
        if ended || gone {
            return Ok(());
        }
    }
}

/// The messages as a file.
struct Messages {
    arrived: UnboundedReceiver<Bytes>,
    replies: Sender<Reply>,
    /// The rest of the current message; `None` before the first.
    message: Option<Bytes>,
}

impl Read for Messages {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.message.as_ref().is_none_or(Bytes::is_empty) {
            if self.message.is_some() && self.replies.blocking_send(Reply::NeedsMore).is_err() {
                return Ok(0);
            }
            match self.arrived.blocking_recv() {
                Some(message) => self.message = Some(message),
                None => return Ok(0),
            }
        }
        let message = self.message.get_or_insert_default();
        let some = message.split_to(message.len().min(out.len()));
        out[..some.len()].copy_from_slice(&some);
        Ok(some.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A WAV file of these samples that does not state its length, as a client writes it that does not know it.
    fn wav(samples: &[i16]) -> Vec<u8> {
        let head =
            [b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0".as_slice(), &16_000u32.to_le_bytes()].concat();
        let head = [head.as_slice(), &32_000u32.to_le_bytes(), b"\x02\0\x10\0data\xff\xff\xff\xff"].concat();
        head.into_iter().chain(samples.iter().flat_map(|sample| sample.to_le_bytes())).collect()
    }

    async fn taken(unpacker: &mut Unpacker) -> Result<Vec<u8>, Failure> {
        let mut audio = Vec::new();
        while let Some(unpacked) = unpacker.next().await {
            let unpacked = unpacked?;
            assert_eq!((unpacked.format, unpacked.channels), (AudioFormat::default(), 1));
            audio.extend_from_slice(&unpacked.part.audio);
        }
        Ok(audio)
    }

    #[tokio::test]
    async fn all_audio_comes_in_order_however_the_bytes_are_cut() {
        let samples: Vec<i16> = (0..20_000).collect();
        let file = wav(&samples);
        for piece in [7, 1_000, 100_000] {
            let (mut unpacker, mut audio) = (Unpacker::start().unwrap(), Vec::new());
            for piece in file.chunks(piece) {
                unpacker.push(Bytes::copy_from_slice(piece));
                audio.extend(taken(&mut unpacker).await.unwrap());
            }
            assert!(piece > 10_000 || audio.len() > 30_000, "it comes while the bytes arrive: {}", audio.len());
            unpacker.end();
            audio.extend(taken(&mut unpacker).await.unwrap());
            assert_eq!(audio, file[44..], "pieces of {piece}");
        }
    }

    #[tokio::test]
    async fn what_is_no_audio_is_refused_once_and_the_rest_is_not_read() {
        let mut unpacker = Unpacker::start().unwrap();
        unpacker.push(Bytes::from(vec![b'x'; 100_000]));
        assert_eq!(taken(&mut unpacker).await.unwrap_err().code, FailureCode::BadAudio);
        unpacker.push(Bytes::from_static(b"more"));
        assert_eq!(taken(&mut unpacker).await, Ok(Vec::new()));
        // Nothing at all is no audio either.
        let mut unpacker = Unpacker::start().unwrap();
        unpacker.end();
        assert_eq!(taken(&mut unpacker).await.unwrap_err().code, FailureCode::BadAudio);
    }
}
