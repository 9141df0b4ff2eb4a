//! A model that is behind refuses further streams with a reason, and accepts them again once it has caught up. Other
//! models are not affected.

use auricle_tests::{Client, Host, Setup, bytes, library, noise, tone_segments};
use serde_json::{Value, json};

const SETTINGS: &str = "[limits]\nreport_lag_seconds = 0.5\nrefuse_lag_seconds = 1.0";

fn faulty() -> Value {
    json!({"backend": "faulty", "host": {"open": ["fault", "times", "seconds"], "concurrency": 4}})
}

fn setup() -> Setup {
    Setup::new().plugin(&library("faulty")).preset("faulty", &faulty()).settings(SETTINGS)
}

/// A live stream that is three seconds behind until it has slept this many times.
fn behind(host: &Host, times: usize) -> Client {
    let options = json!({"fault": "sleep", "seconds": 1.0, "times": times});
    let mut client = Client::open(host, "faulty", json!({"options": options}));
    client.audio(&bytes(&noise(1, 48_000)));
    while client.until("lag")["seconds"].as_f64().unwrap() <= 1.0 {}
    client
}

fn works(host: &Host, preset: &str) {
    let audio = noise(2, 16_000);
    let mut client = Client::open(host, preset, json!({"pace": "file"}));
    client.audio(&bytes(&audio));
    assert_eq!(client.finish(), tone_segments(&audio, 16_000));
}

#[test]
fn a_model_that_is_behind_takes_no_more_and_others_do() {
    let host = setup().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"})).start();
    let mut slow = behind(&host, 4);
    for pace in ["live", "file"] {
        let message = Client::start(&host, "faulty", json!({"pace": pace})).fails("overloaded", 4430);
        assert!(message.contains("more than 1 s behind") && message.contains("try again later"), "{message}");
    }
    works(&host, "tone");
    while slow.until("lag")["seconds"] != 0.0 {}
    works(&host, "faulty");
    slow.finish();
}

#[test]
fn a_live_stream_that_a_model_could_not_follow_is_refused_at_once_and_a_file_is_not() {
    let mut preset = faulty();
    preset["host"]["concurrency"] = json!(1);
    let setup = Setup::new().plugin(&library("faulty")).preset("faulty", &preset);
    let host = setup.settings("[limits]\nmax_load = 0.9").start();
    // Each tenth of a second takes half of one.
    let options = json!({"fault": "sleep", "seconds": 0.05, "times": 1000});
    let mut first = Client::open(&host, "faulty", json!({"options": options}));
    first.audio(&bytes(&noise(1, 64_000)));
    first.say(&json!({"type": "flush"}));
    first.until("flushed");
    let message = Client::start(&host, "faulty", json!({})).fails("overloaded", 4430);
    assert!(message.contains("as many streams as its engine can process"), "{message}");
    works(&host, "faulty");
    first.finish();
    // Without other streams the first one is always accepted.
    Client::open(&host, "faulty", json!({})).finish();
}

#[test]
fn where_every_model_is_behind_that_is_said_before_the_handshake() {
    let host = setup().start();
    let mut slow = behind(&host, 4);
    let Err((status, message)) = Client::knock(&host, "", &[]) else { panic!("let in") };
    assert!(status == 503 && message.contains("cannot keep up"), "{status} {message}");
    assert!(host.get("/metrics").1.contains("auricle_refusals_total{reason=\"overloaded\"} 1"));
    while slow.until("lag")["seconds"] != 0.0 {}
    works(&host, "faulty");
}

#[test]
fn one_stream_among_others_shuts_nobody_out() {
    let host = setup().start();
    let mut others: Vec<_> = (0..2).map(|_| Client::open(&host, "faulty", json!({}))).collect();
    let _slow = behind(&host, 1_000);
    works(&host, "faulty");
    for client in &mut others {
        assert_eq!(client.finish(), Vec::<String>::new());
    }
}

#[test]
fn a_file_ahead_of_its_engine_is_not_behind() {
    let host = setup().start();
    let options = json!({"fault": "sleep", "seconds": 0.5, "times": 1_000});
    let mut file = Client::open(&host, "faulty", json!({"pace": "file", "options": options}));
    file.audio(&bytes(&noise(1, 96_000)));
    file.until("partial");
    works(&host, "faulty");
}
