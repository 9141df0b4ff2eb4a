//! A WebSocket client that sends exactly what a test specifies, and keeps all messages that it receives.

use super::{Host, limit};
use serde_json::{Value, json};
use std::{
    net::TcpStream,
    time::{Duration, Instant},
};
use tungstenite::{
    HandshakeError, Message, WebSocket,
    client::{IntoClientRequest, client_with_config},
    protocol::WebSocketConfig,
};

/// How the server closed the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The close code; 1006 without a close frame.
    pub code: u16,
    /// The reason text.
    pub reason: String,
}

/// A connection to `/v1/stream`.
pub struct Client {
    socket: WebSocket<TcpStream>,
    /// All messages sent by [`say`](Self::say).
    pub said: Vec<Value>,
    /// All messages received so far.
    pub heard: Vec<Value>,
    /// Set when the server has closed.
    pub closed: Option<Closed>,
}

impl Client {
    /// Connects without sending anything.
    pub fn connect(host: &Host) -> Self {
        let stream = TcpStream::connect(host.address()).unwrap();
        stream.set_read_timeout(Some(limit())).unwrap();
        stream.set_write_timeout(Some(limit())).unwrap();
        let url = format!("ws://{}/v1/stream", host.address());
        let config = WebSocketConfig::default().max_frame_size(None).max_message_size(None);
        let (socket, _) = client_with_config(url, stream, Some(config)).unwrap();
        Self { socket, said: Vec::new(), heard: Vec::new(), closed: None }
    }

    /// Connects with a query and headers, without sending anything.
    ///
    /// # Errors
    /// Status and body of the HTTP response, if the server refuses the connection.
    pub fn knock(host: &Host, query: &str, headers: &[(&'static str, &str)]) -> Result<Self, (u16, String)> {
        let stream = TcpStream::connect(host.address()).unwrap();
        stream.set_read_timeout(Some(limit())).unwrap();
        stream.set_write_timeout(Some(limit())).unwrap();
        let mut request = format!("ws://{}/v1/stream{query}", host.address()).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match client_with_config(request, stream, None) {
            Ok((socket, _)) => Ok(Self { socket, said: Vec::new(), heard: Vec::new(), closed: None }),
            Err(HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
                let body = answer.body().clone().unwrap_or_default();
                Err((answer.status().as_u16(), String::from_utf8(body).unwrap()))
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Connects and opens a stream; `more` is merged into `{"type": "start", "preset": preset}`.
    pub fn start(host: &Host, preset: &str, more: Value) -> Self {
        let mut client = Self::connect(host);
        client.say_start(preset, more);
        client
    }

    /// Like [`start`](Self::start), and waits for `ready`.
    pub fn open(host: &Host, preset: &str, more: Value) -> Self {
        let mut client = Self::start(host, preset, more);
        let first = client.next().unwrap_or_else(|| panic!("closed: {:?}", client.closed));
        assert_eq!(first["type"], "ready", "{first}");
        client
    }

    /// Sends `start`.
    pub fn say_start(&mut self, preset: &str, more: Value) {
        let mut start = json!({"type": "start", "preset": preset});
        if let (Value::Object(start), Value::Object(more)) = (&mut start, more) {
            start.extend(more);
        }
        self.say(&start);
    }

    /// Sends a text message. If the server has closed the connection, a later read detects it.
    pub fn say(&mut self, message: &Value) {
        self.said.push(message.clone());
        self.send(Message::text(message.to_string()));
    }

    /// Sends any message.
    pub fn send(&mut self, message: Message) {
        let _ = self.socket.send(message);
    }

    /// Sends audio as one frame.
    pub fn audio(&mut self, bytes: &[u8]) {
        self.send(Message::binary(bytes.to_vec()));
    }

    /// Sends audio in frames of `size` bytes.
    pub fn audio_in_frames(&mut self, bytes: &[u8], size: usize) {
        for frame in bytes.chunks(size) {
            self.audio(frame);
        }
    }

    /// Returns the next event; `None` once the server has closed.
    #[allow(clippy::should_implement_trait, reason = "not for loops: use `until` and `to_end`")]
    pub fn next(&mut self) -> Option<Value> {
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < limit(), "only pings for {:?}; before that: {:?}", limit(), self.heard.last());
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let event: Value = serde_json::from_str(text.as_str()).unwrap();
                    self.heard.push(event.clone());
                    return Some(event);
                }
                Ok(Message::Close(frame)) => {
                    let (code, reason) =
                        frame.map_or((1005, String::new()), |frame| (frame.code.into(), frame.reason.to_string()));
                    self.closed.get_or_insert(Closed { code, reason });
                }
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    panic!("the server sent nothing for {:?}; before that: {:?}", limit(), self.heard.last());
                }
                // A signal, which is possible on sockets with a time limit.
                Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.closed.get_or_insert(Closed { code: 1006, reason: error.to_string() });
                    return None;
                }
            }
        }
    }

    /// Reads up to the first event of a type.
    pub fn until(&mut self, kind: &str) -> Value {
        while let Some(event) = self.next() {
            if event["type"] == kind {
                return event;
            }
        }
        panic!("no `{kind}` received; events {:?}, closed {:?}", self.heard, self.closed);
    }

    /// Reads everything up to the server's close.
    pub fn to_end(&mut self) -> Closed {
        while self.next().is_some() {}
        self.closed.clone().unwrap()
    }

    /// Ends the audio and reads everything; the stream must end normally. Returns the segments' texts.
    pub fn finish(&mut self) -> Vec<String> {
        self.say(&json!({"type": "finish"}));
        let closed = self.to_end();
        assert_eq!(closed.code, 1000, "{closed:?}, {:?}", self.heard.last());
        assert_eq!(self.heard.last().unwrap()["type"], "done");
        self.texts()
    }

    /// All received events of a type, without their numbers.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        let mut events: Vec<_> = self.heard.iter().filter(|event| event["type"] == kind).cloned().collect();
        for event in &mut events {
            event.as_object_mut().unwrap().remove("seq");
        }
        events
    }

    /// The texts of all received segments.
    pub fn texts(&self) -> Vec<String> {
        self.events("segment").iter().map(|event| event["text"].as_str().unwrap().to_owned()).collect()
    }

    /// Reads to the end of a stream that fails: the last event must be an `error` with this code, with the matching
    /// close code.
    pub fn fails(&mut self, code: &str, close: u16) -> String {
        let closed = self.to_end();
        let last = self.heard.last().cloned().unwrap_or_default();
        assert_eq!((last["type"].as_str(), last["code"].as_str()), (Some("error"), Some(code)), "{last} {closed:?}");
        assert_eq!(closed.code, close);
        last["message"].as_str().unwrap().to_owned()
    }

    /// The connection itself, to send data that no WebSocket library would send.
    pub fn socket(&self) -> TcpStream {
        self.socket.get_ref().try_clone().unwrap()
    }

    /// Sends a ping and returns the content of the pong.
    pub fn ping(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.send(Message::Ping(bytes.to_vec().into()));
        loop {
            match self.socket.read().unwrap() {
                Message::Pong(answer) => return answer.to_vec(),
                Message::Text(text) => self.heard.push(serde_json::from_str(text.as_str()).unwrap()),
                _ => {}
            }
        }
    }

    /// Reads, and so answers pings, until a condition holds that no message reports.
    pub fn listen_until(&mut self, so: impl Fn() -> bool) {
        let begun = Instant::now();
        self.socket.get_ref().set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        while !so() {
            assert!(
                begun.elapsed() < limit(),
                "the condition did not become true; the last event was {:?}",
                self.heard.last()
            );
            match self.socket.read() {
                Ok(Message::Text(text)) => self.heard.push(serde_json::from_str(text.as_str()).unwrap()),
                Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Ok(message) => assert!(!message.is_close(), "{message}"),
                Err(error) => panic!("{error}"),
            }
        }
        self.socket.get_ref().set_read_timeout(Some(limit())).unwrap();
    }

    /// Disconnects without a close frame.
    pub fn vanish(self) {
        let _ = self.socket.get_ref().shutdown(std::net::Shutdown::Both);
    }
}
