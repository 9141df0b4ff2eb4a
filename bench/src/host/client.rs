//! A client with minimal cost: frames are created once and written directly to the socket.
//!
//! Text messages are sent with tungstenite. Audio frames have the mask 0, which the server applies like any other.

use crate::Done;
use serde_json::{Value, json};
use std::{
    io::{ErrorKind, Write},
    net::TcpStream,
    time::{Duration, Instant},
};
use tokio_tungstenite::tungstenite::{Error as WsError, Message, WebSocket, client::client};

/// 20 ms of 16 kHz `s16le`.
pub(crate) const AUDIO_BYTES: usize = 640;
/// Offset of the audio in a frame.
pub(crate) const HEAD_BYTES: usize = 8;
/// Size of a frame on the wire.
pub(crate) const FRAME_BYTES: usize = HEAD_BYTES + AUDIO_BYTES;
/// Time limit for an answer.
const LIMIT: Duration = Duration::from_secs(60);

/// A binary message with 20 ms of audio, as a client sends it.
pub(crate) fn frame() -> [u8; FRAME_BYTES] {
    let mut frame = [0; FRAME_BYTES];
    let [high, low] = (AUDIO_BYTES as u16).to_be_bytes();
    // Final, binary; masked, a 16-bit length; the mask is 0.
    frame[..4].copy_from_slice(&[0x82, 0xfe, high, low]);
    for (n, byte) in frame[HEAD_BYTES..].iter_mut().enumerate() {
        *byte = (n * 7) as u8;
    }
    frame
}

/// A connection to `/v1/stream` of a host or the sink.
pub(crate) struct Client {
    socket: WebSocket<TcpStream>,
}

impl Client {
    /// Connects and opens a stream.
    pub(crate) fn open(address: &str, preset: &str, pace: &str) -> Done<Self> {
        Self::open_with(address, preset, pace, &json!({}))
    }

    /// Like [`open`](Self::open), with options of the stream.
    pub(crate) fn open_with(address: &str, preset: &str, pace: &str, options: &Value) -> Done<Self> {
        Self::start(address, &json!({"type": "start", "preset": preset, "pace": pace, "options": options}))
    }

    /// Like [`open`](Self::open), for a live stream that outlives its connection.
    pub(crate) fn open_resumable(address: &str, preset: &str) -> Done<Self> {
        Self::start(address, &json!({"type": "start", "preset": preset, "resume": true}))
    }

    fn start(address: &str, start: &Value) -> Done<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        let (socket, _) = client(format!("ws://{address}/v1/stream"), stream).map_err(|error| error.to_string())?;
        let mut client = Self { socket };
        client.ask(start)?;
        Ok(client)
    }

    /// Writes frames.
    pub(crate) fn write(&mut self, frames: &[u8]) -> Done {
        Ok(self.socket.get_mut().write_all(frames)?)
    }

    /// Sends a message and waits for the next one.
    pub(crate) fn ask(&mut self, message: &Value) -> Done<Value> {
        self.socket.send(Message::text(message.to_string()))?;
        loop {
            if let Message::Text(text) = self.socket.read()? {
                let answer: Value = serde_json::from_str(text.as_str())?;
                return if answer["type"] == "error" { Err(answer.to_string().into()) } else { Ok(answer) };
            }
        }
    }
}

impl Client {
    /// Sends a message and reads up to the event that answers it.
    pub(crate) fn until(&mut self, kind: &str, message: &Value) -> Done {
        let mut answer = self.ask(message)?;
        while answer["type"] != kind {
            answer = match self.socket.read()? {
                Message::Text(text) => serde_json::from_str(text.as_str())?,
                _ => continue,
            };
            if answer["type"] == "error" {
                return Err(answer.to_string().into());
            }
        }
        Ok(())
    }
}

impl Client {
    /// Sends audio as one message.
    pub(crate) fn send_audio(&mut self, bytes: &[u8]) -> Done {
        match self.socket.send(Message::binary(bytes.to_vec())) {
            // The server's messages can still be read.
            Ok(()) | Err(WsError::ConnectionClosed | WsError::AlreadyClosed | WsError::Protocol(_)) => Ok(()),
            Err(problem) => Err(problem.into()),
        }
    }

    /// Sends `finish`.
    pub(crate) fn say_finish(&mut self) -> Done {
        Ok(self.socket.send(Message::text(json!({"type": "finish"}).to_string()))?)
    }

    /// The next event, if one arrives before that time.
    pub(crate) fn next_before(&mut self, moment: Instant) -> Done<Option<Value>> {
        loop {
            let Some(left) = moment.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                return Ok(None);
            };
            self.socket.get_ref().set_read_timeout(Some(left))?;
            match self.socket.read() {
                Ok(Message::Text(text)) => return Ok(Some(serde_json::from_str(text.as_str())?)),
                Ok(_) => {}
                Err(WsError::Io(problem)) if matches!(problem.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(problem) => return Err(problem.into()),
            }
        }
    }

    /// Sends `finish` and returns the texts of all segments.
    pub(crate) fn texts_to_end(&mut self) -> Done<Vec<String>> {
        self.say_finish()?;
        let (mut texts, limit) = (Vec::new(), Instant::now() + LIMIT);
        while let Some(event) = self.next_before(limit)? {
            match event["type"].as_str() {
                Some("segment") => texts.push(event["text"].as_str().unwrap_or_default().to_owned()),
                Some("done") => return Ok(texts),
                Some("error") => return Err(event.to_string().into()),
                _ => {}
            }
        }
        Err("a stream did not end".into())
    }
}
