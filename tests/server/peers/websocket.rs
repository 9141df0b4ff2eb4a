//! Clients over WebSocket. A script has the messages of a dialect.

use super::{Ask, KeyPlace, NoPlace, Peer, Told};
use auricle_tests::{Host, limit};
use std::net::TcpStream;
use tungstenite::{
    Error, HandshakeError, Message, WebSocket,
    client::{IntoClientRequest, client_with_config},
    http::{HeaderValue, Request},
};

/// The messages of a dialect.
pub(super) trait Script {
    /// Path and query for what a client asks for.
    fn path(&self, ask: &Ask<'_>) -> Result<String, NoPlace>;

    /// The header `Sec-WebSocket-Protocol` with a key.
    fn offer(&self, key: &str) -> Option<String> {
        let _ = key;
        None
    }

    /// The scheme of a key in `Authorization`.
    fn scheme(&self) -> &'static str {
        "Bearer"
    }

    /// The field of the query that has the key.
    fn key_field(&self) -> &'static str {
        "key"
    }

    /// The first message.
    fn hello(&self, ask: &Ask<'_>) -> Option<Message> {
        let _ = ask;
        None
    }

    fn audio(&mut self, audio: &[i16]) -> Vec<Message>;

    fn flush(&self) -> Option<Message> {
        None
    }

    fn keep_alive(&self) -> Option<Message> {
        None
    }

    fn babble(&self) -> Option<Message> {
        Some(Message::text("{babble"))
    }

    fn end(&mut self) -> Vec<Message>;

    /// Reads a text. Returns whether the client leaves now.
    fn hear(&mut self, text: &str, told: &mut Told) -> bool;

    /// Reads a binary message, as [`hear`](Self::hear).
    fn hear_bytes(&mut self, bytes: &[u8], told: &mut Told) -> bool {
        panic!("not a text: {bytes:?}, {told:?}")
    }

    /// The header that has a key.
    fn key_header(&self) -> &'static str {
        "authorization"
    }
}

struct WsPeer {
    /// `None` if the handshake was refused.
    socket: Option<WebSocket<TcpStream>>,
    script: Box<dyn Script>,
    told: Told,
}

pub(super) fn connect(script: Box<dyn Script>, host: &Host, ask: &Ask<'_>) -> Result<Box<dyn Peer>, NoPlace> {
    let mut path = script.path(ask)?;
    if let Some((KeyPlace::Query, key)) = ask.key {
        path += &format!("{}{}={key}", if path.contains('?') { '&' } else { '?' }, script.key_field());
    }
    let stream = TcpStream::connect(host.address()).unwrap();
    stream.set_read_timeout(Some(limit())).unwrap();
    stream.set_write_timeout(Some(limit())).unwrap();
    let mut request: Request<()> = format!("ws://{}{path}", host.address()).into_client_request().unwrap();
    let mut header = |name: &'static str, value: String| {
        request.headers_mut().insert(name, HeaderValue::from_str(&value).unwrap());
    };
    match ask.key {
        Some((KeyPlace::Header, key)) => {
            header(script.key_header(), format!("{} {key}", script.scheme()).trim().to_owned())
        }
        Some((KeyPlace::Subprotocol, key)) => header("sec-websocket-protocol", script.offer(key).ok_or(NoPlace)?),
        _ => {}
    }
    let mut told = Told::default();
    let socket = match client_with_config(request, stream, None) {
        Ok((socket, _)) => Some(socket),
        Err(HandshakeError::Failure(Error::Http(answer))) => {
            told.refused = Some(format!("HTTP {}", answer.status().as_u16()));
            told.reason = String::from_utf8_lossy(answer.body().as_deref().unwrap_or_default()).into_owned();
            None
        }
        Err(problem) => panic!("{problem}"),
    };
    let hello = script.hello(ask).filter(|_| !ask.silent);
    let mut peer = Box::new(WsPeer { socket, script, told });
    peer.send(hello);
    Ok(peer)
}

impl WsPeer {
    /// If the server has closed, a later read finds out.
    fn send(&mut self, messages: impl IntoIterator<Item = Message>) {
        if let Some(socket) = &mut self.socket {
            messages.into_iter().for_each(|message| drop(socket.send(message)));
        }
    }

    fn send_one(&mut self, message: Option<Message>) -> bool {
        let is_there = message.is_some();
        self.send(message);
        is_there
    }
}

impl Peer for WsPeer {
    fn audio(&mut self, audio: &[i16]) {
        let messages = self.script.audio(audio);
        self.send(messages);
    }

    fn flush(&mut self) -> bool {
        self.send_one(self.script.flush())
    }

    fn keep_alive(&mut self) -> bool {
        self.send_one(self.script.keep_alive())
    }

    fn babble(&mut self) -> bool {
        self.send_one(self.script.babble())
    }

    fn finish(mut self: Box<Self>) -> Told {
        let last = self.script.end();
        self.send(last);
        self.listen()
    }

    fn listen(mut self: Box<Self>) -> Told {
        let Self { socket: Some(socket), script, told } = &mut *self else { return self.told };
        loop {
            match socket.read() {
                Ok(Message::Text(text)) => {
                    if script.hear(&text, told) {
                        break;
                    }
                }
                Ok(Message::Binary(bytes)) => {
                    if script.hear_bytes(&bytes, told) {
                        break;
                    }
                }
                Ok(Message::Close(frame)) => {
                    let (code, reason) =
                        frame.map_or((1005, String::new()), |frame| (frame.code.into(), frame.reason.to_string()));
                    if code != 1000 {
                        let said = told.refused.take().map_or_else(String::new, |said| format!("{said}, "));
                        told.refused = Some(format!("{said}close {code}"));
                    }
                    told.reason += &reason;
                    break;
                }
                Ok(_) => {}
                Err(problem) => panic!("no close: {problem}, {told:?}"),
            }
        }
        self.told
    }
}
