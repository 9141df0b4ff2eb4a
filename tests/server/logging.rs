//! A log whose reader does not read, or whose disk is full, loses lines; nothing else is affected.

#![cfg(unix)]

use auricle_tests::{Client, Host, Setup, bytes, library, noise, tone_segments};
use serde_json::{Value, json};
use std::{
    fs::{self, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    os::unix::process::ExitStatusExt,
    process::Stdio,
};

fn setup() -> Setup {
    let faulty = |isolation: &str| json!({"backend": "faulty", "host": {"open": ["fault", "after_chunks", "times"], "isolation": isolation}});
    Setup::new()
        .plugin(&library("tone"))
        .plugin(&library("faulty"))
        .preset("tone", &json!({"backend": "tone"}))
        .preset("faulty", &faulty("process"))
        .preset("inside", &faulty("in-process"))
        .log("trace")
}

fn start(setup: Setup, stderr: impl Into<Stdio>) -> Host {
    let command = setup.command();
    setup.start_with(command, stderr)
}

fn hear(host: &Host, preset: &str, options: &Value) {
    let audio = noise(1, 32_000);
    let mut client = Client::open(host, preset, json!({"options": options}));
    client.audio_in_frames(&bytes(&audio), 3_200);
    assert_eq!(client.finish(), tone_segments(&audio, 16_000));
}

fn lines_dropped(host: &Host) -> bool {
    host.get("/metrics").1.contains("auricle_log_lines_dropped_total{level=\"trace\"}")
}

/// Streams until lines of the log were dropped, and a little further; then the host stops normally.
fn assert_serves_without_a_log(mut host: Host) {
    let mut streams = 0;
    while streams < 3 || !lines_dropped(&host) {
        hear(&host, "tone", &json!({}));
        // The engine's standard output goes to the log too.
        hear(&host, "faulty", &json!({"fault": "print", "after_chunks": 3}));
        assert_eq!(host.get("/readyz").0, 200);
        streams += 1;
        assert!(streams < 1_000, "no line was dropped");
    }
    host.signal("TERM");
    let status = host.wait();
    assert_eq!(status.code(), Some(0), "{status}");
}

/// A pipe that is full, or will be after a few lines, because nobody reads.
fn stuck_pipe() -> (io::PipeReader, io::PipeWriter) {
    let (reader, mut writer) = io::pipe().unwrap();
    // The size of a pipe on Linux.
    writer.write_all(&b"{}\n".repeat((64 << 10) / 3)).unwrap();
    (reader, writer)
}

#[test]
fn a_reader_of_the_log_that_goes_away_ends_nothing() {
    let (reader, writer) = io::pipe().unwrap();
    let host = start(setup(), writer);
    hear(&host, "tone", &json!({}));
    drop(reader);
    assert_serves_without_a_log(host);
}

#[test]
fn a_full_disk_ends_nothing() {
    if let Ok(full) = OpenOptions::new().write(true).open("/dev/full") {
        assert_serves_without_a_log(start(setup(), full));
    }
}

#[test]
fn a_directory_of_crash_reports_that_cannot_be_written_ends_nothing() {
    let setup = setup().settings("crash_reports = \"../file\"");
    fs::write(setup.path("file"), "not a directory").unwrap();
    let host = setup.start();
    hear(&host, "faulty", &json!({"fault": "sigsegv", "after_chunks": 15}));
    host.wait_for_log(&["a worker crashed (SIGSEGV)", "no report: "], 1);
    hear(&host, "faulty", &json!({}));
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let (_reader, writer) = stuck_pipe();
    assert_serves_without_a_log(start(setup(), writer));
}

#[test]
fn a_reader_that_comes_back_hears_how_much_it_missed() {
    let (reader, writer) = stuck_pipe();
    let setup = setup();
    let mut command = setup.command();
    command.args(["--log-format", "json"]);
    let host = setup.start_with(command, writer);
    while !lines_dropped(&host) {
        hear(&host, "tone", &json!({}));
    }
    let lines = BufReader::new(reader).lines().map_while(Result::ok).filter(|line| line != "{}");
    let told = lines
        .map(|line| serde_json::from_str::<Value>(&line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .find(|line| line["fields"]["message"].as_str().is_some_and(|message| message.contains("were dropped")));
    let told = told.unwrap();
    assert_eq!((&told["level"], &told["target"]), (&json!("WARN"), &json!("auricle::log")));
    assert!(told["fields"]["message"].as_str().unwrap().ends_with(" trace"), "{told}");
}

#[test]
fn a_crash_in_the_server_ends_it_by_its_signal_also_where_nobody_reads() {
    let (_reader, writer) = stuck_pipe();
    let mut host = start(setup(), writer);
    let mut client = Client::open(&host, "inside", json!({"options": {"fault": "sigsegv", "after_chunks": 3}}));
    client.audio(&bytes(&noise(1, 32_000)));
    assert_eq!(host.wait().signal(), Some(11));
}
