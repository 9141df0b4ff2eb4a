//! The client's side for sherpa-onnx's online servers: float samples, a result after each step, the text `Done`,
//! answered by `Done!`.
//!
//! The C++ server marks the result that ends a segment. The Python server does not: a segment ends when the next
//! segment's number appears, and the audio when it closes the connection.

use super::messages::{END, ENDED, StepResult};
use crate::client::{ClientSide, Update};
use tokio_tungstenite::tungstenite::Message;

/// A stream of sherpa-onnx's online server.
#[derive(Default)]
pub struct Sherpa {
    /// Number and text of the segment that is not final yet.
    open: Option<(u64, String)>,
}

impl ClientSide for Sherpa {
    fn end(&self) -> Message {
        Message::text(END)
    }

    fn ends_by_closing(&self) -> bool {
        true
    }

    fn receive(&mut self, line: &str, updates: &mut Vec<Update>) {
        if line == ENDED {
            return updates.push(Update::Done);
        }
        let Ok(StepResult { text, segment, is_final, .. }) = serde_json::from_str(line) else { return };
        if let Some((_, before)) = self.open.take_if(|(number, _)| *number != segment) {
            updates.push(Update::Final(before));
        }
        if is_final {
            self.open = None;
            updates.push(Update::Final(text));
        } else {
            self.open = Some((segment, text.clone()));
            updates.push(Update::Partial(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::receive;

    fn partial(text: &str) -> Update {
        Update::Partial(text.into())
    }

    fn last(text: &str) -> Update {
        Update::Final(text.into())
    }

    #[test]
    fn the_server_in_cpp_says_what_is_final() {
        let lines = [
            r#"{ "text": "A", "tokens": ["A"], "timestamps": [0.12], "segment": 0, "is_final": false, "is_eof": false}"#,
            r#"{ "text": "A B", "tokens": [], "segment": 0, "is_final": true, "is_eof": false}"#,
            r#"{ "text": "C", "segment": 1, "is_final": false}"#,
            r#"{ "text": "C D", "segment": 1, "is_final": true, "is_eof": true}"#,
            "Done!",
        ];
        let updates = receive(&mut Sherpa::default(), &lines);
        assert_eq!(updates, [partial("A"), last("A B"), partial("C"), last("C D"), Update::Done]);
    }

    #[test]
    fn the_server_in_python_goes_on_to_the_next_segment() {
        let lines =
            [r#"{"text": "A", "segment": 0}"#, r#"{"text": "", "segment": 1}"#, r#"{"text": "B", "segment": 1}"#];
        assert_eq!(receive(&mut Sherpa::default(), &lines), [partial("A"), last("A"), partial(""), partial("B")]);
    }
}
