//! Wyoming's events for speech recognition: those that a client sends, and those of the server.
//!
//! Events of other kinds are ignored, as by Wyoming's own servers. Parsing never panics.

use super::frame::Frame;
use auricle_core::{AudioFormat, Encoding, Failure, FailureCode, FormatError};
use serde_json::{Map, Value, json};

/// An event is invalid.
#[derive(Debug, thiserror::Error)]
enum EventError {
    #[error("the field `{field}` of the event `{event}` must be {expected}")]
    Field { event: &'static str, field: &'static str, expected: &'static str },
    #[error("`width` is {0}: it must be from 1 to 4 bytes")]
    Width(u64),
    #[error("the audio cannot be read: {0}")]
    Format(#[from] FormatError),
    #[error("a chunk of {bytes} bytes is not a whole number of frames of {frame} bytes")]
    Cut { bytes: usize, frame: usize },
}

impl From<EventError> for Failure {
    fn from(error: EventError) -> Self {
        let code = match error {
            EventError::Field { .. } => FailureCode::BadMessage,
            _ => FailureCode::BadAudio,
        };
        Self::new(code, error)
    }
}

/// An event of a client.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientEvent {
    /// Asks for the models.
    Describe,
    /// Announces audio, and says how to transcribe it.
    Transcribe(Transcribe),
    /// The audio begins.
    AudioStart,
    /// Audio.
    AudioChunk(Chunk),
    /// The audio ends: asks for the transcript.
    AudioStop,
    /// Asks for a pong with the same text.
    Ping(Option<String>),
    /// An event of another kind.
    Other,
}

/// How audio is to be transcribed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transcribe {
    /// The model's name.
    pub name: Option<String>,
    /// The spoken language.
    pub language: Option<String>,
    /// Names that are likely to be spoken.
    pub names: Vec<String>,
    /// Terms that are likely to be spoken, less so than names.
    pub terms: Vec<String>,
    /// Fields without effect.
    pub ignored: Vec<&'static str>,
}

/// A chunk of audio, in samples that the server reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// The format of `bytes`.
    pub audio: AudioFormat,
    /// Whole frames.
    pub bytes: Vec<u8>,
}

impl ClientEvent {
    /// Reads an event.
    ///
    /// # Errors
    /// `bad_message` or `bad_audio`, with the field.
    pub fn parse(frame: Frame) -> Result<Self, Failure> {
        Ok(Self::read(frame)?)
    }

    fn read(frame: Frame) -> Result<Self, EventError> {
        Ok(match frame.kind.as_str() {
            "describe" => Self::Describe,
            "transcribe" => Self::Transcribe(Transcribe::read(&frame.data)?),
            "audio-start" => Self::AudioStart,
            "audio-chunk" => Self::AudioChunk(Chunk::read(&frame.data, frame.payload)?),
            "audio-stop" => Self::AudioStop,
            "ping" => Self::Ping(text(&frame.data, "ping", "text")?),
            _ => Self::Other,
        })
    }
}

impl Transcribe {
    fn read(data: &Map<String, Value>) -> Result<Self, EventError> {
        const EVENT: &str = "transcribe";
        let sensitivity = text(data, EVENT, "vad_sensitivity")?;
        let context = data.get("context").is_some_and(|context| !context.is_null());
        let ignored = [("vad_sensitivity", sensitivity.is_some_and(|value| value != "default")), ("context", context)];
        Ok(Self {
            name: text(data, EVENT, "name")?,
            language: text(data, EVENT, "language")?,
            names: list(data, EVENT, "transcript_names")?,
            terms: list(data, EVENT, "transcript_terms")?,
            ignored: ignored.into_iter().filter_map(|(name, is_set)| is_set.then_some(name)).collect(),
        })
    }
}

impl Chunk {
    fn read(data: &Map<String, Value>, payload: Vec<u8>) -> Result<Self, EventError> {
        let number = |field: &'static str| {
            let number = data.get(field).and_then(Value::as_u64);
            number.ok_or(EventError::Field { event: "audio-chunk", field, expected: "a whole number" })
        };
        let width = number("width")?;
        let encoding = match width {
            2 => Encoding::S16le,
            1 | 3 | 4 => Encoding::F32le,
            _ => return Err(EventError::Width(width)),
        };
        // Too large a number is out of range, too.
        let sample_rate = u32::try_from(number("rate")?).unwrap_or(u32::MAX);
        let channels = u16::try_from(number("channels")?).unwrap_or(u16::MAX);
        let audio = AudioFormat { encoding, sample_rate, channels, channel: None };
        audio.check()?;
        let (width, bytes) = (width as usize, payload.len());
        let frame = width * usize::from(channels);
        if bytes % frame > 0 {
            return Err(EventError::Cut { bytes, frame });
        }
        let bytes = match width {
            2 => payload,
            // Unsigned; 128 is silence.
            1 => payload.iter().flat_map(|byte| ((f32::from(*byte) - 128.0) / 128.0).to_le_bytes()).collect(),
            _ => payload.chunks_exact(width).flat_map(|sample| float(sample).to_le_bytes()).collect(),
        };
        Ok(Self { audio, bytes })
    }
}

/// Converts a signed, little-endian sample of up to four bytes.
fn float(sample: &[u8]) -> f32 {
    let mut bytes = [0; 4];
    bytes[4 - sample.len()..].copy_from_slice(sample);
    i32::from_le_bytes(bytes) as f32 / 2_147_483_648.0
}

fn text(data: &Map<String, Value>, event: &'static str, field: &'static str) -> Result<Option<String>, EventError> {
    match data.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(EventError::Field { event, field, expected: "a string" }),
    }
}

fn list(data: &Map<String, Value>, event: &'static str, field: &'static str) -> Result<Vec<String>, EventError> {
    let wrong = || EventError::Field { event, field, expected: "a list of strings" };
    match data.get(field) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(values)) => {
            values.iter().map(|value| value.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        Some(_) => Err(wrong()),
    }
}

/// The server's events.
impl Frame {
    /// The answer to a ping.
    pub fn pong(text: Option<String>) -> Self {
        object("pong", json!({"text": text}))
    }

    /// Text begins.
    pub fn transcript_start(language: Option<&str>) -> Self {
        object("transcript-start", language.map_or(json!({}), |language| json!({"language": language})))
    }

    /// A part of the text.
    pub fn transcript_chunk(text: &str) -> Self {
        object("transcript-chunk", json!({"text": text}))
    }

    /// The whole text.
    pub fn transcript(text: &str, language: Option<&str>) -> Self {
        let mut frame = object("transcript", json!({"text": text}));
        frame.data.extend(language.map(|language| ("language".to_owned(), language.into())));
        frame
    }

    /// The text is complete.
    pub fn transcript_stop() -> Self {
        object("transcript-stop", json!({}))
    }

    /// The failure because of which the server closes.
    pub fn error(failure: &Failure) -> Self {
        object("error", json!({"text": failure.message, "code": failure.code.for_clients().name()}))
    }
}

fn object(kind: &str, data: Value) -> Frame {
    let Value::Object(data) = data else { return Frame::new(kind, Map::new()) };
    Frame::new(kind, data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: &str, data: Value, payload: &[u8]) -> Result<ClientEvent, Failure> {
        ClientEvent::parse(Frame { payload: payload.to_vec(), ..object(kind, data) })
    }

    #[test]
    fn a_request_says_what_it_wants() {
        let asked = parse(
            "transcribe",
            json!({
                "name": "digits", "language": "en", "context": {"a": 1}, "vad_sensitivity": "relaxed",
                "transcript_names": ["Anna"], "transcript_terms": ["Auricle"], "more": 1,
            }),
            &[],
        );
        let expected = Transcribe {
            name: Some("digits".into()),
            language: Some("en".into()),
            names: vec!["Anna".into()],
            terms: vec!["Auricle".into()],
            ignored: vec!["vad_sensitivity", "context"],
        };
        assert_eq!(asked, Ok(ClientEvent::Transcribe(expected)));
        assert_eq!(parse("transcribe", json!({}), &[]), Ok(ClientEvent::Transcribe(Transcribe::default())));
        assert_eq!(parse("synthesize", json!({"text": "a"}), &[]), Ok(ClientEvent::Other));
        for (kind, data, problem) in [
            ("transcribe", json!({"name": 1}), "`name` of the event `transcribe` must be a string"),
            ("transcribe", json!({"transcript_terms": [1]}), "must be a list of strings"),
            ("audio-chunk", json!({"rate": 16_000, "width": 2}), "`channels`"),
            ("audio-chunk", json!({"rate": 16_000, "width": 5, "channels": 1}), "`width` is 5"),
            ("audio-chunk", json!({"rate": 1, "width": 2, "channels": 1}), "`sample_rate` is 1"),
            ("audio-chunk", json!({"rate": 16_000, "width": 2, "channels": 2}), "a chunk of 3 bytes"),
        ] {
            let failure = parse(kind, data, &[0; 3]).unwrap_err();
            assert!(failure.message.contains(problem), "{failure}");
        }
    }

    #[test]
    fn samples_of_any_width_are_read() {
        let chunk = |width: u64, payload: &[u8]| match parse(
            "audio-chunk",
            json!({"rate": 16_000, "width": width, "channels": 1}),
            payload,
        ) {
            Ok(ClientEvent::AudioChunk(chunk)) => chunk,
            other => panic!("{other:?}"),
        };
        assert_eq!(chunk(2, &[1, 2]).bytes, [1, 2]);
        for (width, payload) in [(1, &[0x80, 0xc0][..]), (3, &[0, 0, 0, 0, 0, 0x40]), (4, &[0, 0, 0, 0, 0, 0, 0, 0x40])]
        {
            let Chunk { audio, bytes } = chunk(width, payload);
            assert_eq!(audio.encoding, Encoding::F32le);
            assert_eq!(bytes, [0.0_f32, 0.5].map(f32::to_le_bytes).concat(), "{width}");
        }
    }

    #[test]
    fn a_failure_has_a_code_and_a_text() {
        let frame = Frame::error(&Failure::new(FailureCode::KeyStreams, "later"));
        assert_eq!(frame, object("error", json!({"text": "later", "code": "capacity"})));
    }
}
