//! The crash report on a worker's death, for the author of its engine. Threads: any.

use super::WorkerSpec;
use std::{fmt::Write as _, sync::Arc, time::SystemTime};

/// A call that was running.
#[derive(Debug, Clone)]
pub(super) struct CallNote {
    /// The name of the call.
    pub(super) call: &'static str,
    /// The id of the stream, or of several in a batch.
    pub(super) stream: Arc<str>,
    /// The number of samples that were inserted into its processor before this call.
    pub(super) inserted: u64,
    /// The number of samples in this call.
    pub(super) brought: usize,
}

/// The facts of a death.
pub(super) struct Report<'a> {
    pub(super) spec: &'a WorkerSpec,
    pub(super) worker: u32,
    pub(super) how: &'a str,
    /// The worker's own report on the signal; empty if there is none.
    pub(super) what: String,
    pub(super) calls: Vec<CallNote>,
    /// Innermost first.
    pub(super) frames: Vec<String>,
    pub(super) printed: Vec<String>,
}

impl Report<'_> {
    /// The calls that were running, for the log.
    pub(super) fn during(&self) -> String {
        let mut names: Vec<_> = self.calls.iter().map(|note| note.call).collect();
        names.dedup();
        if names.is_empty() { "between calls".into() } else { format!("in {}", names.join(", ")) }
    }

    /// The report, in several lines.
    pub(super) fn text(&self) -> String {
        let Self { spec, worker, how, what, calls, frames, printed } = self;
        let time = humantime::format_rfc3339_seconds(SystemTime::now());
        let mut text = format!(
            "time: {time}\nplugin: {}\nbackend: {}\npreset: {}\nworker: process {worker}\nend: {how}\n",
            spec.plugin, spec.backend, spec.load.preset
        );
        let mut line = |line: std::fmt::Arguments<'_>| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{line}");
        };
        if !what.is_empty() {
            line(format_args!("signal: {what}"));
        }
        if calls.is_empty() {
            line(format_args!("call: none was running"));
        }
        for CallNote { call, stream, inserted, brought } in calls {
            line(format_args!("call: {call} with {brought} samples after {inserted}, stream {stream}"));
        }
        for (number, frame) in frames.iter().enumerate() {
            line(format_args!("{}{number:4}: {frame}", if number == 0 { "backtrace:\n" } else { "" }));
        }
        for (number, printed) in printed.iter().enumerate() {
            line(format_args!("{}  {printed}", if number == 0 { "printed last:\n" } else { "" }));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Isolation, LoadSpec, worker::CrashReports};
    use std::time::Duration;

    #[test]
    fn it_says_what_is_known() {
        let load = LoadSpec {
            preset: "english".into(),
            fields: serde_json::Map::new(),
            isolation: Isolation::Process,
            program: "auricle".into(),
            lanes: 1,
            call_limit: Duration::MAX,
            load_limit: Duration::MAX,
            memory_limit: None,
            sandbox: true,
            voice_gate: None,
            reports: Arc::new(CrashReports::new("crashes".into(), 2)),
            metrics: Arc::default(),
        };
        let (path, plugin, backend) = ("x.so".into(), "x 1.0.0".into(), "x".into());
        let spec = WorkerSpec {
            plugin,
            path,
            resource_dirs: Vec::new(),
            backend,
            named: Vec::new(),
            network: false,
            gpu: false,
            stages: Vec::new(),
            load,
        };
        let call = CallNote { call: "finish", stream: "abc".into(), inserted: 32_000, brought: 7 };
        let report = Report {
            spec: &spec,
            worker: 3,
            how: "crashed",
            what: "SIGBUS".into(),
            calls: vec![call],
            frames: vec!["inner".into(), "outer".into()],
            printed: vec!["last words".into()],
        };
        let text = report.text();
        for part in [
            "preset: english",
            "signal: SIGBUS",
            "finish with 7 samples after 32000, stream abc",
            "0: inner",
            "  last words",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
}
