//! Bulk transcription with a real NATS server: each file has one result, whoever is killed.

use crate::deepgram_recordings::wav_file;
use auricle_tests::{
    Host, Nats, PublishedClients, Setup, auricle, library, long, noise, output, printed, skip, tone_segments,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

const SAMPLES: usize = 20_000;

/// A server, a broker, a store, and files to submit.
struct Bulk {
    host: Host,
    nats: Nats,
    folder: TempDir,
}

impl Bulk {
    /// `None` without a NATS server.
    fn start() -> Option<Self> {
        let nats = Nats::start()?;
        // Each chunk takes a while, so that workers are killed in the middle of files.
        let slow = json!({"backend": "faulty", "fault": "sleep", "seconds": 0.03, "times": 1_000_000});
        let host = Setup::new()
            .plugin(&library("tone"))
            .plugin(&library("faulty"))
            .preset("tone", &json!({"backend": "tone"}))
            .preset("slow", &slow)
            .start();
        Some(Self { host, nats, folder: tempfile::tempdir().unwrap() })
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// Writes a recording; its path.
    fn recording(&self, seed: u32) -> String {
        let path = self.folder.path().join(format!("{seed}.wav"));
        fs::write(&path, wav_file(&noise(seed, SAMPLES), 1)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn command(&self, name: &str) -> Command {
        let mut command = auricle();
        command.arg(name).args(["--nats", &self.nats.url]);
        if name != "jobs" {
            command.arg("--store").arg(self.store());
        }
        command
    }

    fn submit(&self, preset: &str, files: &[String], args: &[&str]) -> Command {
        let mut command = self.command("submit");
        command.args(["--preset", preset]).args(files).args(args);
        command
    }

    fn worker(&self) -> Child {
        let mut command = self.command("work");
        command.args(["--url", self.host.address(), "--places", "3"]).stdin(Stdio::null());
        command.spawn().unwrap()
    }

    fn jobs(&self) -> Value {
        serde_json::from_str(&printed(output(self.command("jobs").arg("--json")))).unwrap()
    }

    fn results(&self) -> Vec<Value> {
        let read = |path: &Path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let Ok(entries) = fs::read_dir(self.store().join("results")) else { return Vec::new() };
        let paths = entries.map(|entry| entry.unwrap().path());
        // Other files are being written.
        paths.filter(|path| path.extension().is_some_and(|ext| ext == "json")).map(|path| read(&path)).collect()
    }
}

fn stop(mut worker: Child) {
    assert!(Command::new("kill").args(["-TERM", &worker.id().to_string()]).status().unwrap().success());
    assert!(worker.wait().unwrap().success());
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_file_has_one_result_whoever_is_killed() {
    let Some(mut bulk) = Bulk::start() else { return };
    let (count, kills) = if long() { (1_000, 50) } else { (40, 6) };
    let files: Vec<_> = (1..=count).map(|seed| bulk.recording(seed)).collect();
    printed(output(&mut bulk.submit("slow", &files, &[])));
    assert_eq!(bulk.jobs()["waiting"], count);
    for kill in 0..kills {
        let (mut worker, before) = (bulk.worker(), bulk.results().len());
        bulk.host.wait_for("some results", || bulk.results().len() > before + 1);
        worker.kill().unwrap();
        worker.wait().unwrap();
        if kill == kills / 2 {
            bulk.nats.restart();
        }
    }
    let worker = bulk.worker();
    // The files are known, and some are done already.
    let submitted = printed(output(&mut bulk.submit("slow", &files, &["--wait"])));
    let states: BTreeSet<_> = lines(&submitted).iter().map(|line| line["state"].to_string()).collect();
    assert!(states.contains("\"done\"") && !states.contains("\"queued\""), "{states:?}");
    stop(worker);
    let results = bulk.results();
    assert_eq!(results.len() as u32, count);
    for result in &results {
        let name = result["name"].as_str().unwrap();
        let seed: u32 = Path::new(name).file_stem().unwrap().to_str().unwrap().parse().unwrap();
        assert_eq!(result["text"], tone_segments(&noise(seed, SAMPLES), 16_000).join(" "), "{name}");
        assert_eq!(result["damaged_parts"], 0);
    }
    let jobs = bulk.jobs();
    assert_eq!((&jobs["waiting"], &jobs["running"], &jobs["dead"]), (&json!(0), &json!(0), &json!([])), "{jobs}");
}

#[test]
fn what_cannot_be_done_is_given_up_and_said() {
    let Some(bulk) = Bulk::start() else { return };
    let (good, bad) = (bulk.recording(1), bulk.folder.path().join("bad.wav"));
    fs::write(&bad, "not audio").unwrap();
    let files = [good, bad.to_str().unwrap().to_owned()];
    let worker = bulk.worker();
    let ran = output(&mut bulk.submit("tone", &files, &["--wait"]));
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(5), "{said}");
    assert!(said.contains("bad.wav was given up") && !said.contains("/tmp/.tmp/"), "{said}");
    let jobs = bulk.jobs();
    assert_eq!((jobs["dead"].as_array().unwrap().len(), &jobs["done"]), (1, &json!(1)));
    assert_eq!(jobs["dead"][0]["job"]["name"], files[1]);
    // It can be tried again, and one that is done is not done again.
    let again = lines(&String::from_utf8(output(&mut bulk.submit("tone", &files, &["--wait"])).stdout).unwrap());
    assert_eq!((&again[0]["state"], &again[1]["state"]), (&json!("done"), &json!("queued")));
    // Another preset is another result; an unknown one is the job's fault.
    let ran = output(&mut bulk.submit("none", &files[..1], &["--wait"]));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("unknown_preset"), "{ran:?}");
    stop(worker);
}

#[test]
fn what_cannot_be_reached_is_said() {
    let run = |args: &[&str]| {
        let ran = output(auricle().args(args));
        assert!(!ran.status.success());
        String::from_utf8_lossy(&ran.stderr).into_owned()
    };
    let said = run(&["jobs", "--nats", "nats://broker.example"]);
    assert!(said.contains("without TLS it must be on this machine; use tls://"), "{said}");
    let said = run(&["jobs", "--nats", "nats://127.0.0.1:1"]);
    assert!(said.contains("cannot connect to the broker nats://127.0.0.1:1"), "{said}");
    let said = run(&["work", "--nats", "nats://127.0.0.1:1", "--store", "ftp://x"]);
    assert!(said.contains("use s3://BUCKET/PREFIX or a folder"), "{said}");
}

/// Storage with the protocol of S3: the server of PyPI `moto`.
struct S3 {
    child: Child,
    port: u16,
}

impl S3 {
    fn start() -> Option<Self> {
        let program = PublishedClients("s3").environment()?.join("bin/moto_server");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(program);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
        Some(Self { child: command.spawn().unwrap(), port })
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    fn set(&self, command: &mut Command) {
        command.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret").env("AWS_REGION", "us-east-1");
        command.env("AWS_ENDPOINT", self.url("")).env("AWS_ALLOW_HTTP", "true");
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn audio_and_results_may_be_in_storage_like_s3() {
    if !long() {
        skip("storage like S3 is tried with --long");
        return;
    }
    let (Some(bulk), Some(s3)) = (Bulk::start(), S3::start()) else { return };
    bulk.host.wait_for("the storage", || ureq::put(s3.url("calls")).send_empty().is_ok());
    let audio = wav_file(&noise(1, SAMPLES), 1);
    ureq::put(s3.url("calls/talk.wav")).send(&audio[..]).unwrap();
    let command = |name: &str| {
        let mut command = auricle();
        s3.set(&mut command);
        command.arg(name).args(["--nats", &bulk.nats.url, "--store", "s3://calls/transcripts"]);
        command
    };
    let workers = [(); 2].map(|()| command("work").args(["--url", bulk.host.address()]).spawn().unwrap());
    let files = [bulk.recording(2), "s3://calls/talk.wav".to_owned()];
    let submit = || printed(output(command("submit").args(["--preset", "slow", "--wait"]).args(&files)));
    for state in ["queued", "done"] {
        let submitted = lines(&submit());
        for (line, seed) in submitted.iter().zip([2, 1]) {
            assert_eq!(line["state"], state);
            let path = line["result"].as_str().unwrap().strip_prefix("s3://").unwrap();
            let result: Value =
                serde_json::from_str(&ureq::get(s3.url(path)).call().unwrap().body_mut().read_to_string().unwrap())
                    .unwrap();
            assert_eq!(result["text"], tone_segments(&noise(seed, SAMPLES), 16_000).join(" "));
        }
    }
    workers.into_iter().for_each(stop);
}
