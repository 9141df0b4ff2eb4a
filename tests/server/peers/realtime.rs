//! The messages of OpenAI's protocol for live audio. The client ends the items.

use super::{Ask, Channels, NoPlace, Told, websocket::Script};
use auricle_tests::bytes;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::cell::Cell;
use tungstenite::Message;

/// Samples in a message.
const PIECE: usize = 3_200;

#[derive(Default)]
pub(super) struct Realtime {
    /// Items that the client has ended.
    commits: Cell<usize>,
    completed: usize,
    /// Whether the last item is ended.
    at_end: bool,
}

impl Realtime {
    fn commit(&self) -> Message {
        self.commits.set(self.commits.get() + 1);
        Message::text(r#"{"type": "input_audio_buffer.commit"}"#)
    }
}

impl Script for Realtime {
    fn path(&self, ask: &Ask<'_>) -> Result<String, NoPlace> {
        let is_one = ask.channels == Channels::One;
        if is_one { Ok("/v1/realtime?intent=transcription".to_owned()) } else { Err(NoPlace) }
    }

    fn offer(&self, key: &str) -> Option<String> {
        Some(format!("realtime, openai-insecure-api-key.{key}"))
    }

    fn hello(&self, ask: &Ask<'_>) -> Option<Message> {
        let mut transcription = json!({});
        for (field, value) in [("model", ask.model), ("language", ask.language), ("prompt", ask.phrase)] {
            if let Some(value) = value {
                transcription[field] = value.into();
            }
        }
        let format = json!({"type": "audio/pcm", "rate": 16_000});
        let input = json!({"format": format, "transcription": transcription, "turn_detection": null});
        let mut session = json!({"type": "transcription", "audio": {"input": input}});
        if ask.times {
            session["include"] = json!(["item.input_audio_transcription.logprobs"]);
        }
        Some(Message::text(json!({"type": "session.update", "session": session}).to_string()))
    }

    fn audio(&mut self, audio: &[i16]) -> Vec<Message> {
        let append = |piece: &[i16]| {
            let audio = BASE64_STANDARD.encode(bytes(piece));
            Message::text(json!({"type": "input_audio_buffer.append", "audio": audio}).to_string())
        };
        audio.chunks(PIECE).map(append).collect()
    }

    fn flush(&self) -> Option<Message> {
        Some(self.commit())
    }

    fn end(&mut self) -> Vec<Message> {
        self.at_end = true;
        vec![self.commit()]
    }

    fn hear(&mut self, text: &str, told: &mut Told) -> bool {
        let event: Value = serde_json::from_str(text).unwrap();
        match event["type"].as_str().unwrap() {
            "conversation.item.input_audio_transcription.completed" => {
                told.finals.push((0, event["transcript"].as_str().unwrap().to_owned()));
                told.confidences += event["logprobs"].as_array().map_or(0, Vec::len);
                self.completed += 1;
                told.flushed = Some(told.finals.len());
            }
            // An `error` and the end of the connection follow.
            "conversation.item.input_audio_transcription.failed" => {}
            // There was no audio.
            "error" if event["error"]["code"] == "input_audio_buffer_commit_empty" => self.completed += 1,
            "error" => {
                told.refused = Some(format!("`error` `{}`", event["error"]["code"].as_str().unwrap()));
                told.reason += event["error"]["message"].as_str().unwrap();
            }
            _ => {}
        }
        self.at_end && self.completed == self.commits.get()
    }
}
