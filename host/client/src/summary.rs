//! Timings and counts of one stream, collected while it runs.

use super::stream::Event;
use auricle_core::wording::count;
use serde::Serialize;
use std::fmt;
use tokio::time::Instant;

/// A stream's timings and counts. Milliseconds are by the client's clock.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// Length of the audio sent.
    pub audio_seconds: f64,
    /// Time from the first audio sent to the end.
    pub wall_seconds: f64,
    /// Wall time divided by audio time; `None` if no audio was sent.
    pub real_time_factor: Option<f64>,
    /// Time from connecting to `ready`.
    pub ready_ms: Option<f64>,
    /// Length of the audio sent when the first partial arrived.
    pub first_partial_audio_ms: Option<f64>,
    /// Time from the first audio sent to the first partial.
    pub first_partial_wall_ms: Option<f64>,
    /// Time from the end of the audio to the last segment; negative if the segment arrived before.
    pub last_segment_ms: Option<f64>,
    /// Time from the end of the audio to `done`.
    pub done_ms: Option<f64>,
    /// Segments received.
    pub segments: u64,
    /// Partials received.
    pub partials: u64,
    /// The longest lag that the server reported.
    pub lag_seconds: f64,
    /// Length of the audio that the server reported as lost.
    pub lost_seconds: f64,
    /// Damaged parts of the file that were skipped.
    pub damaged: u64,
}

/// Builds a summary, event by event.
#[derive(Debug)]
pub(super) struct Meter {
    connecting: Instant,
    begun: Option<Instant>,
    audio_ended: Option<Instant>,
    last_segment: Option<Instant>,
    done: Option<Instant>,
    summary: Summary,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self {
            connecting: Instant::now(),
            begun: None,
            audio_ended: None,
            last_segment: None,
            done: None,
            summary: Summary::default(),
        }
    }

    /// The first audio is about to be sent.
    pub(super) fn begin(&mut self) {
        self.begun = Some(Instant::now());
    }

    /// Sets the length of the audio sent so far.
    pub(super) fn sent(&mut self, seconds: f64) {
        self.summary.audio_seconds = seconds;
    }

    /// The last audio was sent at `at`.
    pub(super) fn audio_ended(&mut self, at: Instant) {
        self.audio_ended = Some(at);
    }

    /// A part of the file was skipped.
    pub(super) fn damage(&mut self) {
        self.summary.damaged += 1;
    }

    /// Number of parts skipped so far.
    pub(super) fn damaged(&self) -> u64 {
        self.summary.damaged
    }

    /// Counts an event that arrived now.
    pub(super) fn event(&mut self, event: &Event) {
        let now = Instant::now();
        let summary = &mut self.summary;
        match event {
            // The first.
            Event::Ready(_) => {
                summary.ready_ms.get_or_insert(milliseconds(self.connecting, now));
            }
            Event::Partial(_) => {
                if summary.partials == 0 {
                    summary.first_partial_audio_ms = Some(summary.audio_seconds * 1000.0);
                    summary.first_partial_wall_ms = self.begun.map(|begun| milliseconds(begun, now));
                }
                summary.partials += 1;
            }
            Event::Segment(_) => {
                summary.segments += 1;
                self.last_segment = Some(now);
            }
            Event::Lag { seconds } => summary.lag_seconds = summary.lag_seconds.max(*seconds),
            Event::Gap { start, end } => summary.lost_seconds += end - start,
            Event::Done { .. } => self.done = Some(now),
            _ => {}
        }
    }

    /// The summary at the end of the session.
    pub(super) fn summary(self) -> Summary {
        let end = self.done.unwrap_or_else(Instant::now);
        let wall_seconds = self.begun.map_or(0.0, |begun| milliseconds(begun, end) / 1000.0);
        let audio = self.summary.audio_seconds;
        let after_audio = |at: Option<Instant>| Some(milliseconds(self.audio_ended?, at?));
        Summary {
            wall_seconds,
            real_time_factor: (audio > 0.0).then(|| wall_seconds / audio),
            last_segment_ms: after_audio(self.last_segment),
            done_ms: after_audio(self.done),
            ..self.summary
        }
    }
}

/// Time between two moments; negative if `to` is earlier.
fn milliseconds(from: Instant, to: Instant) -> f64 {
    let forth = to.saturating_duration_since(from);
    let back = from.saturating_duration_since(to);
    (forth.as_secs_f64() - back.as_secs_f64()) * 1000.0
}

impl fmt::Display for Summary {
    /// A few lines of text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} s of audio in {:.2} s", self.audio_seconds, self.wall_seconds)?;
        if let Some(factor) = self.real_time_factor {
            write!(f, " (real-time factor {factor:.3})")?;
        }
        if let Some(ready) = self.ready_ms {
            write!(f, ", ready after {ready:.0} ms")?;
        }
        write!(f, "\n{}, {}", count(self.segments, "segment"), count(self.partials, "partial"))?;
        if let (Some(audio), Some(wall)) = (self.first_partial_audio_ms, self.first_partial_wall_ms) {
            write!(f, "; first partial after {audio:.0} ms of audio (wall time {wall:.0} ms)")?;
        }
        if let Some(last) = self.last_segment_ms {
            let when = if last < 0.0 { "before" } else { "after" };
            write!(f, "; last segment {:.0} ms {when} the end of the audio", last.abs())?;
        }
        if self.lag_seconds > 0.0 {
            write!(f, "\nthe server was up to {:.1} s behind", self.lag_seconds)?;
        }
        if self.lost_seconds > 0.0 {
            write!(f, "\nthe server lost {:.1} s of audio", self.lost_seconds)?;
        }
        if self.damaged > 0 {
            write!(f, "\n{} of the file skipped", count(self.damaged, "damaged part"))?;
        }
        Ok(())
    }
}
