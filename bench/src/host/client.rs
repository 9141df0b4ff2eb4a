//! A client that costs next to nothing: frames are made once and written to the socket as they are.
//!
//! Text messages go through tungstenite; audio frames carry the mask 0, which the server applies like any other.

use crate::Done;
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};
use tokio_tungstenite::tungstenite::{Message, WebSocket, client::client};

/// 20 ms of 16 kHz `s16le`.
pub(crate) const AUDIO_BYTES: usize = 640;
/// Where the audio begins in a frame.
pub(crate) const HEAD_BYTES: usize = 8;
/// A frame on the wire.
pub(crate) const FRAME_BYTES: usize = HEAD_BYTES + AUDIO_BYTES;
/// The longest wait for an answer.
const LIMIT: Duration = Duration::from_secs(60);

/// A binary message of 20 ms of sound, as a client writes it.
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

/// A connection to a host's or the sink's `/v1/stream`.
pub(crate) struct Client {
    socket: WebSocket<TcpStream>,
}

impl Client {
    /// Connects and opens a stream.
    pub(crate) fn open(address: &str, preset: &str, pace: &str) -> Done<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        let (socket, _) = client(format!("ws://{address}/v1/stream"), stream).map_err(|error| error.to_string())?;
        let mut client = Self { socket };
        client.ask(&json!({"type": "start", "preset": preset, "pace": pace}))?;
        Ok(client)
    }

    /// Writes frames.
    pub(crate) fn write(&mut self, frames: &[u8]) -> Done {
        Ok(self.socket.get_mut().write_all(frames)?)
    }

    /// Says something and waits for the next message.
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
    /// Says something and reads on to the event that answers it.
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

/// The body of `GET path`.
pub(crate) fn get(address: &str, path: &str) -> Done<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: auricle\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("an answer without a body")?;
    if head.starts_with("HTTP/1.1 200") { Ok(body.to_owned()) } else { Err(format!("{path}: {body}").into()) }
}
