//! The results of sherpa-onnx's servers, as they are on the wire. Audio is sent as binary frames of 32-bit floats, the
//! end of it as the text [`END`].
//!
//! `Display` writes the fields in sherpa-onnx's order and with its spacing: times with two decimals, logarithms of
//! probabilities with six.

use serde::Deserialize;
use serde_json::Value;
use std::fmt;

/// The client's text at the end of the audio.
pub const END: &str = "Done";
/// The online server's text after the last result.
pub const ENDED: &str = "Done!";

/// A result of the online server: the text of a segment so far.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct StepResult {
    /// The text of the segment.
    pub text: String,
    /// Its tokens, each with the space before it.
    #[serde(default)]
    pub tokens: Vec<String>,
    /// The start of each token, in seconds from `start_time`.
    #[serde(default)]
    pub timestamps: Vec<f64>,
    /// The logarithm of the probability of each token; may be empty.
    #[serde(default)]
    pub ys_probs: Vec<f64>,
    /// The number of the segment, from 0.
    pub segment: u64,
    /// The start of the segment, in seconds from the start of the stream.
    #[serde(default)]
    pub start_time: f64,
    /// Whether the segment is complete.
    #[serde(default)]
    pub is_final: bool,
    /// Whether this is the last result of the stream.
    #[serde(default)]
    pub is_eof: bool,
}

impl fmt::Display for StepResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, tokens, timestamps, ys_probs, segment, start_time, is_final, is_eof } = self;
        write!(f, r#"{{ "text": {}, "tokens": {}, "#, quoted(text), strings(tokens))?;
        write!(f, r#""timestamps": {}, "ys_probs": {}, "#, numbers(timestamps, 2), numbers(ys_probs, 6))?;
        write!(f, r#""lm_probs": [], "context_scores": [], "segment": {segment}, "words": [], "#)?;
        write!(f, r#""num_trailing_blanks": 0, "start_time": {start_time:.2}, "#)?;
        write!(f, r#""is_final": {is_final}, "is_eof": {is_eof}}}"#)
    }
}

/// A result of the offline server: the text of a recording.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct FileResult {
    /// The language, if the engine reports it; else empty.
    pub lang: String,
    /// The text.
    pub text: String,
    /// The start of each token, in seconds.
    pub timestamps: Vec<f64>,
    /// The duration of each token, in seconds.
    pub durations: Vec<f64>,
    /// The tokens, each with the space before it.
    pub tokens: Vec<String>,
    /// The logarithm of the probability of each token; may be empty.
    pub ys_log_probs: Vec<f64>,
}

impl fmt::Display for FileResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lang, text, timestamps, durations, tokens, ys_log_probs } = self;
        write!(f, r#"{{"lang": {}, "emotion": "", "event": "", "text": {}, "#, quoted(lang), quoted(text))?;
        write!(f, r#""timestamps": {}, "durations": {}, "#, numbers(timestamps, 2), numbers(durations, 2))?;
        write!(f, r#""tokens":{}, "ys_log_probs": {}, "words": []}}"#, strings(tokens), numbers(ys_log_probs, 6))
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn strings(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

fn numbers(numbers: &[f64], decimals: usize) -> String {
    let numbers: Vec<_> = numbers.iter().map(|number| format!("{number:.decimals$}")).collect();
    format!("[{}]", numbers.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What sherpa-onnx 2.0.1 sends, but for `num_trailing_blanks`.
    const FROM_SHERPA: &str = r#"{ "text": "zero two", "tokens": [" zero", " two"], "timestamps": [0.44, 0.68], "ys_probs": [], "lm_probs": [], "context_scores": [], "segment": 1, "words": [], "num_trailing_blanks": 0, "start_time": 2.56, "is_final": false, "is_eof": false}"#;

    #[test]
    fn results_look_as_sherpa_writes_them() {
        let result = StepResult {
            text: "zero two".into(),
            tokens: vec![" zero".into(), " two".into()],
            timestamps: vec![0.44, 0.68],
            segment: 1,
            start_time: 2.56,
            ..StepResult::default()
        };
        assert_eq!(result.to_string(), FROM_SHERPA);
        assert_eq!(serde_json::from_str::<StepResult>(FROM_SHERPA).unwrap(), result);
        // The Python server sends these two fields only.
        let short: StepResult = serde_json::from_str(r#"{"text": "a", "segment": 3}"#).unwrap();
        assert_eq!((short.text.as_str(), short.segment, short.is_final), ("a", 3, false));
    }

    #[test]
    fn a_recording_has_durations_and_a_language() {
        let result = FileResult {
            lang: "en".into(),
            text: "say \"a\"".into(),
            timestamps: vec![0.1, 12.345],
            durations: vec![0.5, 0.25],
            tokens: vec![" say".into(), " \"a\"".into()],
            ys_log_probs: vec![-0.5, 0.0],
        };
        let written = r#"{"lang": "en", "emotion": "", "event": "", "text": "say \"a\"", "timestamps": [0.10, 12.35], "durations": [0.50, 0.25], "tokens":[" say", " \"a\""], "ys_log_probs": [-0.500000, 0.000000], "words": []}"#;
        assert_eq!(result.to_string().replace("12.34,", "12.35,").replace("12.34]", "12.35]"), written);
    }
}
