//! `auricle bench` against a real host.

#![cfg(target_os = "linux")]

use auricle_tests::{Host, Setup, auricle, fixture, library};
use serde_json::{Value, json};
use std::{fs, process::Output};

fn host(settings: &str) -> Host {
    Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"})).settings(settings).start()
}

/// Levels of two seconds.
fn bench(host: &Host, args: &[&str]) -> Output {
    let mut command = auricle();
    command.args(["bench", "--url", host.address(), "--audio"]).arg(fixture("digits.wav"));
    command.args(["--seconds", "2"]).args(args).output().unwrap()
}

/// With a bound that any machine keeps, because only the counts are checked.
const PATIENT: [&str; 6] = ["--stagger", "0.5", "--patience", "60", "--bound-ms", "60000"];

#[test]
fn streams_are_held_and_told_of() {
    let host = host("");
    let (json, svg) = (host.path("result.json"), host.path("result.svg"));
    let pid = host.pid().to_string();
    let args = ["--preset", "tone", "--streams", "1,5", "--pid", &pid];
    let files = ["--json", json.to_str().unwrap(), "--svg", svg.to_str().unwrap()];
    let ran = bench(&host, &[&args[..], &files[..], &PATIENT].concat());
    let out = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status.success(), "{out} {}", String::from_utf8_lossy(&ran.stderr));
    assert!(out.ends_with("2 of 2 levels were held with p95 <= 60000 ms\n"), "{out}");
    let report: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    let levels = report["levels"].as_array().unwrap();
    assert_eq!(levels.iter().map(|level| &level["streams"]).collect::<Vec<_>>(), [1, 5]);
    for level in levels {
        // Each stream had the same text as the reference stream; the host and its worker were measured.
        assert_eq!(
            (&level["held"], &level["changed"], &level["lost"]),
            (&json!(true), &json!(0), &json!(0)),
            "{level}"
        );
        assert!(level["partial"]["count"].as_u64() > Some(0) && level["server"]["processes"] == 2, "{level}");
        assert!(level["server"]["memory_mib"].as_f64() > Some(0.0), "{level}");
    }
    assert!(fs::read_to_string(svg).unwrap().trim_end().ends_with("</svg>"));
}

#[test]
fn the_most_streams_are_those_that_the_server_takes() {
    let host = host("[limits]\nmax_streams = 6");
    let json = host.path("result.json");
    // With its process id the tool can detect that the server is idle between the levels.
    let pid = host.pid().to_string();
    let args = ["--preset", "tone", "--from", "4", "--grow", "2", "--pid", &pid, "--json", json.to_str().unwrap()];
    let ran = bench(&host, &[&args[..], &PATIENT].concat());
    let report: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert!(ran.status.success() && report["most_streams"] == 6, "{report}");
    let refused = &report["levels"][1]["refused"];
    assert_eq!(refused.as_object().unwrap().values().next(), Some(&json!(2)), "{refused}");
}

#[test]
fn what_cannot_be_measured_is_said_in_a_line() {
    let host = host("");
    let said = |args: &[&str], code: i32| {
        let ran = bench(&host, args);
        let err = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(code), "{err}");
        assert!(err.starts_with("auricle: ") && err.trim_end().lines().count() == 1, "{err}");
        err
    };
    assert!(said(&["--preset", "nobody"], 4).contains("unknown_preset"));
    assert!(said(&["--preset", "tone", "--audio", "/nowhere.wav"], 3).contains("/nowhere.wav"));
    assert!(said(&["--preset", "tone", "--stagger", "3"], 2).contains("--stagger"));
}
