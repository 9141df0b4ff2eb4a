//! The journal: what a client received is on disk even if the server dies; without the setting nothing is written.

use auricle_tests::{Client, Host, Setup, auricle, bytes, library, noise, tone_segments};
use serde_json::{Value, json};
use std::{fs, path::Path, process::Command};

fn setup(journal: &str) -> Setup {
    let preset = json!({"backend": "tone"});
    Setup::new()
        .plugin(&library("tone"))
        .preset("tone", &preset)
        .settings(&format!("[journal]\ndir = \"journal\"\n{journal}"))
}

fn files(dir: &Path) -> usize {
    fs::read_dir(dir).map_or(0, Iterator::count)
}

/// The output of `auricle sessions`, and whether it succeeded.
fn sessions(dir: &Path, args: &[&str]) -> (bool, String) {
    let output = auricle().args(["sessions", "--journal"]).arg(dir).args(args).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_killed_server_has_kept_all_that_clients_saw() {
    for sync in ["", "sync = true"] {
        let mut host = setup(sync).start();
        let journal = host.path("configs/journal");
        let mut clients: Vec<_> = (0..8).map(|_| Client::open(&host, "tone", json!({}))).collect();
        for (n, client) in clients.iter_mut().enumerate() {
            client.audio(&bytes(&noise(n as u32, 80_000)));
        }
        for client in &mut clients {
            client.until("segment");
        }
        host.signal("KILL");
        host.wait();
        for mut client in clients {
            client.to_end();
            let seen = client.texts();
            let stream = client.heard[0]["stream"].as_str().unwrap().to_owned();
            let (found, kept) = sessions(&journal, &["export", &stream, "--format", "json"]);
            assert!(found, "{stream}");
            let kept: Value = serde_json::from_str(&kept).unwrap();
            let texts: Vec<_> = kept["segments"].as_array().unwrap().iter().map(|text| text["text"].clone()).collect();
            assert!(
                !seen.is_empty() && texts.len() >= seen.len() && texts[..seen.len()] == seen[..],
                "{seen:?} {texts:?}"
            );
            assert_eq!(kept["outcome"], Value::Null);
        }
    }
}

#[test]
fn sessions_are_listed_and_exported() {
    let host = setup("").start();
    let journal = host.path("configs/journal");
    let mut client = Client::open(&host, "tone", json!({}));
    client.audio(&bytes(&noise(2, 40_000)));
    client.until("segment");
    client.say(&json!({"type": "reset"}));
    client.until("ready");
    client.audio(&bytes(&noise(1, 40_000)));
    client.finish();
    let texts = tone_segments(&noise(1, 40_000), 16_000);
    let stream = client.heard[0]["stream"].as_str().unwrap().to_owned();
    let (found, list) = sessions(&journal, &["list"]);
    assert!(found && list.contains(&stream) && list.contains("done") && list.contains("3 segments, 2.5 s"), "{list}");
    assert_eq!(sessions(&journal, &["export", &stream[..8]]), (true, format!("{}\n", texts.join(" "))));
    assert!(!sessions(&journal, &["export", "nobody"]).0);
    assert!(!sessions(Path::new("/nowhere"), &["list"]).0);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let file = fs::read_dir(&journal).unwrap().next().unwrap().unwrap().path();
        assert_eq!((mode(&journal), mode(&file)), (0o700, 0o600));
    }
}

#[test]
fn what_cannot_be_kept_is_not_said() {
    let host = setup("").start();
    let journal = host.path("configs/journal");
    fs::remove_dir(&journal).unwrap();
    fs::write(&journal, "in the way").unwrap();
    let message = Client::start(&host, "tone", json!({})).fails("journal_failed", 4507);
    assert!(message.contains("cannot write the journal"), "{message}");
    // The engine is not called for a stream that may not start.
    let called = |host: &Host| host.get("/metrics").1.contains(r#"engine="tone",call="processor""#);
    assert!(!called(&host));
    fs::remove_file(&journal).unwrap();
    fs::create_dir(&journal).unwrap();
    let mut client = Client::open(&host, "tone", json!({}));
    client.audio(&bytes(&noise(1, 40_000)));
    assert_eq!(client.finish(), tone_segments(&noise(1, 40_000), 16_000));
    assert!(called(&host));
}

#[test]
fn old_sessions_go_and_nothing_is_kept_unasked() {
    let setup = setup("keep_days = 3");
    let journal = setup.path("configs/journal");
    fs::create_dir(&journal).unwrap();
    for (name, age) in [("old.jsonl", "5 days ago"), ("new.jsonl", "1 day ago"), ("old.txt", "5 days ago")] {
        assert!(Command::new("touch").args(["-d", age]).arg(journal.join(name)).status().unwrap().success());
    }
    let host = setup.start();
    host.wait_for("the old one's end", || !journal.join("old.jsonl").exists());
    assert!(journal.join("new.jsonl").exists() && journal.join("old.txt").exists());
    drop(host);

    let host = Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"})).start();
    let mut client = Client::open(&host, "tone", json!({}));
    client.audio(&bytes(&noise(1, 40_000)));
    client.finish();
    assert_eq!(files(&host.path("configs/journal")), 0);
}
