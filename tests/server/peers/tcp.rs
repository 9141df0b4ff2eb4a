//! The client of Wyoming, over plain TCP.

use super::{Ask, Channels, NoPlace, Peer, Told};
use auricle_tests::{Host, bytes, limit};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

/// The listener for Wyoming.
const LISTENER: usize = 1;

struct Wyoming {
    socket: BufReader<TcpStream>,
    channels: u16,
    /// It has ended its audio, so it leaves after the transcript.
    has_ended: bool,
}

pub(super) fn connect(host: &Host, ask: &Ask<'_>) -> Result<Box<dyn Peer>, NoPlace> {
    if ask.key.is_some() || ask.channels == Channels::Apart {
        return Err(NoPlace);
    }
    let stream = TcpStream::connect(host.listener(LISTENER)).unwrap();
    stream.set_read_timeout(Some(limit())).unwrap();
    stream.set_write_timeout(Some(limit())).unwrap();
    let channels = if ask.channels == Channels::One { 1 } else { 2 };
    let mut peer = Box::new(Wyoming { socket: BufReader::new(stream), channels, has_ended: false });
    if ask.model.is_some() || ask.language.is_some() || ask.phrase.is_some() {
        let terms: Vec<&str> = ask.phrase.into_iter().collect();
        peer.say("transcribe", &json!({"name": ask.model, "language": ask.language, "transcript_terms": terms}), &[]);
    }
    Ok(peer)
}

impl Wyoming {
    /// If the server has closed, a later read finds out.
    fn say(&mut self, kind: &str, data: &Value, payload: &[u8]) {
        let data = data.to_string();
        let line = json!({"type": kind, "data_length": data.len(), "payload_length": payload.len()}).to_string() + "\n";
        let _ = self.socket.get_mut().write_all(&[line.as_bytes(), data.as_bytes(), payload].concat());
    }

    /// The next event; `None` at the end.
    fn hear(&mut self) -> Option<(String, Value)> {
        let mut line = String::new();
        if self.socket.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        let line: Value = serde_json::from_str(&line).unwrap();
        let mut data = vec![0; line["data_length"].as_u64().unwrap_or(0) as usize];
        self.socket.read_exact(&mut data).unwrap();
        let data = if data.is_empty() { json!({}) } else { serde_json::from_slice(&data).unwrap() };
        Some((line["type"].as_str().unwrap().to_owned(), data))
    }
}

impl Peer for Wyoming {
    fn audio(&mut self, audio: &[i16]) {
        for piece in audio.chunks(3_200) {
            let format = json!({"rate": 16_000, "width": 2, "channels": self.channels});
            self.say("audio-chunk", &format, &bytes(piece));
        }
    }

    fn flush(&mut self) -> bool {
        false
    }

    fn keep_alive(&mut self) -> bool {
        self.say("ping", &json!({"text": null}), &[]);
        true
    }

    fn babble(&mut self) -> bool {
        let _ = self.socket.get_mut().write_all(b"{babble\n");
        true
    }

    fn finish(mut self: Box<Self>) -> Told {
        self.say("audio-stop", &json!({}), &[]);
        self.has_ended = true;
        self.listen()
    }

    fn listen(mut self: Box<Self>) -> Told {
        let mut told = Told::default();
        while let Some((kind, data)) = self.hear() {
            match kind.as_str() {
                "transcript" => told.finals.push((0, data["text"].as_str().unwrap().to_owned())),
                "pong" => told.kept_alive = true,
                "transcript-stop" if self.has_ended => break,
                "error" => {
                    told.refused = Some(format!("`error` `{}`", data["code"].as_str().unwrap()));
                    told.reason = data["text"].to_string();
                }
                _ => {}
            }
        }
        told
    }
}
