//! The text of a stream as its results tell it: a line for each final text, and the text that may change.
//!
//! Invariants: a line never changes. In the mode `diff` the lines that a client has are those of the mode `full`. The oldest
//! lines are dropped, so that a result is bounded. No I/O.

use super::messages::{Front, Line, Mode, ServerMessage, State, Status, clock};
use auricle_plugin_api::Segment;
use std::collections::VecDeque;

/// Lines in a result.
const MOST_LINES: usize = 500;

/// The text of a stream.
#[derive(Default)]
pub(super) struct Transcript {
    mode: Mode,
    /// Samples of a second of times.
    rate: u32,
    lines: VecDeque<Line>,
    partial: String,
    /// End of the last text, in seconds.
    end: f64,
    /// Of the mode `diff`: the number of the last message, the lines that are new, and those that were dropped.
    seq: u64,
    fresh: usize,
    dropped: usize,
}

impl Transcript {
    pub(super) fn new(mode: Mode, rate: u32) -> Self {
        Self { mode, rate, ..Self::default() }
    }

    pub(super) fn partial(&mut self, text: &Segment) {
        self.partial = text.text().into_owned();
        self.end = self.end.max(self.seconds(text.end));
    }

    pub(super) fn segment(&mut self, text: &Segment, detected_language: Option<String>) {
        self.partial.clear();
        let (start, end) = (self.seconds(text.start), self.seconds(text.end));
        self.end = self.end.max(end);
        let (start, end) = (clock(start), clock(end));
        self.lines.push_back(Line { speaker: 1, text: Some(text.text().into_owned()), start, end, detected_language });
        self.fresh += 1;
        if self.lines.len() > MOST_LINES {
            self.lines.pop_front();
            self.dropped += 1;
        }
    }

    /// The next result. `received` and `processed` are seconds of audio.
    pub(super) fn result(&mut self, received: f64, processed: f64) -> String {
        let state = self.state(received, processed);
        let Self { lines, seq, fresh, dropped, .. } = self;
        let (fresh, dropped) = (std::mem::take(fresh), std::mem::take(dropped));
        *seq += 1;
        match (self.mode, *seq) {
            (Mode::Full, _) => Front { lines: lines.iter().cloned().collect(), state }.to_string(),
            (Mode::Diff, 1) => {
                let front = Front { lines: lines.iter().cloned().collect(), state };
                ServerMessage::Snapshot { seq: *seq, front }.to_string()
            }
            (Mode::Diff, _) => {
                let new_lines = lines.iter().skip(lines.len().saturating_sub(fresh)).cloned().collect();
                ServerMessage::Diff { seq: *seq, n_lines: lines.len(), lines_pruned: dropped, new_lines, state }
                    .to_string()
            }
        }
    }

    fn state(&self, received: f64, processed: f64) -> State {
        let rounded = |seconds: f64| (seconds.max(0.0) * 100.0).round() / 100.0;
        let has_text = !self.lines.is_empty() || !self.partial.is_empty();
        State {
            status: if has_text { Status::ActiveTranscription } else { Status::NoAudioDetected },
            buffer_transcription: self.partial.clone(),
            remaining_time_transcription: rounded(received - self.end),
            remaining_time_transcription_processing: rounded(received - processed),
            remaining_time_transcription_policy: rounded(processed.min(received) - self.end),
            ..State::default()
        }
    }

    fn seconds(&self, samples: u64) -> f64 {
        samples as f64 / f64::from(self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn text(start: u64, text: &str) -> Segment {
        Segment::new(start, start + 16_000, text)
    }

    /// What a client of the mode `diff` has after these messages, as the published client puts it together.
    fn together(messages: &[String]) -> Vec<Value> {
        let mut lines = Vec::new();
        for message in messages {
            let message: Value = serde_json::from_str(message).unwrap();
            let new = if message["type"] == "snapshot" { "lines" } else { "new_lines" };
            lines.drain(..message["lines_pruned"].as_u64().unwrap_or(0) as usize);
            lines.extend(message[new].as_array().into_iter().flatten().cloned());
            if message["type"] == "diff" {
                assert_eq!(message["n_lines"], lines.len());
            }
        }
        lines
    }

    #[test]
    fn differences_add_up_to_the_whole() {
        let [mut full, mut diff] = [Mode::Full, Mode::Diff].map(|mode| Transcript::new(mode, 16_000));
        let (mut last, mut messages) = (String::new(), Vec::new());
        for number in 0..2 * MOST_LINES as u64 {
            for transcript in [&mut full, &mut diff] {
                transcript.partial(&text(number * 16_000, "par"));
                transcript.segment(&text(number * 16_000, &number.to_string()), None);
            }
            // Several lines are new in some messages.
            if number % 3 == 0 {
                last = full.result(1.0, 1.0);
                messages.push(diff.result(1.0, 1.0));
            }
        }
        let last: Value = serde_json::from_str(&last).unwrap();
        assert_eq!(Value::from(together(&messages)), last["lines"]);
        assert_eq!(last["lines"].as_array().unwrap().len(), MOST_LINES);
        let first: Value = serde_json::from_str(&messages[0]).unwrap();
        assert_eq!((&first["type"], &first["seq"]), (&"snapshot".into(), &1.into()));
    }

    #[test]
    fn what_waits_is_told_apart() {
        let mut transcript = Transcript::new(Mode::Full, 16_000);
        let result: Value = serde_json::from_str(&transcript.result(0.5, 0.0)).unwrap();
        assert_eq!(
            (&result["status"], &result["remaining_time_transcription"]),
            (&"no_audio_detected".into(), &0.5.into())
        );
        transcript.partial(&text(0, "one"));
        let result: Value = serde_json::from_str(&transcript.result(3.0, 2.5)).unwrap();
        assert_eq!(
            (&result["status"], &result["buffer_transcription"]),
            (&"active_transcription".into(), &"one".into())
        );
        let remaining =
            ["", "_processing", "_policy"].map(|part| result[format!("remaining_time_transcription{part}")].as_f64());
        assert_eq!(remaining, [Some(2.0), Some(0.5), Some(1.5)]);
    }
}
