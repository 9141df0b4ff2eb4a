//! Signals to the server, and to all of its processes at once, as sent by terminals and supervisors. An orderly stop is
//! not a crash, and SIGHUP reloads everything that can be reloaded.

#![cfg(unix)]

use auricle_tests::{Client, Host, Setup, auricle, bytes, library, limit, noise, tone_segments};
use serde_json::json;
use std::{
    fs::{self, File},
    os::unix::{net::UnixDatagram, process::CommandExt},
    path::Path,
};

fn setup() -> Setup {
    Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"}))
}

#[test]
fn an_orderly_stop_of_all_processes_is_no_crash() {
    for (signal, group) in [("INT", true), ("TERM", true), ("INT", false), ("TERM", false)] {
        let setup = setup();
        let mut command = setup.command();
        command.process_group(0);
        let mut host = setup.start_by(command);
        let audio = noise(1, 48_000);
        let (heard, rest) = audio.split_at(20_000);
        let mut client = Client::open(&host, "tone", json!({}));
        client.audio(&bytes(heard));
        client.until("segment");
        if group {
            host.signal_group(signal);
        } else {
            host.signal_all(signal);
        }
        host.wait_for_log(&["stopping: no new streams"], 1);
        client.audio(&bytes(rest));
        assert_eq!(client.finish(), tone_segments(&audio, 16_000), "{signal}");
        let status = host.wait();
        assert_eq!(status.code(), Some(0), "{signal}: {status}");
        assert_eq!(host.logged(&["ERROR"]) + host.logged(&["new worker"]), 0, "{signal}");
        assert_eq!(host.crash_reports(), Vec::<String>::new(), "{signal}");
    }
}

#[test]
fn a_worker_outlives_what_ends_other_processes() {
    let host = setup().start();
    let mut client = Client::open(&host, "tone", json!({}));
    let workers = host.workers();
    for signal in ["INT", "TERM", "HUP"] {
        for worker in &workers {
            let kill = std::process::Command::new("kill").args([&format!("-{signal}"), &worker.to_string()]).status();
            assert!(kill.unwrap().success());
        }
    }
    client.audio(&bytes(&noise(1, 32_000)));
    assert_eq!(client.finish(), tone_segments(&noise(1, 32_000), 16_000));
    assert_eq!(host.workers(), workers);
}

fn settings(host: &Host, log: &str) {
    fs::write(host.path("configs/auricle.toml"), format!("cache = \"../cache\"\nlog = \"{log}\"\n")).unwrap();
}

#[test]
fn a_reload_takes_what_to_log_anew_also_in_workers() {
    let host = setup().settings("log = \"warn\"").start();
    let mut client = Client::open(&host, "tone", json!({}));
    assert_eq!(host.logged(&["INFO"]), 0);

    settings(&host, "info,auricle::engine=debug");
    host.signal("HUP");
    host.wait_for_log(&["INFO", "reloaded"], 1);
    // The worker gets the setting a little later.
    while host.logged(&["auricle::engine", "segment reported"]) == 0 {
        client.audio(&bytes(&noise(1, 16_000)));
        client.until("segment");
    }

    settings(&host, "auricle=loud");
    host.signal("HUP");
    host.wait_for_log(&["ERROR", "auricle.toml", "auricle=loud"], 1);
    host.wait_for_log(&["ERROR"], 1);
    host.wait_for_log(&["reloaded: log"], 1);
    let before = host.logged(&["segment reported"]);
    client.audio(&bytes(&noise(1, 16_000)));
    client.until("segment");
    host.wait_for("the log as it was", || host.logged(&["segment reported"]) > before);

    settings(&host, "error");
    host.signal("HUP");
    // The log cannot show it any more.
    let quiet = || {
        let before = host.logged(&["INFO"]);
        drop(Client::open(&host, "tone", json!({})));
        host.logged(&["INFO"]) == before
    };
    host.wait_for("silence", quiet);
    client.finish();
    assert_eq!(host.stop().code(), Some(0));
}

#[test]
fn the_command_line_decides_what_to_log() {
    let host = setup().settings("log = \"error\"").log("info").start();
    host.wait_for_log(&["INFO", "streams at"], 1);
    host.signal("HUP");
    host.wait_for_log(&["INFO", "reloaded: log"], 1);
}

/// Replaces a file by one of the same length, so that it looks unchanged.
fn exchange(file: &Path, text: &str) {
    let metadata = fs::metadata(file).unwrap();
    assert_eq!(metadata.len(), text.len() as u64);
    fs::write(file, text).unwrap();
    File::options().append(true).open(file).unwrap().set_modified(metadata.modified().unwrap()).unwrap();
}

#[test]
fn a_reload_reads_presets_and_keys_whatever_their_files_look_like() {
    let setup = setup().settings("keys = \"keys.toml\"");
    let key = |file: &str| {
        let made =
            auricle().args(["key", "add", "all", "--operator", "--file"]).arg(setup.path(file)).output().unwrap();
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    };
    let keys = setup.path("configs/keys.toml");
    fs::write(&keys, "").unwrap();
    let (first, second) = (key("configs/keys.toml"), key("others.toml"));
    let preset = |title: &str| json!({"backend": "tone", "host": {"title": title}}).to_string();
    fs::write(setup.path("configs/presets/tone.json"), preset("one")).unwrap();
    let host = setup.start();
    let opens = |key: &str| Client::knock(&host, &format!("?key={key}"), &[]).is_ok();
    assert_eq!((opens(&first), opens(&second)), (true, false));
    // The title is in the response of `/v1/presets`, which requires a key.
    let titled = |key: &str, title: &str| host.get(&format!("/v1/presets?key={key}")).1.contains(title);
    assert!(titled(&first, "\"one\""));

    exchange(&keys, &fs::read_to_string(host.path("others.toml")).unwrap());
    exchange(&host.path("configs/presets/tone.json"), &preset("two"));
    host.signal("HUP");
    host.wait_for_log(&["INFO", "reloaded: log"], 1);
    assert_eq!((opens(&first), opens(&second)), (false, true));
    assert!(titled(&second, "\"two\""));
}

#[test]
fn a_service_manager_hears_when_the_server_is_ready_alive_and_stopping() {
    let setup = setup();
    let manager = UnixDatagram::bind(setup.path("notify")).unwrap();
    manager.set_read_timeout(Some(limit())).unwrap();
    let message = || {
        let mut bytes = [0; 64];
        let count = manager.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..count].to_vec()).unwrap()
    };
    let until = |wanted: &str| while message() != wanted {};
    let mut command = setup.command();
    command.env("NOTIFY_SOCKET", setup.path("notify")).env("WATCHDOG_USEC", "50000");
    let mut host = setup.start_by(command);
    until("READY=1");
    assert_eq!(host.get("/readyz").0, 200);
    until("WATCHDOG=1");
    let mut client = Client::open(&host, "tone", json!({}));
    host.signal("TERM");
    until("STOPPING=1");
    // Also while open streams have time to end.
    until("WATCHDOG=1");
    let seconds = client.until("going_away")["seconds"].as_f64().unwrap();
    assert!((0.0..=30.0).contains(&seconds), "{seconds}");
    client.finish();
    assert_eq!(host.wait().code(), Some(0));
}
