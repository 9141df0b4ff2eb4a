//! The messages of a call, as JSON texts.
//!
//! Source: Twilio's media streams, and fastrtc 0.0.34, `websocket`.

use crate::{base64_text::decode, webrtc::Transcript};
use auricle_core::{AudioFormat, Encoding, Failure, FailureCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// A message of a client.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum ClientMessage {
    /// A call begins.
    Start(Start),
    /// Audio.
    Media {
        /// A piece of it.
        media: Media,
    },
    /// The call has ended.
    Stop,
    /// To be answered by `pong`.
    Ping,
    /// One that has no effect: `connected`, `mark`, `dtmf` and others.
    #[serde(other)]
    Other,
}

/// A call begins.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Start {
    /// The stream's id.
    #[serde(rename = "streamSid", alias = "websocket_id")]
    pub stream: String,
    /// What it is.
    #[serde(default)]
    start: Details,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(default)]
    media_format: Option<MediaFormat>,
    #[serde(default)]
    custom_parameters: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MediaFormat {
    encoding: String,
    sample_rate: u32,
}

/// A piece of audio.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Media {
    payload: String,
    /// Which side speaks; absent if there is one.
    #[serde(default)]
    track: Option<String>,
}

fn bad(message: &str) -> Failure {
    Failure::new(FailureCode::BadMessage, message)
}

impl ClientMessage {
    /// Reads a message.
    ///
    /// # Errors
    /// It is not JSON, or not a message of a call.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        serde_json::from_str(text).map_err(|problem| bad(&format!("not a message of a media stream: {problem}")))
    }
}

impl Start {
    /// The preset in the parameter `preset`.
    pub fn preset(&self) -> Option<&str> {
        self.start.custom_parameters.get("preset")?.as_str()
    }

    /// The format of the audio: mu-law at 8 kHz unless the message says otherwise.
    ///
    /// # Errors
    /// It is not supported.
    pub fn audio(&self) -> Result<AudioFormat, Failure> {
        let (encoding, sample_rate) = match &self.start.media_format {
            None => (Encoding::Mulaw, 8_000),
            Some(MediaFormat { encoding, sample_rate }) => (read_encoding(encoding)?, *sample_rate),
        };
        let audio = AudioFormat { encoding, sample_rate, channels: 1, channel: None };
        audio.check().map_err(|problem| bad(&format!("`mediaFormat`: {problem}")))?;
        Ok(audio)
    }
}

fn read_encoding(name: &str) -> Result<Encoding, Failure> {
    match name {
        "audio/x-mulaw" => Ok(Encoding::Mulaw),
        "audio/x-alaw" => Ok(Encoding::Alaw),
        "audio/x-l16" => Ok(Encoding::S16le),
        _ => {
            let known = "audio/x-mulaw, audio/x-alaw, audio/x-l16";
            let message =
                format!("the encoding of `mediaFormat` is `{name}`, which is not supported; supported: {known}");
            Err(Failure::new(FailureCode::InvalidOption, message))
        }
    }
}

impl Media {
    /// The bytes of the caller's audio. What the other side hears is none.
    ///
    /// # Errors
    /// It is not base64.
    pub fn audio(&self) -> Result<Vec<u8>, Failure> {
        if self.track.as_deref() == Some("outbound") {
            return Ok(Vec::new());
        }
        decode(&self.payload).map_err(|problem| bad(&format!("`payload` must be base64: {problem}")))
    }
}

/// A message of the server.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum ServerMessage {
    /// Answers `ping`.
    Pong,
    /// The text so far.
    Output {
        /// The stream's id.
        #[serde(rename = "streamSid")]
        stream: String,
        /// All of it.
        #[serde(flatten)]
        transcript: Transcript,
    },
}

impl fmt::Display for ServerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_twilio_sends_is_read() {
        let start = r#"{"event":"start","sequenceNumber":"1","start":{"accountSid":"AC","streamSid":"MZ1","callSid":"CA",
            "tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},
            "customParameters":{"preset":"english"}},"streamSid":"MZ1"}"#;
        let Ok(ClientMessage::Start(start)) = ClientMessage::parse(start) else { panic!("no start") };
        assert_eq!((&*start.stream, start.preset()), ("MZ1", Some("english")));
        let mulaw = AudioFormat { encoding: Encoding::Mulaw, sample_rate: 8_000, ..AudioFormat::default() };
        assert_eq!(start.audio(), Ok(mulaw));
        let media = |track: &str| {
            let text =
                format!(r#"{{"event":"media","media":{{"payload":"AAEC",{track}"chunk":"1"}},"streamSid":"MZ1"}}"#);
            match ClientMessage::parse(&text) {
                Ok(ClientMessage::Media { media }) => media.audio().unwrap(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(media(r#""track":"inbound","#), [0, 1, 2]);
        assert_eq!(media(""), [0, 1, 2]);
        assert!(media(r#""track":"outbound","#).is_empty());
        for text in [r#"{"event":"connected","protocol":"Call"}"#, r#"{"event":"mark","mark":{"name":"a"}}"#] {
            assert_eq!(ClientMessage::parse(text), Ok(ClientMessage::Other), "{text}");
        }
        assert_eq!(ClientMessage::parse(r#"{"event":"stop","stop":{"callSid":"CA"}}"#), Ok(ClientMessage::Stop));
        let of_fastrtc = ClientMessage::parse(r#"{"event":"start","websocket_id":"w"}"#);
        assert_eq!(of_fastrtc, Ok(ClientMessage::Start(Start { stream: "w".to_owned(), ..Start::default() })));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, problem) in [
            ("", "not a message of a media stream"),
            (r#"{"event":"start"}"#, "missing field `streamSid`"),
            (r#"{"event":"media","media":{}}"#, "missing field `payload`"),
        ] {
            let failure = ClientMessage::parse(text).unwrap_err();
            assert!(failure.message.contains(problem), "{failure}");
        }
        let of = |encoding: &str, rate: u32| {
            let format = MediaFormat { encoding: encoding.to_owned(), sample_rate: rate };
            let start = Details { media_format: Some(format), ..Details::default() };
            Start { start, ..Start::default() }.audio().unwrap_err().message
        };
        assert!(of("audio/opus", 48_000).contains("is `audio/opus`, which is not supported"));
        assert!(of("audio/x-mulaw", 1).starts_with("`mediaFormat`: `sample_rate` is 1"));
    }
}
