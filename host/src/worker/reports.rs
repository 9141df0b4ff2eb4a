//! Crash reports for the authors of engines: one file for each worker that died, the newest few kept.

use super::WorkerSpec;
use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

/// A call that was running.
#[derive(Debug, Clone)]
pub(super) struct CallNote {
    /// Which.
    pub(super) call: &'static str,
    /// For which stream.
    pub(super) stream: Arc<str>,
    /// How many samples its processor had heard before, since it was made.
    pub(super) heard: u64,
    /// How many this call brought.
    pub(super) brought: usize,
}

/// What is known of a death.
pub(super) struct Report<'a> {
    pub(super) spec: &'a WorkerSpec,
    pub(super) worker: u32,
    pub(super) how: &'a str,
    /// What the worker itself said.
    pub(super) what: String,
    pub(super) calls: Vec<CallNote>,
    /// Innermost first.
    pub(super) frames: Vec<String>,
    pub(super) printed: Vec<String>,
}

impl Report<'_> {
    /// For the log: in which calls.
    pub(super) fn during(&self) -> String {
        let mut names: Vec<_> = self.calls.iter().map(|note| note.call).collect();
        names.dedup();
        if names.is_empty() { "between calls".into() } else { format!("in {}", names.join(", ")) }
    }

    fn text(&self) -> String {
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
        for CallNote { call, stream, heard, brought } in calls {
            line(format_args!("call: {call} with {brought} samples after {heard}, stream {stream}"));
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

/// The directory of the reports.
#[derive(Debug)]
pub struct CrashReports {
    dir: PathBuf,
    keep: usize,
}

impl CrashReports {
    /// Keeps at most `keep` reports in `dir`, which is made when the first is written.
    pub fn new(dir: PathBuf, keep: usize) -> Self {
        Self { dir, keep }
    }

    /// Writes a report; returns its path.
    pub(super) fn write(&self, report: &Report<'_>) -> io::Result<PathBuf> {
        fs::create_dir_all(&self.dir)?;
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // Sorted by name they are sorted by time.
        let name = format!("crash-{:013}-{}-{}.txt", since.as_millis(), report.spec.backend, report.worker);
        let path = self.dir.join(name);
        fs::write(&path, report.text())?;
        self.remove_oldest()?;
        Ok(path)
    }

    fn remove_oldest(&self) -> io::Result<()> {
        let ours = |path: &Path| {
            path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"crash-"))
                && path.extension().is_some_and(|extension| extension == "txt")
        };
        let mut paths: Vec<_> =
            fs::read_dir(&self.dir)?.flatten().map(|entry| entry.path()).filter(|path| ours(path)).collect();
        paths.sort();
        let many = paths.len().saturating_sub(self.keep);
        paths.iter().take(many).try_for_each(fs::remove_file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Isolation, LoadSpec};
    use std::time::Duration;

    #[test]
    fn the_newest_are_kept_and_say_what_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let reports = Arc::new(CrashReports::new(dir.path().join("crashes"), 2));
        let load = LoadSpec {
            preset: "english".into(),
            fields: serde_json::Map::new(),
            isolation: Isolation::Process,
            lanes: 1,
            call_limit: Duration::MAX,
            load_limit: Duration::MAX,
            memory_limit: None,
            sandbox: true,
            reports: Arc::clone(&reports),
            metrics: Arc::default(),
        };
        let (path, plugin, backend) = ("x.so".into(), "x 1.0.0".into(), "x".into());
        let spec = WorkerSpec { plugin, path, resource_dirs: Vec::new(), backend, load };
        fs::create_dir(dir.path().join("crashes")).unwrap();
        fs::write(dir.path().join("crashes/notes.txt"), "not a report").unwrap();
        let written: Vec<_> = (0..4)
            .map(|worker| {
                let call = CallNote { call: "finish", stream: "abc".into(), heard: 32_000, brought: 7 };
                let (frames, printed) = (vec!["inner".into(), "outer".into()], vec!["last words".into()]);
                let report = Report {
                    spec: &spec,
                    worker,
                    how: "crashed",
                    what: "SIGBUS".into(),
                    calls: vec![call],
                    frames,
                    printed,
                };
                std::thread::sleep(Duration::from_millis(2));
                reports.write(&report).unwrap()
            })
            .collect();
        let kept: Vec<_> = written.iter().map(|path| path.exists()).collect();
        assert_eq!(kept, [false, false, true, true]);
        assert!(dir.path().join("crashes/notes.txt").exists());
        let text = fs::read_to_string(&written[3]).unwrap();
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
