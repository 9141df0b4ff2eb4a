//! The client's side for WhisperLive: the options, float samples once the server is ready, and a binary message at the
//! end.
//!
//! Each result repeats the last segments: the complete ones, and at most one that is not complete.

use super::messages::{DISCONNECT, END, READY, Segment, ServerMessage, Status};
use crate::client::{ClientSide, Update};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

/// The default model of the published clients.
const MODEL: &str = "small";

/// A stream of WhisperLive.
pub struct WhisperLive {
    id: String,
    model: String,
    /// End of the last complete segment that was reported, in seconds.
    complete: f64,
}

impl WhisperLive {
    /// Creates a stream, with a model if one is given.
    pub fn new(model: Option<&str>) -> Self {
        Self { id: Uuid::new_v4().to_string(), model: model.unwrap_or(MODEL).to_owned(), complete: 0.0 }
    }

    fn segments(&mut self, segments: Vec<Segment>, updates: &mut Vec<Update>) {
        let mut open = None;
        for Segment { start, end, text, completed, .. } in segments {
            if !completed {
                open = Some(text);
            } else if let (Ok(start), Ok(end)) = (start.parse::<f64>(), end.parse())
                && start >= self.complete
            {
                self.complete = end;
                updates.push(Update::Final(text));
            }
        }
        updates.extend(open.map(Update::Partial));
    }
}

impl ClientSide for WhisperLive {
    fn hello(&self) -> Option<Message> {
        let options = json!({
            "uid": self.id, "language": null, "task": "transcribe", "model": self.model, "use_vad": true,
            "send_last_n_segments": 10, "no_speech_thresh": 0.45, "clip_audio": false, "same_output_threshold": 10,
        });
        Some(Message::text(options.to_string()))
    }

    fn waits(&self) -> bool {
        true
    }

    fn end(&self) -> Message {
        Message::binary(END)
    }

    fn ends_by_closing(&self) -> bool {
        true
    }

    fn receive(&mut self, line: &str, updates: &mut Vec<Update>) {
        let Ok(ServerMessage { uid, status, message, segments, .. }) = serde_json::from_str(line) else { return };
        if uid.as_str() != Some(&self.id) {
            return;
        }
        let message = message.as_ref();
        let text = message.and_then(Value::as_str).unwrap_or_default();
        match (status, text) {
            (None, READY) => updates.push(Update::Ready),
            (None, DISCONNECT) => updates.push(Update::Failed(text.to_owned())),
            (None, _) => self.segments(segments, updates),
            // The message is a number of minutes that differs between streams, so it is left out of the reason.
            (Some(Status::Wait), _) => updates.push(Update::Failed("WAIT".to_owned())),
            (Some(Status::Error), _) => updates.push(Update::Failed(format!("ERROR: {text}"))),
            (Some(Status::Warning), _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::receive;

    fn receive_all(lines: &[&str]) -> Vec<Update> {
        let mut dialect = WhisperLive::new(None);
        dialect.id = "u".into();
        receive(&mut dialect, lines)
    }

    #[test]
    fn complete_segments_are_told_once() {
        let updates = receive_all(&[
            r#"{"uid": "u", "message": "SERVER_READY", "backend": "faster_whisper"}"#,
            r#"{"uid": "u", "language": "en", "language_prob": 0.98}"#,
            r#"{"uid": "u", "segments": [{"start": "0.000", "end": "1.000", "text": " Hello", "completed": false}]}"#,
            r#"{"uid": "u", "segments": [
                {"start": "0.000", "end": "1.500", "text": " Hello world", "completed": true},
                {"start": "1.500", "end": "2.000", "text": " and", "completed": false}]}"#,
            r#"{"uid": "u", "segments": [
                {"start": "0.000", "end": "1.500", "text": " Hello world", "completed": true},
                {"start": "1.500", "end": "2.500", "text": " and so", "completed": true}]}"#,
            r#"{"uid": "another", "segments": [{"start": "9.000", "end": "9.500", "text": "no", "completed": true}]}"#,
        ]);
        let (partial, last) = (|text: &str| Update::Partial(text.into()), |text: &str| Update::Final(text.into()));
        let expected = [Update::Ready, partial(" Hello"), last(" Hello world"), partial(" and"), last(" and so")];
        assert_eq!(updates, expected);
    }

    #[test]
    fn a_full_server_says_so() {
        let full = r#"{"uid": "u", "status": "WAIT", "message": 2.3}"#;
        let warning = r#"{"uid": "u", "status": "WARNING", "message": "no such language"}"#;
        let gone = r#"{"uid": "u", "message": "DISCONNECT"}"#;
        let updates = receive_all(&[full, warning, gone]);
        assert_eq!(updates, ["WAIT", "DISCONNECT"].map(|reason| Update::Failed(reason.into())));
    }
}
