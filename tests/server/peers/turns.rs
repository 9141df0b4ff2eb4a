//! The messages of the dialects that divide the audio into turns.

use super::{
    Ask, Channels, NoPlace, Told,
    scripts::{add_words, json_of, samples},
    websocket::Script,
};
use serde_json::Value;
use tungstenite::Message;

pub(super) struct Flux;

impl Script for Flux {
    fn path(&self, ask: &Ask<'_>) -> Result<String, NoPlace> {
        if ask.channels != Channels::One {
            return Err(NoPlace);
        }
        let mut path = "/v2/listen?encoding=linear16&sample_rate=16000".to_owned();
        for (name, value) in [("model", ask.model), ("language_hint", ask.language), ("keyterm", ask.phrase)] {
            if let Some(value) = value {
                path += &format!("&{name}={value}");
            }
        }
        Ok(path)
    }

    fn offer(&self, key: &str) -> Option<String> {
        Some(format!("token, {key}"))
    }

    fn scheme(&self) -> &'static str {
        "Token"
    }

    fn audio(&mut self, audio: &[i16]) -> Vec<Message> {
        samples(audio)
    }

    fn flush(&self) -> Option<Message> {
        Some(Message::text(r#"{"type": "ForceEndTurn"}"#))
    }

    fn end(&mut self) -> Vec<Message> {
        vec![Message::text(r#"{"type": "CloseStream"}"#)]
    }

    fn hear(&mut self, text: &str, told: &mut Told) -> bool {
        let message = json_of(text);
        match (message["type"].as_str().unwrap(), message["event"].as_str()) {
            ("TurnInfo", Some("EndOfTurn")) => {
                told.finals.push((0, message["transcript"].as_str().unwrap().to_owned()));
                add_words(told, &timed(&message["words"]), "word", "confidence");
                if message["trigger"] == "manual" {
                    told.flushed = Some(told.finals.len());
                }
            }
            ("TurnInfo", _) => told.partials += 1,
            ("Error", _) => {
                told.refused = Some(format!("`Error` `{}`", message["code"].as_str().unwrap()));
                told.reason = message["description"].to_string();
            }
            _ => {}
        }
        false
    }
}

/// The words that have times.
fn timed(words: &Value) -> Value {
    words.as_array().unwrap().iter().filter(|word| word["start"].is_number()).cloned().collect()
}
