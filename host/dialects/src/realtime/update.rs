//! Reads the changes in `session.update` and `transcription_session.update`.
//!
//! Invariant: only what is named changes, and `null` sets it to its default. A parameter that changes which words or data
//! come out, and cannot be done, is an error; one that only polishes the result is named in [`Config::ignored`]; an
//! unknown one is an error, as in OpenAI's service. Both forms of a session are read in both messages.

use super::{
    config::{Config, G711_RATE, LOGPROBS, PCM_RATE, Transcription},
    detection::{Eagerness, TurnDetection},
};
use crate::openai::Problem;
use auricle_core::{AudioFormat, Encoding, Failure, FailureCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

impl Config {
    /// Applies the changes in a session.
    ///
    /// # Errors
    /// The first parameter that is invalid or cannot be done. Some changes may be applied then.
    pub fn apply(&mut self, session: &Map<String, Value>) -> Result<(), Problem> {
        for (name, value) in session {
            match name.as_str() {
                "type" if value == "transcription" => {}
                "type" => return Err(Problem::invalid("session.type", "must be `transcription`")),
                "audio" => self.audio(value)?,
                "include" => self.include(value)?,
                "input_audio_format" => self.audio = beta_format(value)?,
                "input_audio_transcription" => self.transcription("session.input_audio_transcription", value)?,
                "input_audio_noise_reduction" => self.noise_reduction(value),
                "turn_detection" => self.turn_detection("session.turn_detection", value)?,
                // What the server has told, and what OpenAI's libraries may add to the form of the beta.
                "id" | "object" | "expires_at" | "modalities" | "client_secret" => {}
                other => return Err(unknown("session", other)),
            }
        }
        Ok(())
    }

    fn audio(&mut self, value: &Value) -> Result<(), Problem> {
        let Some(audio) = object("session.audio", value)? else { return Ok(()) };
        for (name, value) in audio {
            match name.as_str() {
                "input" => self.input(value)?,
                other => return Err(unknown("session.audio", other)),
            }
        }
        Ok(())
    }

    fn input(&mut self, value: &Value) -> Result<(), Problem> {
        const PATH: &str = "session.audio.input";
        let Some(input) = object(PATH, value)? else { return Ok(()) };
        for (name, value) in input {
            match name.as_str() {
                "format" => self.audio = format(self.audio, value)?,
                "transcription" => self.transcription("session.audio.input.transcription", value)?,
                "noise_reduction" => self.noise_reduction(value),
                "turn_detection" => self.turn_detection("session.audio.input.turn_detection", value)?,
                other => return Err(unknown(PATH, other)),
            }
        }
        Ok(())
    }

    fn transcription(&mut self, path: &'static str, value: &Value) -> Result<(), Problem> {
        let Some(fields) = object(path, value)? else {
            self.transcription = Transcription::default();
            return Ok(());
        };
        for (name, value) in fields {
            let wanted = &mut self.transcription;
            match name.as_str() {
                "model" => wanted.model = text(path, name, value)?,
                "language" => wanted.language = text(path, name, value)?,
                "languages" => match texts(path, name, value)?.as_slice() {
                    [] => wanted.language = None,
                    [language] => wanted.language = Some(language.clone()),
                    _ => {
                        let message = "`languages` has several: an engine takes one language, or detects it";
                        return Err(Problem::unsupported(path, message));
                    }
                },
                "prompt" => wanted.prompt = text(path, name, value)?.unwrap_or_default(),
                "keywords" => wanted.keywords = texts(path, name, value)?,
                "delay" => self.ignore("transcription.delay", value, &Value::Null),
                other => return Err(unknown(path, other)),
            }
        }
        Ok(())
    }

    fn turn_detection(&mut self, path: &'static str, value: &Value) -> Result<(), Problem> {
        let Some(fields) = object(path, value)? else {
            self.turn_detection = Some(TurnDetection::Off);
            return Ok(());
        };
        let (mut is_semantic, mut silence, mut eagerness) = (false, None, Eagerness::default());
        for (name, value) in fields {
            match name.as_str() {
                "type" if value == "server_vad" => {}
                "type" if value == "semantic_vad" => is_semantic = true,
                "type" => {
                    return Err(Problem::invalid(path, "has `type`, which must be `server_vad` or `semantic_vad`"));
                }
                "threshold" => self.ignore("turn_detection.threshold", value, &json!(0.5)),
                "prefix_padding_ms" => self.ignore("turn_detection.prefix_padding_ms", value, &json!(300)),
                "silence_duration_ms" => {
                    silence = value.as_u64().map(|silence| u32::try_from(silence).unwrap_or(u32::MAX));
                    if silence.is_none() && !value.is_null() {
                        return Err(Problem::invalid(path, "has `silence_duration_ms`, which must be a whole number"));
                    }
                }
                "eagerness" if value.is_null() => {}
                "eagerness" => {
                    let problem = "has `eagerness`, which must be `low`, `medium`, `high` or `auto`";
                    eagerness = Eagerness::deserialize(value).map_err(|_| Problem::invalid(path, problem))?;
                }
                // They concern the answers of a conversation.
                "create_response" | "interrupt_response" | "idle_timeout_ms" => {}
                other => return Err(unknown(path, other)),
            }
        }
        self.turn_detection =
            Some(if is_semantic { TurnDetection::Meaning(eagerness) } else { TurnDetection::Silence(silence) });
        Ok(())
    }

    fn noise_reduction(&mut self, value: &Value) {
        self.ignore("noise_reduction", value, &Value::Null);
    }

    fn include(&mut self, value: &Value) -> Result<(), Problem> {
        let included = texts("session", "include", value)?;
        if let Some(other) = included.iter().find(|name| *name != LOGPROBS) {
            return Err(Problem::invalid("session.include", format!("has `{other}`: it may have only `{LOGPROBS}`")));
        }
        self.logprobs = !included.is_empty();
        Ok(())
    }

    /// Notes a parameter without effect, unless its value is the default.
    fn ignore(&mut self, name: &'static str, value: &Value, default: &Value) {
        if !value.is_null() && value != default && !self.ignored.contains(&name) {
            self.ignored.push(name);
        }
    }
}

fn unknown(path: &'static str, name: &str) -> Problem {
    let failure = Failure::new(FailureCode::InvalidOption, format!("`{path}` has no parameter `{name}`"));
    Problem { failure, param: Some(path), code: Some("unknown_parameter") }
}

/// An object; `None` if it is `null`.
fn object<'a>(path: &'static str, value: &'a Value) -> Result<Option<&'a Map<String, Value>>, Problem> {
    match value {
        Value::Null => Ok(None),
        Value::Object(fields) => Ok(Some(fields)),
        _ => Err(Problem::invalid(path, "must be an object or null")),
    }
}

/// A text; `None` if it is empty or `null`.
fn text(path: &'static str, name: &str, value: &Value) -> Result<Option<String>, Problem> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)),
        _ => Err(Problem::invalid(path, format!("has `{name}`, which must be a string or null"))),
    }
}

/// A list of texts, without empty ones.
fn texts(path: &'static str, name: &str, value: &Value) -> Result<Vec<String>, Problem> {
    let invalid = || Problem::invalid(path, format!("has `{name}`, which must be a list of strings or null"));
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(list) => {
            let list = list.iter().map(|value| text(path, name, value).map_err(|_| invalid()));
            list.filter_map(Result::transpose).collect()
        }
        _ => Err(invalid()),
    }
}

/// The format in the current form: what it does not name stays.
fn format(current: AudioFormat, value: &Value) -> Result<AudioFormat, Problem> {
    const PATH: &str = "session.audio.input.format";
    let Some(fields) = object(PATH, value)? else { return Ok(Config::default().audio) };
    let (mut audio, mut rate) = (current, None);
    for (name, value) in fields {
        match name.as_str() {
            "type" => {
                let kind = text(PATH, name, value)?;
                let encoding = match kind.as_deref() {
                    None | Some("audio/pcm") => Encoding::S16le,
                    Some("audio/pcmu") => Encoding::Mulaw,
                    Some("audio/pcma") => Encoding::Alaw,
                    Some(other) => {
                        let problem = format!("has `type` `{other}`: it must be audio/pcm, audio/pcmu or audio/pcma");
                        return Err(Problem::invalid(PATH, problem));
                    }
                };
                if encoding != audio.encoding {
                    audio = of(encoding);
                }
            }
            "rate" => {
                rate = value.as_u64().and_then(|rate| u32::try_from(rate).ok());
                if rate.is_none() && !value.is_null() {
                    return Err(Problem::invalid(PATH, "has `rate`, which must be a whole number"));
                }
            }
            other => return Err(unknown(PATH, other)),
        }
    }
    audio.sample_rate = rate.unwrap_or(audio.sample_rate);
    audio.check().map_err(|problem| Problem::invalid(PATH, format!("cannot be used: {problem}")))?;
    Ok(audio)
}

fn beta_format(value: &Value) -> Result<AudioFormat, Problem> {
    match value {
        Value::Null => Ok(Config::default().audio),
        value if value == "pcm16" => Ok(of(Encoding::S16le)),
        value if value == "g711_ulaw" => Ok(of(Encoding::Mulaw)),
        value if value == "g711_alaw" => Ok(of(Encoding::Alaw)),
        _ => Err(Problem::invalid("session.input_audio_format", "must be pcm16, g711_ulaw or g711_alaw")),
    }
}

/// The format of an encoding, at its usual rate.
fn of(encoding: Encoding) -> AudioFormat {
    let sample_rate = if encoding == Encoding::S16le { PCM_RATE } else { G711_RATE };
    AudioFormat { encoding, sample_rate, ..AudioFormat::default() }
}

#[cfg(test)]
mod tests;
