//! Results of a level: the numbers of all its streams, and whether it was held.
//!
//! A level is held if every stream got all of its text, and the 95th percentile of the partial delays is within the
//! bound, both over the whole run and over the last 30 % of each stream's audio. The latter detects a server that falls
//! behind slowly.

use super::{
    delays::Delays,
    reference::{Compared, Words},
    spoken::Spoken,
    stream::{Ending, StreamRun},
    usage::Usage,
};
use auricle_core::wording::count;
use serde::Serialize;
use std::collections::BTreeMap;

/// The share of a stream's audio that counts as its last part.
const LAST: f64 = 0.3;
/// If this tool sends frames later than this, the results are unreliable.
const LATE_MS: f64 = 20.0;

/// Results of a level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Level {
    /// Number of streams.
    pub streams: usize,
    /// Whether the level was held.
    pub held: bool,
    /// Reasons why it was not held.
    pub reasons: Vec<String>,
    /// Time from when the audio of a text was due to the text.
    pub partial: Delays,
    /// 95th percentile of the same over the last 30 % of the audio, in milliseconds.
    pub late_p95_ms: f64,
    /// Time from the end of the audio to the last final text.
    pub end: Delays,
    /// Streams that got no text, or did not end.
    pub lost: usize,
    /// Streams whose final text differs from the reference stream's.
    pub changed: usize,
    /// Words of the streams that ended normally.
    pub words: Words,
    /// Words compared with what was said, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spoken: Option<Spoken>,
    /// Number of refused streams, by reason.
    pub refused: BTreeMap<String, usize>,
    /// Number of failed streams, by reason.
    pub failed: BTreeMap<String, usize>,
    /// Usage of the server while all streams were open, if its process is known.
    pub server: Option<Server>,
    /// Usage of this program.
    pub tool: Tool,
}

/// Usage of the server and its child processes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Server {
    /// Busy processors.
    pub cores: f64,
    /// Processor time per second of a stream, in milliseconds.
    pub ms_per_stream_second: f64,
    /// Resident memory, in MiB.
    pub memory_mib: f64,
    /// Number of processes.
    pub processes: usize,
}

/// Usage of this program, and its delays.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Tool {
    /// Busy processors; 0 if the system does not report it.
    pub cores: f64,
    /// 99th percentile of the delays with which this program sent frames, without those caused by the server, in
    /// milliseconds.
    pub late_p99_ms: f64,
}

/// Requirements for a level to be held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    /// Bound on the 95th percentile of partial delays, in milliseconds.
    pub(super) milliseconds: f64,
    /// Share of words that may differ from the reference stream's.
    pub(super) tolerance: f64,
}

/// Usage at the start and end of the time in which all streams were open.
#[derive(Debug, Default)]
pub(super) struct Used {
    pub(super) server: Option<(Usage, Usage)>,
    pub(super) tool: Option<(Usage, Usage)>,
}

impl Level {
    /// Computes the results from the streams' runs, each with its comparison to the reference. `seconds` is the length
    /// of the audio, `frames` its number of frames.
    pub(super) fn of(runs: &[(StreamRun, Compared)], seconds: f64, frames: usize, used: &Used, bound: Bound) -> Self {
        let streams = runs.len();
        let last = ((1.0 - LAST) * frames as f64) as usize;
        let (mut all, mut late, mut ends, mut own) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut refused, mut failed) = (BTreeMap::new(), BTreeMap::new());
        let (mut lost, mut changed, mut words) = (0, 0, Words::default());
        for (run, compared) in runs {
            all.extend(compared.delays.iter().map(|(_, delay)| delay * 1000.0));
            late.extend(compared.delays.iter().filter(|(needed, _)| *needed > last).map(|(_, delay)| delay * 1000.0));
            own.extend(run.late.iter().map(|late| f64::from(*late) * 1000.0));
            match &run.end {
                Some(Ending::Refused(reason)) => *refused.entry(reason.clone()).or_default() += 1,
                Some(Ending::Failed(reason)) => *failed.entry(reason.clone()).or_default() += 1,
                None => {
                    ends.extend(run.finished.map(|at| (at - seconds).max(0.0) * 1000.0));
                    words.expected += compared.words.expected;
                    words.different += compared.words.different;
                    changed += usize::from(compared.words.different > 0);
                }
            }
            lost += usize::from(run.finished.is_none() || run.texts.is_empty());
        }
        let mut level = Self {
            streams,
            held: false,
            reasons: Vec::new(),
            partial: Delays::of(all),
            late_p95_ms: Delays::of(late).p95_ms,
            end: Delays::of(ends),
            lost,
            changed,
            words,
            spoken: Spoken::of(runs.iter().map(|(_, compared)| &compared.heard)),
            refused,
            failed,
            server: used.server.as_ref().map(|(before, after)| {
                let cores = after.cores_since(before);
                let (memory_mib, processes) = (after.memory as f64 / f64::from(1 << 20), after.processes);
                Server { cores, ms_per_stream_second: cores * 1000.0 / streams as f64, memory_mib, processes }
            }),
            tool: Tool {
                cores: used.tool.as_ref().map_or(0.0, |(before, after)| after.cores_since(before)),
                late_p99_ms: Delays::of(own).p99_ms,
            },
        };
        level.reasons = level.judge(bound);
        level.held = level.reasons.is_empty();
        level
    }

    /// The reasons why the level is not held.
    fn judge(&self, bound: Bound) -> Vec<String> {
        let mut reasons = Vec::new();
        let Bound { milliseconds, tolerance } = bound;
        for (reason, refused) in self.refused.iter().chain(&self.failed) {
            reasons.push(format!("{refused} of {}: {reason}", count(self.streams, "stream")));
        }
        if self.partial.p95_ms > milliseconds {
            reasons.push(format!("p95 {:.0} ms", self.partial.p95_ms));
        } else if self.late_p95_ms > milliseconds {
            reasons.push(format!("p95 of the last 30 % {:.0} ms", self.late_p95_ms));
        }
        // Without reference streams no words are expected.
        let compared = self.words != Words::default();
        if self.partial.count == 0 && self.lost < self.streams && compared {
            reasons.push("no text matches the reference stream".into());
        }
        let broken = self.refused.values().chain(self.failed.values()).sum::<usize>();
        if self.lost > broken {
            reasons.push(format!("{} got no text", count(self.lost - broken, "stream")));
        }
        let Words { expected, different } = self.words;
        if different as f64 > expected as f64 * tolerance {
            reasons.push(format!("{different} of {expected} words differ, in {}", count(self.changed, "stream")));
        }
        reasons
    }

    /// Whether this program sent so late that the results are unreliable.
    pub fn tool_was_late(&self) -> bool {
        self.tool.late_p99_ms > LATE_MS
    }
}

#[cfg(test)]
mod tests {
    use super::{super::stream::TimedText, *};

    const BOUND: Bound = Bound { milliseconds: 500.0, tolerance: 0.0 };

    /// A stream of ten frames of one second, whose texts have these delays.
    fn stream(delays: &[f64], different: usize) -> (StreamRun, Compared) {
        let texts = vec![TimedText { at: 1.0, sent: 1, text: "a".into() }];
        let run = StreamRun { texts, finished: Some(10.25), ..StreamRun::default() };
        let delays = delays.iter().enumerate().map(|(n, delay)| (n + 1, *delay)).collect();
        (run, Compared { delays, words: Words { expected: 10, different }, ..Compared::default() })
    }

    fn level(runs: &[(StreamRun, Compared)], bound: Bound) -> Level {
        Level::of(runs, 10.0, 10, &Used::default(), bound)
    }

    #[test]
    fn numbers_are_of_all_streams() {
        let runs = [stream(&[0.1; 9], 0), stream(&[0.2, 0.2, 0.3], 0)];
        let level = level(&runs, BOUND);
        assert!(level.held, "{level:?}");
        let end = Delays { count: 2, p50_ms: 250.0, p95_ms: 250.0, p99_ms: 250.0, max_ms: 250.0 };
        assert_eq!(
            (level.partial.count, level.partial.p50_ms, level.partial.max_ms, level.end),
            (12, 100.0, 300.0, end)
        );
        assert_eq!(level.late_p95_ms, 100.0);
    }

    #[test]
    fn a_server_that_falls_behind_in_the_end_has_not_held() {
        // The many small delays keep the overall percentile low.
        let mut runs = vec![stream(&[0.1; 7], 0); 50];
        assert!(level(&runs, BOUND).held);
        runs.push(stream(&[0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.9, 0.9], 0));
        let level = level(&runs, BOUND);
        assert!(level.partial.p95_ms < 500.0);
        assert_eq!(level.reasons, ["p95 of the last 30 % 900 ms"]);
    }

    #[test]
    fn what_is_lost_changed_or_refused_breaks_a_level() {
        assert_eq!(level(&[stream(&[0.6], 0)], BOUND).reasons, ["p95 600 ms"]);
        assert_eq!(level(&[stream(&[0.1], 1)], BOUND).reasons, ["1 of 10 words differ, in 1 stream"]);
        assert!(level(&[stream(&[0.1], 1)], Bound { tolerance: 0.1, ..BOUND }).held);
        let refused = StreamRun { end: Some(Ending::Refused("full".into())), ..StreamRun::default() };
        let result = level(&[stream(&[0.1], 0), (refused, Compared::default())], BOUND);
        assert_eq!(
            (result.reasons, result.lost, result.refused["full"]),
            (vec!["1 of 2 streams: full".to_owned()], 1, 1)
        );
        let silent = StreamRun { finished: Some(10.1), ..StreamRun::default() };
        assert_eq!(level(&[(silent, Compared::default())], BOUND).reasons, ["1 stream got no text"]);
    }
}
