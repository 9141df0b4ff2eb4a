//! Clients over WebSocket. A script has the messages of a dialect.

use super::{Ask, KeyPlace, NoPlace, Peer, Told};
use crate::sockets::{self, Socket};
use auricle_tests::Host;
use tungstenite::Message;

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
    socket: Option<Socket>,
    script: Box<dyn Script>,
    told: Told,
}

pub(super) fn connect(script: Box<dyn Script>, host: &Host, ask: &Ask<'_>) -> Result<Box<dyn Peer>, NoPlace> {
    let mut path = script.path(ask)?;
    if let Some((KeyPlace::Query, key)) = ask.key {
        path += &format!("{}{}={key}", if path.contains('?') { '&' } else { '?' }, script.key_field());
    }
    let mut told = Told::default();
    let header = match ask.key {
        Some((KeyPlace::Header, key)) => {
            Some((script.key_header(), format!("{} {key}", script.scheme()).trim().to_owned()))
        }
        Some((KeyPlace::Subprotocol, key)) => Some(("sec-websocket-protocol", script.offer(key).ok_or(NoPlace)?)),
        _ => None,
    };
    let headers: Vec<_> = header.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let socket = match sockets::knock(host.address(), &path, &headers) {
        Ok((socket, _)) => Some(socket),
        Err(answer) => {
            told.refused = Some(format!("HTTP {}", answer.status().as_u16()));
            told.reason = sockets::body(&answer);
            None
        }
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
            let leaves = match sockets::hear(socket) {
                Ok(Message::Text(text)) => script.hear(&text, told),
                Ok(message) => script.hear_bytes(&message.into_data(), told),
                Err((code, reason)) => {
                    if code != 1000 {
                        let said = told.refused.take().map_or_else(String::new, |said| format!("{said}, "));
                        told.refused = Some(format!("{said}close {code}"));
                    }
                    told.reason += &reason;
                    true
                }
            };
            if leaves {
                break;
            }
        }
        self.told
    }
}
