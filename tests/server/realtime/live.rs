//! A client of OpenAI's protocol for live audio, and what is checked of all that it is told.

use auricle_tests::{Host, limit};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{collections::HashSet, net::TcpStream};
use tungstenite::{
    Message, WebSocket,
    client::{IntoClientRequest, client_with_config},
    http::{HeaderValue, Response},
};

pub(super) const INTENT: &str = "intent=transcription";
pub(super) const COMPLETED: &str = "conversation.item.input_audio_transcription.completed";
pub(super) const DELTA: &str = "conversation.item.input_audio_transcription.delta";
pub(super) const FAILED: &str = "conversation.item.input_audio_transcription.failed";

/// The response to a handshake.
pub(super) type Answer = Response<Option<Vec<u8>>>;

/// A client of OpenAI, and what it was told.
pub(super) struct Live {
    pub(super) socket: WebSocket<TcpStream>,
    pub(super) answer: Answer,
    pub(super) told: Vec<Value>,
}

impl Live {
    /// Connects and reads `session.created`.
    pub(super) fn connect(host: &Host, query: &str) -> Self {
        let mut live = Self::knock(host, query, &[]).unwrap();
        assert_eq!(live.next()["type"], "session.created");
        live
    }

    /// Connects with further headers; the response if that is refused.
    pub(super) fn knock(host: &Host, query: &str, headers: &[(&'static str, &str)]) -> Result<Self, Box<Answer>> {
        let address = host.address();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(limit())).unwrap();
        stream.set_write_timeout(Some(limit())).unwrap();
        let mut request = format!("ws://{address}/v1/realtime?{query}").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
        }
        match client_with_config(request, stream, None) {
            Ok((socket, answer)) => Ok(Self { socket, answer, told: Vec::new() }),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => Err(answer),
            Err(problem) => panic!("{problem}"),
        }
    }

    pub(super) fn say(&mut self, message: &Value) {
        self.socket.send(Message::text(message.to_string())).unwrap();
    }

    /// Changes the session; what is in effect then.
    pub(super) fn update(&mut self, session: &Value) -> Value {
        self.say(&json!({"type": "session.update", "session": session}));
        self.until("session.updated")["session"].clone()
    }

    /// Sets fields of `session.audio.input`.
    pub(super) fn input(&mut self, input: &Value) -> Value {
        self.update(&json!({"type": "transcription", "audio": {"input": input}}))
    }

    /// The client commits, and sends audio at the rate of the models.
    pub(super) fn manual(&mut self) {
        self.input(&json!({"turn_detection": null, "format": {"type": "audio/pcm", "rate": 16_000}}));
    }

    pub(super) fn append(&mut self, audio: &[u8]) {
        // Groups of bytes that divide no sample and no word of base64 evenly.
        for piece in audio.chunks(3_201) {
            self.say(&json!({"type": "input_audio_buffer.append", "audio": STANDARD.encode(piece)}));
        }
    }

    pub(super) fn commit(&mut self) {
        self.say(&json!({"type": "input_audio_buffer.commit"}));
    }

    pub(super) fn clear(&mut self) {
        self.say(&json!({"type": "input_audio_buffer.clear"}));
        self.until("input_audio_buffer.cleared");
    }

    pub(super) fn next(&mut self) -> Value {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let told: Value = serde_json::from_str(&text).unwrap();
                    self.told.push(told.clone());
                    return told;
                }
                Ok(Message::Close(frame)) => panic!("closed: {frame:?} after {:?}", self.told),
                Ok(_) => {}
                Err(error) => panic!("{error} after {:?}", self.told),
            }
        }
    }

    pub(super) fn until(&mut self, kind: &str) -> Value {
        loop {
            let next = self.next();
            if next["type"] == kind {
                return next;
            }
        }
    }

    /// The answer to a message that is wrong.
    pub(super) fn refused(&mut self, message: &Value) -> Value {
        self.say(message);
        self.until("error")["error"].clone()
    }

    /// Commits, and waits for the text. Returns the item's transcript.
    pub(super) fn transcript(&mut self) -> String {
        self.commit();
        // Its answer follows that of the commit; before it there may be items of the server.
        self.clear();
        let item = of(&self.told, "input_audio_buffer.committed").pop().unwrap()["item_id"].clone();
        loop {
            if let Some(completed) = of(&self.told, COMPLETED).into_iter().find(|event| event["item_id"] == item) {
                return completed["transcript"].as_str().unwrap().to_owned();
            }
            self.next();
        }
    }

    /// The code and the reason of the server's close.
    pub(super) fn closed(&mut self) -> (u16, String) {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => self.told.push(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(frame)) => {
                    return frame.map_or((1005, String::new()), |frame| (frame.code.into(), frame.reason.to_string()));
                }
                Ok(_) => {}
                Err(error) => panic!("no close: {error}"),
            }
        }
    }
}

pub(super) fn of<'a>(told: &'a [Value], kind: &str) -> Vec<&'a Value> {
    told.iter().filter(|event| event["type"] == kind).collect()
}

/// Checks what holds for all events: unique ids, and items with deltas that are the transcript. Returns the transcripts.
pub(super) fn check(told: &[Value]) -> Vec<String> {
    let ids: HashSet<_> = told.iter().map(|event| event["event_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), told.len(), "{told:?}");
    let mut previous = Value::Null;
    for committed in of(told, "input_audio_buffer.committed") {
        assert_eq!(committed["previous_item_id"], previous, "{told:?}");
        previous = committed["item_id"].clone();
        let of_item = |kind: &str| of(told, kind).into_iter().filter(|event| event["item_id"] == previous).count();
        assert_eq!(of_item(COMPLETED), 1, "{told:?}");
    }
    let deltas = |item: &Value| -> String {
        let deltas = of(told, DELTA).into_iter().filter(|delta| delta["item_id"] == *item);
        deltas.map(|delta| delta["delta"].as_str().unwrap()).collect()
    };
    let transcript = |completed: &Value| {
        assert_eq!(completed["transcript"], deltas(&completed["item_id"]), "{told:?}");
        assert_eq!(completed["usage"]["type"], "duration");
        completed["transcript"].as_str().unwrap().to_owned()
    };
    of(told, COMPLETED).into_iter().map(transcript).collect()
}
