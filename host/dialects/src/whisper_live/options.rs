//! The first message of a WhisperLive client: what it wants.
//!
//! Invariant: what would change the text and cannot be done is an error; what only concerns how WhisperLive finds the
//! ends of segments is listed in [`Options::ignored`]; unknown keys are ignored. Parsing never panics.

use auricle_core::{
    AudioFormat, Encoding, Failure, FailureCode,
    wording::{ParseError, from_json},
};
use serde_json::{Map, Value};

/// The segments in a message, if the client does not say how many.
const LAST_SEGMENTS: usize = 10;
/// More segments than this are not repeated.
const MOST_SEGMENTS: usize = 100;

/// The options are invalid, or cannot be done.
#[derive(Debug, thiserror::Error)]
enum OptionsError {
    #[error("the first message must be a JSON object with the options: it is {0}")]
    NoJson(ParseError),
    #[error("`{key}` must be {expected}")]
    Kind { key: &'static str, expected: &'static str },
    #[error("`audio_format` is `{0}`: it must be float32, int16 or uint8")]
    AudioFormat(String),
    #[error("`task` is `{0}`: it must be transcribe or translate")]
    Task(String),
    #[error("`{0}` is not supported; connect without it")]
    Unsupported(&'static str),
}

impl From<OptionsError> for Failure {
    fn from(error: OptionsError) -> Self {
        let code = match &error {
            OptionsError::Unsupported(_) => FailureCode::InvalidOption,
            _ => FailureCode::BadMessage,
        };
        Self::new(code, error)
    }
}

/// The samples of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Samples {
    /// 32-bit floats.
    #[default]
    Float32,
    /// 16-bit integers.
    Int16,
    /// Unsigned bytes; 128 is silence.
    Uint8,
}

impl Samples {
    /// The format in which the samples are passed on. Bytes become 16-bit integers.
    pub fn audio(self) -> AudioFormat {
        let encoding = match self {
            Self::Float32 => Encoding::F32le,
            Self::Int16 | Self::Uint8 => Encoding::S16le,
        };
        AudioFormat { encoding, sample_rate: 16_000, channels: 1, channel: None }
    }
}

/// The options in effect.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// The spoken language; `None` to detect it.
    pub language: Option<String>,
    /// Whether the text is to be in English, whatever is spoken.
    pub translates: bool,
    /// The model's name.
    pub model: Option<String>,
    /// The samples of the audio.
    pub samples: Samples,
    /// The most segments in a message, 1 to 100.
    pub last_segments: usize,
    /// Whether segments have words.
    pub words: bool,
    /// Phrases that are likely to be spoken.
    pub hotwords: Vec<String>,
    /// Text before the audio.
    pub prompt: String,
    /// Keys without effect whose values are not the defaults.
    pub ignored: Vec<&'static str>,
}

/// A first message.
#[derive(Debug)]
pub struct Hello {
    /// The id that every message to the client has.
    pub uid: Value,
    /// Its options.
    pub options: Result<Options, Failure>,
}

impl Hello {
    /// Reads the first message.
    ///
    /// # Errors
    /// `bad_message`: it is not a JSON object.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let fields: Map<String, Value> = from_json(text).map_err(OptionsError::NoJson)?;
        let uid = fields.get("uid").cloned().unwrap_or_default();
        Ok(Self { uid, options: Options::read(&fields).map_err(Failure::from) })
    }
}

impl Options {
    fn read(fields: &Map<String, Value>) -> Result<Self, OptionsError> {
        let get = |key: &str| fields.get(key).filter(|value| !value.is_null());
        let text = |key: &'static str| match get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)),
            Some(_) => Err(OptionsError::Kind { key, expected: "a string or null" }),
        };
        let flag = |key: &'static str| match get(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(OptionsError::Kind { key, expected: "true or false" }),
        };
        for key in ["enable_translation", "enable_diarization"] {
            if flag(key)? == Some(true) {
                return Err(OptionsError::Unsupported(key));
            }
        }
        if get("known_speakers").is_some_and(|known| !is_empty(known)) {
            return Err(OptionsError::Unsupported("known_speakers"));
        }
        let translates = match text("task")?.as_deref() {
            None | Some("transcribe") => false,
            Some("translate") => true,
            Some(other) => return Err(OptionsError::Task(other.to_owned())),
        };
        let samples = match text("audio_format")?.as_deref() {
            None | Some("float32") => Samples::Float32,
            Some("int16") => Samples::Int16,
            Some("uint8") => Samples::Uint8,
            Some(other) => return Err(OptionsError::AudioFormat(other.to_owned())),
        };
        let last_segments = match get("send_last_n_segments") {
            None => LAST_SEGMENTS,
            Some(number) => match number.as_u64() {
                Some(number) => usize::try_from(number).unwrap_or(MOST_SEGMENTS).clamp(1, MOST_SEGMENTS),
                None => {
                    let expected = "a whole number, 1 or more";
                    return Err(OptionsError::Kind { key: "send_last_n_segments", expected });
                }
            },
        };
        let model = text("model")?;
        // WhisperLive's models for English only are named so.
        let english = model.as_ref().is_some_and(|model| model.ends_with(".en"));
        Ok(Self {
            language: if english { Some("en".to_owned()) } else { text("language")? },
            translates,
            model,
            samples,
            last_segments,
            words: flag("word_timestamps")?.unwrap_or_default(),
            hotwords: text("hotwords")?.map(|text| phrases(&text)).unwrap_or_default(),
            prompt: text("initial_prompt")?.unwrap_or_default(),
            ignored: ignored(fields),
        })
    }
}

/// Phrases between commas, or else the whole text.
fn phrases(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|phrase| !phrase.is_empty()).map(str::to_owned).collect()
}

/// The keys without effect whose values are not WhisperLive's defaults.
fn ignored(fields: &Map<String, Value>) -> Vec<&'static str> {
    let is = |key: &str, default: &dyn Fn(&Value) -> bool| {
        fields.get(key).is_none_or(|value| value.is_null() || default(value))
    };
    let number = |wanted: f64| move |value: &Value| value.as_f64() == Some(wanted);
    let defaults = [
        ("use_vad", is("use_vad", &|value| value != &Value::Bool(false))),
        ("no_speech_thresh", is("no_speech_thresh", &number(0.45))),
        ("clip_audio", is("clip_audio", &|value| value != &Value::Bool(true))),
        ("same_output_threshold", is("same_output_threshold", &number(10.0))),
        ("vad_parameters", is("vad_parameters", &is_empty)),
    ];
    defaults.into_iter().filter(|(_, is_default)| !is_default).map(|(key, _)| key).collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> Result<Options, Failure> {
        Hello::parse(&value.to_string()).unwrap().options
    }

    #[test]
    fn what_the_published_client_sends_is_read() {
        let hello = json!({
            "uid": "u", "language": null, "task": "transcribe", "model": "small", "use_vad": true,
            "send_last_n_segments": 10, "no_speech_thresh": 0.45, "clip_audio": false, "same_output_threshold": 10,
            "enable_translation": false, "target_language": "fr", "hotwords": null, "enable_diarization": false,
            "max_speakers": 10, "known_speakers": [], "word_timestamps": false, "initial_prompt": null,
            "vad_parameters": null,
        });
        let expected = Options { model: Some("small".into()), last_segments: 10, ..Options::default() };
        assert_eq!(read(&hello), Ok(expected));
        let short = json!({"uid": 7, "language": "de", "task": "translate", "model": "tiny.en", "use_vad": false});
        assert_eq!(Hello::parse(&short.to_string()).unwrap().uid, 7);
        let options = read(&short).unwrap();
        assert_eq!((options.language.as_deref(), options.translates), (Some("en"), true));
        assert_eq!(options.ignored, ["use_vad"]);
    }

    #[test]
    fn options_are_told_apart() {
        let options = read(&json!({
            "audio_format": "uint8", "hotwords": "Auricle, Zipformer ,", "initial_prompt": " A talk. ", "word_timestamps": true,
            "send_last_n_segments": 0, "clip_audio": true, "no_speech_thresh": 0.5, "vad_parameters": {"threshold": 0.2},
            "same_output_threshold": 3, "more": [1],
        }))
        .unwrap();
        assert_eq!((options.samples, options.words, options.last_segments), (Samples::Uint8, true, 1));
        assert_eq!(
            (options.hotwords, options.prompt),
            (vec!["Auricle".to_owned(), "Zipformer".into()], "A talk.".into())
        );
        assert_eq!(options.ignored, ["no_speech_thresh", "clip_audio", "same_output_threshold", "vad_parameters"]);
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (value, code, problem) in [
            (json!({"enable_translation": true}), FailureCode::InvalidOption, "`enable_translation` is not supported"),
            (json!({"enable_diarization": true}), FailureCode::InvalidOption, "`enable_diarization`"),
            (json!({"known_speakers": [{"name": "a"}]}), FailureCode::InvalidOption, "`known_speakers`"),
            (json!({"audio_format": "int8"}), FailureCode::BadMessage, "`audio_format` is `int8`"),
            (json!({"task": "sing"}), FailureCode::BadMessage, "`task` is `sing`"),
            (json!({"language": 1}), FailureCode::BadMessage, "`language` must be a string or null"),
            (json!({"send_last_n_segments": -1}), FailureCode::BadMessage, "whole number"),
        ] {
            let failure = read(&value).unwrap_err();
            assert!(failure.code == code && failure.message.contains(problem), "{failure}");
        }
        for text in ["", "[]", "END_OF_AUDIO", "{\"uid\": \"a\nb\"}"] {
            let failure = Hello::parse(text).unwrap_err();
            assert!(
                failure.code == FailureCode::BadMessage && !failure.message.contains(char::is_control),
                "{failure}"
            );
        }
    }
}
