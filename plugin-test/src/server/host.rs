//! A running server with its directories and its HTTP routes.

use super::{Process, Setup, limit, setup::place};
use serde_json::Value;
use std::{
    fs,
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
    process::ExitStatus,
    thread,
    time::{Duration, Instant},
};

/// A running server with its own plugin directory, presets and settings; killed when dropped.
pub struct Host {
    process: Process,
    setup: Setup,
}

impl Deref for Host {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Host {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl Host {
    /// Waits until the server is ready.
    pub(super) fn new(process: Process, setup: Setup) -> Self {
        let host = Self { process, setup };
        // With TLS this needs the certificate.
        if host.scheme() == "http" {
            host.wait_for("readiness", || host.get("/readyz").0 == 200);
        }
        host
    }

    /// A path in the host's own directory: `plugins`, `resources`, `configs/presets`, `cache`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.setup.path(name)
    }

    /// Writes a preset, replacing it atomically.
    pub fn preset(&self, name: &str, text: &str) {
        let beside = self.path(&format!("{name}.json"));
        fs::write(&beside, text).unwrap();
        fs::rename(&beside, self.path(&format!("configs/presets/{name}.json"))).unwrap();
    }

    /// Adds a file or folder to the plugin directory as an operator would: copied beside it and then moved.
    pub fn drop_in(&self, source: &Path, name: &str) {
        let beside = self.path(&format!("incoming-{name}"));
        place(source, &beside);
        let target = self.path("plugins").join(name);
        if target.is_dir() {
            fs::remove_dir_all(&target).unwrap();
        }
        fs::rename(&beside, &target).unwrap();
    }

    /// Sends a GET request; returns status and body.
    pub fn get(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.address());
        let request = ureq::get(&url).config().http_status_as_error(false).timeout_global(Some(limit())).build();
        let mut answer =
            request.call().unwrap_or_else(|problem| panic!("{url}: {problem}; log of the host:\n{}", self.log()));
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    /// Sends a GET request; returns the JSON body.
    pub fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The entry of a file in `/v1/engines`, if there is one.
    pub fn file(&self, name: &str) -> Option<Value> {
        let report = self.json("/v1/engines");
        report["files"].as_array().unwrap().iter().find(|file| file["file"] == name).cloned()
    }

    /// Waits until the entry of a file in `/v1/engines` fulfils a condition, and returns it.
    pub fn wait_for_file(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.wait_for(name, || self.file(name).is_some_and(|file| wanted(&file)));
        self.file(name).unwrap()
    }

    /// The entry of a preset in `/v1/presets`, if there is one.
    pub fn preset_report(&self, name: &str) -> Option<Value> {
        let report = self.json("/v1/presets");
        report["presets"].as_array().unwrap().iter().find(|preset| preset["name"] == name).cloned()
    }

    /// Waits until the entry of a preset in `/v1/presets` fulfils a condition, and returns it.
    pub fn wait_for_preset(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.wait_for(name, || self.preset_report(name).is_some_and(|preset| wanted(&preset)));
        self.preset_report(name).unwrap()
    }

    /// Waits until a condition holds; fails with the host's log if that takes too long.
    pub fn wait_for(&self, what: &str, so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !so() {
            assert!(begun.elapsed() < limit(), "timeout while waiting for {what}; log of the host:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the only open stream has this much audio. What a client has sent is not what the server has read.
    pub fn wait_for_audio(&self, seconds: f64) {
        let heard = || self.json("/v1/streams")["streams"][0]["audio_seconds"].as_f64();
        self.wait_for(&format!("{seconds} s of audio"), || heard() == Some(seconds));
    }

    /// Waits until lines of the log contain all of these texts, and checks that there are `count` of them. What the
    /// server logs can be read a moment later than what it tells a client.
    pub fn wait_for_log(&self, texts: &[&str], count: usize) {
        self.wait_for(&format!("{count} lines of the log with {texts:?}"), || self.logged(texts) >= count);
        assert_eq!(self.logged(texts), count, "lines with {texts:?}; log of the host:\n{}", self.log());
    }

    /// The crash reports.
    pub fn crash_reports(&self) -> Vec<String> {
        let dir = fs::read_dir(self.path("cache/crashes"));
        let mut paths: Vec<_> = dir.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        paths.sort();
        paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }

    /// Starts another server in the same directories, after this one has ended.
    pub fn again(mut self) -> Self {
        self.wait();
        self.setup.clone().start()
    }

    /// Asks the server to stop and waits until it ends.
    pub fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }
}
