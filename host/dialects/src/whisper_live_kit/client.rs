//! The client's side for WhisperLiveKit: 16-bit samples once the server has sent its configuration, and an empty message at
//! the end.
//!
//! Each result has all lines and the text that is not in a line yet. Lines change until the end, so that all text is
//! unstable until then.

use super::messages::{Front, ServerMessage};
use crate::client::{ClientSide, Update};
use serde_json::Value;
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// A stream of WhisperLiveKit.
#[derive(Default)]
pub struct WhisperLiveKit {
    /// The last result.
    text: String,
}

impl ClientSide for WhisperLiveKit {
    fn waits(&self) -> bool {
        true
    }

    fn end(&self) -> Message {
        Message::Binary(Bytes::new())
    }

    fn receive(&mut self, line: &str, updates: &mut Vec<Update>) {
        let Ok(message) = serde_json::from_str::<Value>(line) else { return };
        if message.get("type").is_none() {
            let Ok(Front { lines, state }) = serde_json::from_value(message) else { return };
            if !state.error.is_empty() {
                updates.push(Update::Failed(state.error));
                return;
            }
            let lines = lines.into_iter().filter_map(|line| line.text);
            let parts: Vec<String> =
                lines.chain([state.buffer_transcription]).filter(|text| !text.is_empty()).collect();
            self.text = parts.join(" ");
            updates.push(Update::Partial(self.text.clone()));
            return;
        }
        match serde_json::from_value(message) {
            Ok(ServerMessage::Config { .. }) => updates.push(Update::Ready),
            Ok(ServerMessage::ReadyToStop) => {
                updates.extend([Update::Final(std::mem::take(&mut self.text)), Update::Done]);
            }
            Ok(ServerMessage::Error { error }) => updates.push(Update::Failed(error)),
            // Of the mode `diff`, which this client does not ask for, and of other versions.
            Ok(ServerMessage::Snapshot { .. } | ServerMessage::Diff { .. }) | Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::receive;

    #[test]
    fn text_is_final_at_the_end() {
        let updates = receive(
            &mut WhisperLiveKit::default(),
            &[
                r#"{"type": "config", "useAudioWorklet": true, "mode": "full"}"#,
                r#"{"status": "active_transcription", "lines": [], "buffer_transcription": "Hel", "remaining_time_transcription": 0.5}"#,
                r#"{"status": "active_transcription", "lines": [
                    {"speaker": 1, "text": "Hello.", "start": "0:00:00", "end": "0:00:01"},
                    {"speaker": -2, "text": null, "start": "0:00:01", "end": "0:00:04"}], "buffer_transcription": "and"}"#,
                r#"{"type": "ready_to_stop"}"#,
            ],
        );
        let (partial, text) = (|text: &str| Update::Partial(text.into()), "Hello. and");
        assert_eq!(updates, [Update::Ready, partial("Hel"), partial(text), Update::Final(text.into()), Update::Done]);
    }

    #[test]
    fn an_error_ends_the_stream() {
        let error = r#"{"type": "error", "error": "language not supported"}"#;
        assert_eq!(
            receive(&mut WhisperLiveKit::default(), &[error]),
            [Update::Failed("language not supported".into())]
        );
    }
}
