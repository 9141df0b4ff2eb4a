//! The client's side for vosk-server: the sample rate, then audio, with an answer to each message; after `eof` the last
//! answer and a close.

use crate::client::{ClientSide, Update};
use serde::Deserialize;
use tokio_tungstenite::tungstenite::Message;

/// A stream of vosk-server.
pub struct Vosk;

/// The fields of an answer that are needed; one of them is present.
#[derive(Deserialize)]
struct Answer {
    partial: Option<String>,
    text: Option<String>,
    #[serde(default)]
    alternatives: Vec<Alternative>,
}

#[derive(Deserialize)]
struct Alternative {
    text: String,
}

impl ClientSide for Vosk {
    fn hello(&self) -> Option<Message> {
        Some(Message::text(r#"{ "config" : { "sample_rate" : 16000 } }"#))
    }

    fn end(&self) -> Message {
        Message::text(r#"{"eof" : 1}"#)
    }

    fn ends_by_closing(&self) -> bool {
        true
    }

    fn receive(&mut self, line: &str, updates: &mut Vec<Update>) {
        let Ok(Answer { partial, text, alternatives }) = serde_json::from_str(line) else { return };
        let best = alternatives.into_iter().next().map(|alternative| alternative.text);
        updates.extend(text.or(best).map(Update::Final).or(partial.map(Update::Partial)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::receive;

    #[test]
    fn an_answer_is_partial_or_final() {
        let lines = [
            r#"{ "partial" : "" }"#,
            r#"{ "partial" : "one" }"#,
            r#"{"result": [{"conf": 1.0, "end": 0.9, "start": 0.1, "word": "one"}], "text": "one two"}"#,
            r#"{"alternatives": [{"confidence": 110.3, "text": "three"}, {"confidence": 97.0, "text": "tree"}]}"#,
            r#"{"text": ""}"#,
        ];
        let [partial, last] =
            [Update::Partial, Update::Final].map(|updates| move |text: &str| updates(text.to_owned()));
        let expected = [partial(""), partial("one"), last("one two"), last("three"), last("")];
        assert_eq!(receive(&mut Vosk, &lines), expected);
    }
}
