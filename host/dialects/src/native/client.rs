//! The client's side of the native protocol: `start`, binary frames, `finish`; the server ends with `done`.

use crate::client::{ClientSide, Update};
use crate::native::messages::{ClientMessage, Pace, ServerEvent, ServerMessage, Start};
use auricle_core::AudioFormat;
use serde_json::Map;
use tokio_tungstenite::tungstenite::Message;

/// A stream of the native protocol.
pub struct Native {
    start: Start,
}

impl Native {
    /// Creates a live stream with a preset.
    pub fn new(preset: &str) -> Self {
        let AudioFormat { encoding: format, sample_rate, channels, channel } = AudioFormat::default();
        let (preset, options) = (preset.to_owned(), Map::new());
        Self {
            start: Start {
                preset,
                options,
                format,
                sample_rate,
                channels,
                channel,
                multichannel: false,
                pace: Pace::Live,
                resume: false,
            },
        }
    }
}

impl ClientSide for Native {
    fn hello(&self) -> Option<Message> {
        Some(text(&ClientMessage::Start(self.start.clone())))
    }

    fn waits(&self) -> bool {
        true
    }

    fn end(&self) -> Message {
        text(&ClientMessage::Finish)
    }

    fn receive(&mut self, line: &str, updates: &mut Vec<Update>) {
        let Ok(ServerMessage { event, .. }) = serde_json::from_str(line) else { return };
        updates.extend(match event {
            ServerEvent::Ready(_) => Some(Update::Ready),
            ServerEvent::Partial(text) => Some(Update::Partial(text.text)),
            ServerEvent::Segment(text) => Some(Update::Final(text.text)),
            ServerEvent::Error { code, message } => Some(Update::Failed(format!("{code}: {message}"))),
            ServerEvent::Done { .. } => Some(Update::Done),
            _ => None,
        });
    }
}

/// Encodes a message; every message can be written as JSON.
fn text(message: &ClientMessage) -> Message {
    Message::text(serde_json::to_string(message).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::receive;
    use serde_json::{Value, json};

    #[test]
    fn it_is_the_native_protocol() {
        let mut native = Native::new("english");
        let hello: Value = serde_json::from_str(native.hello().unwrap().to_text().unwrap()).unwrap();
        let start = json!({
            "type": "start", "preset": "english", "pace": "live", "format": "s16le", "sample_rate": 16000, "channels": 1,
        });
        assert_eq!(hello, start);
        assert_eq!(native.end(), Message::text(r#"{"type":"finish"}"#));
        let updates = receive(
            &mut native,
            &[
                r#"{"seq": 1, "type": "speech_started", "time": 0.1}"#,
                r#"{"seq": 2, "type": "partial", "start": 0.0, "end": 0.1, "text": "go"}"#,
                r#"{"seq": 3, "type": "segment", "start": 0.0, "end": 0.2, "text": "go on"}"#,
                r#"{"seq": 4, "type": "of tomorrow"}"#,
                r#"{"seq": 5, "type": "done", "seconds": 0.25}"#,
                r#"{"seq": 6, "type": "error", "code": "overloaded", "message": "try later"}"#,
            ],
        );
        let failed = Update::Failed("overloaded: try later".into());
        assert_eq!(updates, [Update::Partial("go".into()), Update::Final("go on".into()), Update::Done, failed]);
    }
}
