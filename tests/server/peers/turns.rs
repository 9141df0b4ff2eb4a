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

pub(super) struct AssemblyAi;

impl Script for AssemblyAi {
    fn path(&self, ask: &Ask<'_>) -> Result<String, NoPlace> {
        if ask.channels != Channels::One {
            return Err(NoPlace);
        }
        let phrases = ask.phrase.map(|phrase| format!("[%22{phrase}%22]"));
        let mut path = "/v3/ws?sample_rate=16000".to_owned();
        for (name, value) in
            [("speech_model", ask.model), ("language_code", ask.language), ("keyterms_prompt", phrases.as_deref())]
        {
            if let Some(value) = value {
                path += &format!("&{name}={value}");
            }
        }
        Ok(path)
    }

    fn scheme(&self) -> &'static str {
        ""
    }

    fn key_field(&self) -> &'static str {
        "token"
    }

    fn audio(&mut self, audio: &[i16]) -> Vec<Message> {
        samples(audio)
    }

    fn flush(&self) -> Option<Message> {
        Some(Message::text(r#"{"type": "ForceEndpoint"}"#))
    }

    fn keep_alive(&self) -> Option<Message> {
        Some(Message::text(r#"{"type": "KeepAlive"}"#))
    }

    fn end(&mut self) -> Vec<Message> {
        vec![Message::text(r#"{"type": "Terminate"}"#)]
    }

    fn hear(&mut self, text: &str, told: &mut Told) -> bool {
        let message = json_of(text);
        match message["type"].as_str().unwrap() {
            "Turn" if message["end_of_turn"] == true => {
                told.finals.push((0, message["transcript"].as_str().unwrap().to_owned()));
                add_words(told, &in_seconds(&message["words"]), "text", "confidence");
                // Nothing tells which of them is an answer.
                told.flushed = Some(told.finals.len());
            }
            "Turn" => told.partials += 1,
            "Termination" => told.kept_alive = true,
            "Error" => {
                told.refused = Some(format!("`Error` {}", message["error_code"]));
                told.reason = message["error"].to_string();
            }
            _ => {}
        }
        false
    }
}

/// Words whose times are in ms.
fn in_seconds(words: &Value) -> Value {
    let mut words = words.clone();
    for word in words.as_array_mut().unwrap() {
        for key in ["start", "end"] {
            word[key] = (word[key].as_f64().unwrap() / 1000.0).into();
        }
    }
    words
}

/// The words that have times.
fn timed(words: &Value) -> Value {
    words.as_array().unwrap().iter().filter(|word| word["start"].is_number()).cloned().collect()
}
