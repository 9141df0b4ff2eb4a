//! A plugin that other users could have written does not run. If plugins are pinned, only those run.

#![cfg(unix)]

use auricle_tests::{Host, Setup, auricle, library};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn name() -> String {
    library("tone").file_name().unwrap().to_str().unwrap().to_owned()
}

/// The state of the plugin, and the reason.
fn state(host: &Host) -> (String, String) {
    let file = host.file(&name()).unwrap();
    (file["state"].as_str().unwrap().to_owned(), file["reason"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_file_that_everybody_can_write_is_refused_until_they_cannot() {
    let setup = Setup::new().plugin(&library("tone"));
    let file = setup.path("plugins").join(name());
    set_mode(&file, 0o666);
    let host = setup.start();
    let (refused, reason) = state(&host);
    assert!(refused == "refused" && reason.contains("can be written by everybody"), "{reason}");
    // None of its code has run, not even in a child process.
    assert_eq!(host.logged(&["plugin loaded"]), 0);
    set_mode(&file, 0o644);
    fs::copy(library("tone"), &file).unwrap();
    host.wait_for_file(&name(), |file| file["state"] == "registered");
}

#[test]
fn a_directory_that_everybody_can_write_holds_no_plugins() {
    let setup = Setup::new().plugin(&library("tone"));
    set_mode(&setup.path("plugins"), 0o777);
    let (refused, reason) = state(&setup.start());
    assert!(refused == "refused" && reason.contains("/plugins can be written by everybody"), "{reason}");
}

#[test]
fn only_what_is_pinned_runs() {
    let probed = auricle().arg("probe").arg(library("tone")).output().unwrap();
    let output = String::from_utf8(probed.stdout).unwrap();
    let digest = output.lines().find_map(|line| line.trim().strip_prefix("SHA-256 ")).unwrap();
    let pinned = |digest: &str| {
        let pins = format!("[pins]\n\"{}\" = \"{digest}\"", name());
        Setup::new().plugin(&library("tone")).plugin(&library("faulty")).settings(&pins).start()
    };
    let host = pinned(digest);
    assert_eq!(state(&host).0, "registered");
    let faulty = library("faulty").file_name().unwrap().to_str().unwrap().to_owned();
    let other = host.file(&faulty).unwrap();
    assert!(
        other["state"] == "refused" && other["reason"].as_str().unwrap().contains("is not listed in `[pins]`"),
        "{other}"
    );
    let (refused, reason) = state(&pinned(&"0".repeat(64)));
    assert!(refused == "refused" && reason.contains(&format!("its SHA-256 is {digest}")), "{reason}");
}
