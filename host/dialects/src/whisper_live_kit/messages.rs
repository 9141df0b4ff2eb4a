//! The server's messages of WhisperLiveKit's protocol. Clients send only audio.
//!
//! Source: PyPI whisperlivekit 0.2.26, `basic_server`, `timed_objects` and `diff_protocol`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A message with a type. Results of the mode `full` have none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// The first message.
    Config {
        /// Whether audio must be 16-bit samples; else it may be in any container.
        #[serde(rename = "useAudioWorklet")]
        samples: bool,
        /// How results are sent; earlier versions do not say it.
        #[serde(default)]
        mode: Mode,
    },
    /// The first result of the mode `diff`.
    Snapshot {
        /// From 1.
        seq: u64,
        /// The result.
        #[serde(flatten)]
        front: Front,
    },
    /// A further result of the mode `diff`.
    Diff {
        /// One more than that of the message before.
        seq: u64,
        /// Number of lines after it.
        n_lines: usize,
        /// Lines to remove from the beginning.
        #[serde(default, skip_serializing_if = "is_zero")]
        lines_pruned: usize,
        /// Lines to append.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        new_lines: Vec<Line>,
        /// What is not in a line.
        #[serde(flatten)]
        state: State,
    },
    /// All text was sent.
    ReadyToStop,
    /// The stream failed.
    Error {
        /// Why.
        error: String,
    },
}

/// How results are sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Each with all lines.
    #[default]
    Full,
    /// Each with what is new.
    Diff,
}

/// A result.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Front {
    /// All lines.
    #[serde(default)]
    pub lines: Vec<Line>,
    /// What is not in a line.
    #[serde(flatten)]
    pub state: State,
}

/// A final text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// From 1; -2 for silence.
    pub speaker: i64,
    /// `None` in silence.
    pub text: Option<String>,
    /// As `0:00:01.54`.
    pub start: String,
    /// As `start`.
    pub end: String,
    /// The language, if it was detected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detected_language: Option<String>,
}

/// What is not in a line.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Whether there is text.
    #[serde(default)]
    pub status: Status,
    /// Text that may change.
    #[serde(default)]
    pub buffer_transcription: String,
    /// Text without a speaker.
    #[serde(default)]
    pub buffer_diarization: String,
    /// Text of the translation that may change.
    #[serde(default)]
    pub buffer_translation: String,
    /// Seconds of audio that have no text yet.
    #[serde(default)]
    pub remaining_time_transcription: f64,
    /// Those that the engine has not processed.
    #[serde(default)]
    pub remaining_time_transcription_processing: f64,
    /// Those that it has processed, for which it waits.
    #[serde(default)]
    pub remaining_time_transcription_policy: f64,
    /// Seconds of audio without a speaker.
    #[serde(default)]
    pub remaining_time_diarization: f64,
    /// Why the stream failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// Whether there is text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// There is.
    ActiveTranscription,
    /// There is none yet.
    #[default]
    NoAudioDetected,
    /// The stream failed.
    Error,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl fmt::Display for ServerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Display for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

/// A time as lines have it: hours, minutes, and seconds with two decimals.
pub fn clock(seconds: f64) -> String {
    let hundredths = (seconds * 100.0).round() as u64;
    let (seconds, minutes, hours) = (hundredths / 100 % 60, hundredths / 6_000 % 60, hundredths / 360_000);
    format!("{hours}:{minutes:02}:{seconds:02}.{:02}", hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_hours_and_hundredths() {
        assert_eq!([0.0, 1.539, 59.999, 3_725.25].map(clock), ["0:00:00.00", "0:00:01.54", "0:01:00.00", "1:02:05.25"]);
    }

    #[test]
    fn messages_have_the_published_form() {
        let config = ServerMessage::Config { samples: true, mode: Mode::Diff };
        assert_eq!(config.to_string(), r#"{"type":"config","useAudioWorklet":true,"mode":"diff"}"#);
        assert_eq!(ServerMessage::ReadyToStop.to_string(), r#"{"type":"ready_to_stop"}"#);
        let line =
            Line { speaker: 1, text: Some("One.".into()), start: clock(0.0), end: clock(1.0), detected_language: None };
        let front = Front {
            lines: vec![line.clone()],
            state: State { status: Status::ActiveTranscription, ..State::default() },
        };
        let written = r#"{"lines":[{"speaker":1,"text":"One.","start":"0:00:00.00","end":"0:00:01.00"}],"status":"active_transcription","buffer_transcription":"","buffer_diarization":"","buffer_translation":"","remaining_time_transcription":0.0,"remaining_time_transcription_processing":0.0,"remaining_time_transcription_policy":0.0,"remaining_time_diarization":0.0}"#;
        assert_eq!(front.to_string(), written);
        let diff =
            ServerMessage::Diff { seq: 2, n_lines: 1, lines_pruned: 0, new_lines: vec![line], state: State::default() };
        assert!(diff.to_string().starts_with(r#"{"type":"diff","seq":2,"n_lines":1,"new_lines":[{"#), "{diff}");
        assert_eq!(serde_json::from_str::<ServerMessage>(&diff.to_string()).unwrap(), diff);
    }
}
