//! The messages of moshi's clients.

use super::{Ask, Channels, NoPlace, Told, websocket::Script};
use serde_json::{Value, json};
use tungstenite::Message;

/// The marker in the middle, and that at the end.
const MIDDLE: i64 = 1;
const END: i64 = 2;

pub(super) struct Moshi;

fn packed(message: &Value) -> Message {
    Message::binary(rmp_serde::to_vec(message).unwrap())
}

impl Script for Moshi {
    fn path(&self, ask: &Ask<'_>) -> Result<String, NoPlace> {
        let has_place = ask.model.is_none() && ask.language.is_none() && ask.phrase.is_none();
        if !has_place || ask.channels != Channels::One {
            return Err(NoPlace);
        }
        Ok("/api/asr-streaming?sample_rate=16000".to_owned())
    }

    fn scheme(&self) -> &'static str {
        ""
    }

    fn key_header(&self) -> &'static str {
        "kyutai-api-key"
    }

    fn key_field(&self) -> &'static str {
        "auth_id"
    }

    fn audio(&mut self, audio: &[i16]) -> Vec<Message> {
        let packed = |piece: &[i16]| {
            let pcm: Vec<f32> = piece.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
            packed(&json!({"type": "Audio", "pcm": pcm}))
        };
        audio.chunks(1_920).map(packed).collect()
    }

    fn flush(&self) -> Option<Message> {
        Some(packed(&json!({"type": "Marker", "id": MIDDLE})))
    }

    fn babble(&self) -> Option<Message> {
        Some(Message::binary(b"babble".to_vec()))
    }

    fn end(&mut self) -> Vec<Message> {
        vec![packed(&json!({"type": "Marker", "id": END}))]
    }

    fn hear(&mut self, text: &str, _: &mut Told) -> bool {
        panic!("a text: {text}")
    }

    fn hear_bytes(&mut self, bytes: &[u8], told: &mut Told) -> bool {
        let message: Value = rmp_serde::from_slice(bytes).unwrap();
        match message["type"].as_str().unwrap() {
            "Word" => {
                let (text, start) =
                    (message["text"].as_str().unwrap().to_owned(), message["start_time"].as_f64().unwrap());
                told.finals.push((0, text.clone()));
                told.times.push((text, start, start));
            }
            "EndWord" => told.times.last_mut().unwrap().2 = message["stop_time"].as_f64().unwrap(),
            "Marker" if message["id"] == MIDDLE => told.flushed = Some(told.finals.len()),
            "Marker" => return message["id"] == END,
            "Error" => {
                let error = message["message"].as_str().unwrap();
                told.refused = Some(format!("`Error` `{}`", error.split(':').next().unwrap_or_default()));
                error.clone_into(&mut told.reason);
            }
            _ => {}
        }
        false
    }
}
