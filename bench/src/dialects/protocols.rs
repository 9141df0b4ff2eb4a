//! What a client of each protocol sends, prepared as bytes: one message before the audio, 20 ms of audio, one after it.

use crate::Done;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

/// A protocol, as a client uses it.
pub(super) struct Protocol {
    pub(super) name: &'static str,
    /// Path and query; none without HTTP.
    pub(super) path: Option<&'static str>,
    pub(super) opening: Vec<u8>,
    pub(super) frame: Vec<u8>,
    pub(super) ending: Vec<u8>,
    /// Part of the server's last answer.
    pub(super) last: &'static [u8],
    /// Why its cost cannot be that of the native protocol.
    pub(super) apart: Option<&'static str>,
}

pub(super) fn native() -> Done<Protocol> {
    Ok(Protocol {
        name: "native",
        path: Some("/v1/stream"),
        opening: text(&json!({"type": "start", "preset": "plain"}))?,
        frame: binary(&s16(&samples(320)))?,
        ending: text(&json!({"type": "finish"}))?,
        last: br#""done""#,
        apart: None,
    })
}

pub(super) fn others() -> Done<Vec<Protocol>> {
    Ok(vec![vosk()?, sherpa()?, whisper_live()?, deepgram()?, wyoming(), openai_realtime()?])
}

fn vosk() -> Done<Protocol> {
    Ok(Protocol {
        name: "vosk",
        path: Some("/vosk"),
        opening: text(&json!({"config": {"sample_rate": 16_000}}))?,
        ending: text(&json!({"eof": 1}))?,
        last: br#""text""#,
        apart: Some("its clients wait for an answer to every frame"),
        ..native()?
    })
}

fn sherpa() -> Done<Protocol> {
    Ok(Protocol {
        name: "sherpa",
        path: Some("/sherpa"),
        opening: Vec::new(),
        frame: binary(&f32(&samples(320)))?,
        ending: websocket_frame(0x81, b"Done")?,
        last: b"Done!",
        apart: None,
    })
}

fn whisper_live() -> Done<Protocol> {
    let options = json!({"uid": "bench", "language": "en", "task": "transcribe", "model": "plain", "use_vad": false});
    Ok(Protocol {
        name: "whisper-live",
        path: Some("/whisper-live"),
        opening: text(&options)?,
        frame: binary(&f32(&samples(320)))?,
        ending: binary(b"END_OF_AUDIO")?,
        // It says nothing, and closes.
        last: b"\x88\x02\x03\xe8",
        apart: None,
    })
}

fn deepgram() -> Done<Protocol> {
    Ok(Protocol {
        name: "deepgram",
        path: Some("/v1/listen?encoding=linear16&sample_rate=16000"),
        opening: Vec::new(),
        ending: text(&json!({"type": "CloseStream"}))?,
        last: br#""Metadata""#,
        ..native()?
    })
}

fn wyoming() -> Protocol {
    let format = json!({"rate": 16_000, "width": 2, "channels": 1});
    let event = |kind: &str, data: &Value, payload: &[u8]| {
        let data = data.to_string();
        let head = json!({"type": kind, "data_length": data.len(), "payload_length": payload.len()});
        [format!("{head}\n{data}").as_bytes(), payload].concat()
    };
    Protocol {
        name: "wyoming",
        path: None,
        opening: [event("transcribe", &json!({}), &[]), event("audio-start", &format, &[])].concat(),
        frame: event("audio-chunk", &format, &s16(&samples(320))),
        ending: event("audio-stop", &json!({}), &[]),
        last: br#""transcript""#,
        apart: None,
    }
}

fn openai_realtime() -> Done<Protocol> {
    // The rate that its clients send.
    let audio = BASE64_STANDARD.encode(s16(&samples(480)));
    let input = json!({"turn_detection": null, "format": {"type": "audio/pcm", "rate": 24_000},
        "transcription": {"model": "plain"}});
    Ok(Protocol {
        name: "openai-realtime",
        path: Some("/v1/realtime?intent=transcription"),
        opening: text(
            &json!({"type": "session.update", "session": {"type": "transcription", "audio": {"input": input}}}),
        )?,
        frame: text(&json!({"type": "input_audio_buffer.append", "audio": audio}))?,
        ending: text(&json!({"type": "input_audio_buffer.commit"}))?,
        last: b"input_audio_transcription.completed",
        apart: Some("audio of 24 kHz as base64 in JSON"),
    })
}

fn samples(count: i16) -> Vec<i16> {
    (0..count).map(|n| n * 50).collect()
}

fn s16(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

fn f32(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| (f32::from(*sample) / 32_768.0).to_le_bytes()).collect()
}

fn text(message: &Value) -> Done<Vec<u8>> {
    websocket_frame(0x81, message.to_string().as_bytes())
}

fn binary(content: &[u8]) -> Done<Vec<u8>> {
    websocket_frame(0x82, content)
}

/// A message of WebSocket (RFC 6455, 5.2) with the mask 0, which the server applies like any other.
pub(super) fn websocket_frame(first_byte: u8, content: &[u8]) -> Done<Vec<u8>> {
    let length = u16::try_from(content.len())?;
    let head = match u8::try_from(length) {
        Ok(short @ ..126) => vec![first_byte, 0x80 | short],
        _ => [&[first_byte, 0x80 | 126], &length.to_be_bytes()[..]].concat(),
    };
    Ok([&head, &[0; 4][..], content].concat())
}
