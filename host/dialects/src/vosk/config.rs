//! `config` messages: the client's audio format and options, parsed as leniently as by vosk-server.
//!
//! vosk-server passes each value to Python's `float`, `int` or `bool`, so clients send numbers as strings and flags as
//! numbers. [`Options`] combines all messages of a connection. Once audio was received, the model and the phrases
//! cannot change.

use auricle_core::{Failure, FailureCode};
use serde::Serialize;
use serde_json::Value;

/// A `config` is invalid. `kind` is the type of the value that was sent.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum ConfigError {
    #[error("`config` is {kind}, not an object")]
    NoObject { kind: &'static str },
    #[error("`config.{key}` is {kind}, not a number")]
    NoNumber { key: &'static str, kind: &'static str },
    #[error("`config.sample_rate` is {0}, not a whole number of samples per second")]
    SampleRate(f64),
    #[error("`config.phrase_list` is {kind}, not a list of strings")]
    NoPhrases { kind: &'static str },
    #[error("`config.phrase_list` holds a value that is not a string")]
    NoText,
    #[error("`config.model` is {kind}, not a name")]
    NoModel { kind: &'static str },
}

/// One `config` message; a field is `None` if the message does not set it. Unknown keys are ignored.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Config {
    /// Sample rate in Hz.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
    /// Whether final texts include `result`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<bool>,
    /// Above 0, final texts are sent as alternatives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_alternatives: Option<u32>,
    /// Phrases that are likely to be spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phrase_list: Option<Vec<String>>,
    /// A name in `models` of the settings, or the name of a preset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl Config {
    /// Parses the value of `config`.
    pub(super) fn read(value: &Value) -> Result<Self, ConfigError> {
        let Value::Object(fields) = value else {
            return Err(ConfigError::NoObject { kind: kind(value) });
        };
        let number = |key: &'static str| {
            let read = |value| number(value).ok_or_else(|| ConfigError::NoNumber { key, kind: kind(value) });
            fields.get(key).map(read).transpose()
        };
        Ok(Self {
            sample_rate: number("sample_rate")?.map(rate).transpose()?,
            words: fields.get("words").map(truth),
            // Rounded towards zero; a negative number means 0.
            max_alternatives: number("max_alternatives")?.map(|most| most as u32),
            phrase_list: fields.get("phrase_list").map(phrases).transpose()?,
            model: fields.get("model").map(model).transpose()?,
        })
    }
}

/// Like Python's `float`.
fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(flag) => Some(f64::from(*flag)),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

fn rate(number: f64) -> Result<u32, ConfigError> {
    let whole = number as u32;
    let exact = number >= 1.0 && f64::from(whole) == number;
    exact.then_some(whole).ok_or(ConfigError::SampleRate(number))
}

/// Like Python's `bool`.
fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

fn phrases(value: &Value) -> Result<Vec<String>, ConfigError> {
    match value {
        Value::Array(phrases) => {
            let phrases: Option<_> = phrases.iter().map(|phrase| phrase.as_str().map(str::to_owned)).collect();
            phrases.ok_or(ConfigError::NoText)
        }
        // vosk-server only checks whether it is true.
        value if !truth(value) => Ok(Vec::new()),
        value => Err(ConfigError::NoPhrases { kind: kind(value) }),
    }
}

fn model(value: &Value) -> Result<String, ConfigError> {
    let name = value.as_str().map(str::to_owned);
    name.ok_or_else(|| ConfigError::NoModel { kind: kind(value) })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The options in effect on a connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Sample rate in Hz.
    pub sample_rate: u32,
    /// Whether final texts include `result`.
    pub words: bool,
    /// Whether final texts are sent as alternatives.
    pub alternatives: bool,
    /// Phrases that are likely to be spoken; may be empty.
    pub phrases: Vec<String>,
    /// The requested model; `None` for the default.
    pub model: Option<String>,
}

impl Default for Options {
    /// vosk-server's defaults.
    fn default() -> Self {
        Self { sample_rate: 8_000, words: true, alternatives: false, phrases: Vec::new(), model: None }
    }
}

impl Options {
    /// Applies a message. `opened` is whether audio was received, which opens the stream.
    ///
    /// # Errors
    /// `bad_message` if an open stream would need another model or other phrases.
    pub fn apply(&mut self, config: Config, opened: bool) -> Result<(), Failure> {
        let mut next = self.clone();
        let Config { sample_rate, words, max_alternatives, phrase_list, model } = config;
        next.sample_rate = sample_rate.unwrap_or(next.sample_rate);
        next.words = words.unwrap_or(next.words);
        next.alternatives = max_alternatives.map_or(next.alternatives, |most| most > 0);
        next.model = model.or(next.model);
        if let Some(phrases) = phrase_list {
            // The grammar's token for unknown words.
            next.phrases = phrases.into_iter().filter(|phrase| phrase != "[unk]").collect();
        }
        if opened && (&next.model, &next.phrases) != (&self.model, &self.phrases) {
            let message = "`model` and `phrase_list` cannot change during a stream: send them before the audio, or open a new connection";
            return Err(Failure::new(FailureCode::BadMessage, message));
        }
        *self = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_read_as_python_would() {
        for rate in [json!(16_000), json!(16_000.0), json!("16000"), json!(" 16000.0 "), json!(1.6e4)] {
            assert_eq!(Config::read(&json!({"sample_rate": rate})).unwrap().sample_rate, Some(16_000), "{rate}");
        }
        for (words, expected) in [
            (json!(0), false),
            (json!(1), true),
            (json!(false), false),
            (json!(true), true),
            (json!(0.0), false),
            (json!(""), false),
            (json!("false"), true),
            (json!(null), false),
            (json!([]), false),
            (json!([0]), true),
        ] {
            assert_eq!(Config::read(&json!({"words": words})).unwrap().words, Some(expected), "{words}");
        }
        for (most, expected) in [(json!(20), 20), (json!("3"), 3), (json!(2.9), 2), (json!(-1), 0), (json!(true), 1)] {
            assert_eq!(Config::read(&json!({"max_alternatives": most})).unwrap().max_alternatives, Some(expected));
        }
        for (list, expected) in
            [(json!(["a b", "[unk]"]), vec!["a b", "[unk]"]), (json!(null), vec![]), (json!(""), vec![])]
        {
            let expected: Vec<_> = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(Config::read(&json!({"phrase_list": list})).unwrap().phrase_list, Some(expected));
        }
        assert_eq!(Config::read(&json!({"unknown": 1})), Ok(Config::default()));
    }

    #[test]
    fn what_python_would_not_take_is_refused_by_its_name() {
        for (config, problem) in [
            (json!(null), "`config` is null, not an object"),
            (json!({"sample_rate": null}), "`config.sample_rate` is null, not a number"),
            (json!({"sample_rate": "16k"}), "`config.sample_rate` is a string, not a number"),
            (json!({"sample_rate": "nan"}), "`config.sample_rate` is a string, not a number"),
            (json!({"sample_rate": 0}), "`config.sample_rate` is 0, not a whole number of samples per second"),
            (
                json!({"sample_rate": 11025.5}),
                "`config.sample_rate` is 11025.5, not a whole number of samples per second",
            ),
            (json!({"max_alternatives": []}), "`config.max_alternatives` is a list, not a number"),
            (json!({"phrase_list": "one"}), "`config.phrase_list` is a string, not a list of strings"),
            (json!({"phrase_list": ["one", 2]}), "`config.phrase_list` holds a value that is not a string"),
            (json!({"model": 5}), "`config.model` is a number, not a name"),
        ] {
            assert_eq!(Config::read(&config).unwrap_err().to_string(), problem);
        }
    }

    #[test]
    fn messages_add_up_and_the_model_stays_once_there_is_audio() {
        let mut options = Options::default();
        let rate = |rate| Config { sample_rate: Some(rate), ..Config::default() };
        options.apply(rate(16_000), false).unwrap();
        let phrase_list = Some(vec!["one".into(), "[unk]".into()]);
        let more = Config { words: Some(false), max_alternatives: Some(2), phrase_list, ..Config::default() };
        options.apply(more.clone(), false).unwrap();
        let expected =
            Options { sample_rate: 16_000, words: false, alternatives: true, phrases: vec!["one".into()], model: None };
        assert_eq!(options, expected);
        options.apply(rate(16_000), true).unwrap();
        options.apply(more, true).unwrap();
        let model = Config { model: Some("other".into()), ..Config::default() };
        assert_eq!(options.apply(model, true).unwrap_err().code, FailureCode::BadMessage);
        assert_eq!(options, expected);
        options.apply(rate(8_000), true).unwrap();
        assert_eq!(options, Options { sample_rate: 8_000, ..expected });
    }
}
