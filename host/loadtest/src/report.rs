//! The result of a load test, as a table for people and as a document for programs.

use super::{Amount, Delays, Level, Load, Protocol};
use auricle_core::wording::count_with;
use serde::Serialize;
use std::fmt::Write;

/// The result of a load test, as written to a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The server's address.
    pub url: String,
    /// The server's protocol.
    pub protocol: Protocol,
    /// The preset or model.
    pub preset: Option<String>,
    /// The audio files.
    pub audio: Vec<String>,
    /// Length of the audio of each stream, in seconds.
    pub seconds: f64,
    /// Length of an audio frame, in milliseconds.
    pub frame_ms: f64,
    /// The bound on the 95th percentile of partial delays, in milliseconds.
    pub bound_ms: f64,
    /// Share of the words that may differ.
    pub tolerance: f64,
    /// Whether the test searched for the largest number of streams.
    pub searched: bool,
    /// The largest number of streams that was held; 0 for none.
    pub most_streams: usize,
    /// The levels, in the order in which they ran.
    pub levels: Vec<Level>,
}

impl Report {
    pub(super) fn new(load: &Load, most_streams: usize, levels: Vec<Level>) -> Self {
        Self {
            url: load.server.url.to_string(),
            protocol: load.protocol,
            preset: load.preset.clone(),
            audio: load.audio.iter().map(|path| path.display().to_string()).collect(),
            seconds: load.seconds.as_secs_f64(),
            frame_ms: load.frame.as_secs_f64() * 1000.0,
            bound_ms: load.bound_ms,
            tolerance: load.tolerance,
            searched: matches!(load.amount, Amount::Most(_)),
            most_streams,
            levels,
        }
    }

    /// The last line of the table.
    pub fn conclusion(&self) -> String {
        let Self { bound_ms, most_streams, .. } = self;
        match (self.searched, *most_streams) {
            (true, 0) => format!("no stream was held with p95 <= {bound_ms} ms"),
            (true, most) => {
                let held = count_with(most, "stream", ["was", "were"]);
                format!("{held} held with p95 <= {bound_ms} ms")
            }
            (false, _) => {
                let held = self.levels.iter().filter(|level| level.held).count();
                let levels = count_with(self.levels.len(), "level", ["was", "were"]);
                format!("{held} of {levels} held with p95 <= {bound_ms} ms")
            }
        }
    }
}

/// The header of the table.
pub fn head() -> String {
    let mut text = format!(
        "{:>7} | {:^31} | {:^13} | {:^22} | {:^11} |\n",
        "", "text delay, ms", "end to final", "server", "tool"
    );
    let _ = write!(
        text,
        "{:>7} | {:>6} {:>6} {:>6} {:>10} | {:>6} {:>6} | {:>6} {:>8} {:>6} | {:>5} {:>5} |",
        "streams", "p50", "p95", "p99", "p95 at end", "p50", "p95", "cores", "ms/s", "MiB", "cores", "late"
    );
    text
}

/// The table's line for a level.
pub fn line(level: &Level) -> String {
    let Level { streams, partial, late_p95_ms, end, server, tool, .. } = level;
    let mut text = format!(
        "{streams:>7} | {:>6.0} {:>6.0} {:>6.0} {late_p95_ms:>10.0} | {:>6.0} {:>6.0} | ",
        partial.p50_ms, partial.p95_ms, partial.p99_ms, end.p50_ms, end.p95_ms
    );
    let _ = match server {
        Some(server) => {
            write!(text, "{:>6.2} {:>8.2} {:>6.0} | ", server.cores, server.ms_per_stream_second, server.memory_mib)
        }
        None => write!(text, "{:>6} {:>8} {:>6} | ", "", "", ""),
    };
    let _ = write!(text, "{:>5.2} {:>5.1} | ", tool.cores, tool.late_p99_ms);
    if level.held {
        text.push_str("held");
    } else {
        text.push_str(&level.reasons.join("; "));
    }
    if let Some(spoken) = &level.spoken {
        let Delays { p50_ms, p95_ms, .. } = spoken.last_change;
        let _ = write!(
            text,
            "; words final after {:.2}, p95 {:.2} s; {:.1} % wrong",
            p50_ms / 1000.0,
            p95_ms / 1000.0,
            spoken.error_rate() * 100.0
        );
        if spoken.lost_at_end > 0 {
            let _ = write!(text, ", {} lost at the end", spoken.lost_at_end);
        }
    }
    if level.words.different > 0 && level.held {
        let _ = write!(text, ", {} of {} words differ", level.words.different, level.words.expected);
    }
    text
}
