//! The messages of a telephone service.

use super::{Ask, Channels, NoPlace, Told, scripts::json_of, websocket::Script};
use auricle_tests::bytes;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tungstenite::Message;

pub(super) struct Telephone;

fn message(message: &Value) -> Message {
    Message::text(message.to_string())
}

impl Script for Telephone {
    fn path(&self, ask: &Ask<'_>) -> Result<String, NoPlace> {
        let has_place = ask.language.is_none() && ask.phrase.is_none() && ask.channels == Channels::One;
        if has_place { Ok("/telephone/handler".to_owned()) } else { Err(NoPlace) }
    }

    fn hello(&self, ask: &Ask<'_>) -> Option<Message> {
        let format = json!({"encoding": "audio/x-l16", "sampleRate": 16_000, "channels": 1});
        let parameters = ask.model.map_or(json!({}), |preset| json!({"preset": preset}));
        let start =
            json!({"streamSid": "MZ1", "tracks": ["inbound"], "mediaFormat": format, "customParameters": parameters});
        Some(message(&json!({"event": "start", "sequenceNumber": "1", "start": start, "streamSid": "MZ1"})))
    }

    fn audio(&mut self, audio: &[i16]) -> Vec<Message> {
        let media = |piece: &[i16]| {
            let payload = BASE64_STANDARD.encode(bytes(piece));
            message(&json!({"event": "media", "media": {"track": "inbound", "payload": payload}, "streamSid": "MZ1"}))
        };
        audio.chunks(1_600).map(media).collect()
    }

    fn keep_alive(&self) -> Option<Message> {
        Some(message(&json!({"event": "ping"})))
    }

    fn end(&mut self) -> Vec<Message> {
        vec![message(&json!({"event": "stop", "streamSid": "MZ1"}))]
    }

    fn hear(&mut self, text: &str, told: &mut Told) -> bool {
        let message = json_of(text);
        match message["event"].as_str() {
            Some("pong") => told.kept_alive = true,
            // All texts are repeated.
            Some("output") => {
                let segments = message["segments"].as_array().unwrap();
                told.finals = segments.iter().map(|text| (0, text["text"].as_str().unwrap().to_owned())).collect();
            }
            _ => {
                told.refused = Some(format!("`failed` `{}`", message["meta"]["error"].as_str().unwrap()));
                told.reason = message["meta"]["message"].to_string();
            }
        }
        false
    }
}
