//! `/v1/status` says how full the server is, as admission decides it.

use auricle_tests::{Client, Setup, bytes, library, noise};
use serde_json::{Value, json};

fn preset<'a>(status: &'a Value, name: &str) -> &'a Value {
    status["presets"].as_array().unwrap().iter().find(|preset| preset["name"] == name).unwrap()
}

#[test]
fn a_server_says_how_full_it_is() {
    let host = Setup::new()
        .plugin(&library("tone"))
        .preset("tone", &json!({"backend": "tone", "host": {"max_streams": 2}}))
        .preset("none", &json!({"backend": "none"}))
        .settings("[limits]\nmax_streams = 3")
        .start();
    let status = host.json("/v1/status");
    assert_eq!((&status["state"], &status["version"]), (&json!("ready"), &json!(env!("CARGO_PKG_VERSION"))));
    assert_eq!(
        (&status["streams"], &status["max_streams"], &status["accepting"]),
        (&json!(0), &json!(3), &json!(true))
    );
    assert!(status["connections"].as_u64() >= Some(1) && status["max_connections"] == 206, "{status}");
    let tone = preset(&status, "tone");
    assert_eq!((&tone["state"], &tone["load"], &tone["room"]), (&json!("idle"), &Value::Null, &json!(3)));
    let none = preset(&status, "none");
    assert_eq!((&none["state"], &none["accepting"], &none["room"]), (&json!("unavailable"), &json!(false), &json!(0)));
    assert!(none["reason"].as_str().unwrap().contains("not registered"), "{none}");
    assert_eq!((&tone["model"], &none["model"]), (&Value::Null, &Value::Null));

    let mut first = Client::open(&host, "tone", json!({}));
    // The load is known after some seconds of audio.
    first.audio(&bytes(&noise(1, 160_000)));
    host.wait_for("the load", || !preset(&host.json("/v1/status"), "tone")["load"].is_null());
    let status = host.json("/v1/status");
    let tone = preset(&status, "tone");
    assert_eq!((&tone["streams"], &tone["max_streams"], &tone["room"]), (&json!(1), &json!(2), &json!(1)));
    assert!(tone["load"].as_f64() > Some(0.0) && tone["lag_seconds"].is_number(), "{tone}");

    let second = Client::open(&host, "tone", json!({}));
    let status = host.json("/v1/status");
    let tone = preset(&status, "tone");
    assert_eq!((&tone["room"], &tone["accepting"], &status["accepting"]), (&json!(0), &json!(false), &json!(false)));
    // The server says so, and does so.
    Client::start(&host, "tone", json!({})).fails("capacity", 4429);

    host.signal("TERM");
    host.wait_for("the stop", || host.json("/v1/status")["state"] == "stopping");
    assert_eq!(host.json("/v1/status")["accepting"], false);
    drop((first, second));
}

#[test]
fn models_are_listed_with_their_workers_and_memory() {
    let tone = |isolation: &str, work: u32| json!({"backend": "tone", "work": work, "host": {"isolation": isolation, "preload": true}});
    let host = Setup::new()
        .plugin(&library("tone"))
        .preset("one", &tone("process", 0))
        .preset("same", &tone("process", 1))
        .preset("inside", &tone("in-process", 0))
        .start();
    let model = |name: &str| preset(&host.json("/v1/status"), name)["model"].clone();
    // The memory is measured a moment after the start.
    host.wait_for("the memory", || model("one")["memory_bytes"].as_u64() > Some(1 << 20));
    host.wait_for("the models", || !model("same").is_null() && !model("inside").is_null());
    let [one, same, inside] = ["one", "same", "inside"].map(model);
    assert_eq!((&one["workers"], &one["restarts"]), (&json!(1), &json!(0)), "{one}");
    // `work` is a field of the stream, so both have one model.
    assert_eq!((&one["id"], &one["preset"]), (&same["id"], &same["preset"]));
    assert_ne!(one["id"], inside["id"]);
    assert_eq!((&inside["workers"], &inside["memory_bytes"]), (&json!(0), &json!(0)));
    assert!(host.json("/v1/status")["memory_bytes"].as_u64() > Some(1 << 20));
    host.kill_worker(host.workers()[0]);
    // A stream that finds the worker dying goes on in a worker of its own, so the next one may start with the next stream.
    host.wait_for("the next worker", || {
        let mut client = Client::open(&host, "one", json!({}));
        client.audio(&bytes(&noise(1, 20_000)));
        client.finish();
        let one = model("one");
        one["workers"] == 1 && one["restarts"].as_u64() >= Some(1)
    });
}

#[test]
fn a_model_that_is_too_busy_has_no_room() {
    let slow = json!({"backend": "faulty", "host": {"open": ["fault", "seconds", "times", "after_chunks"]}});
    let host = Setup::new()
        .plugin(&library("faulty"))
        .preset("slow", &slow)
        .exact_settings("[limits]\nmax_load = 0.5\nreport_lag_seconds = 60")
        .start();
    let options = json!({"options": {"fault": "sleep", "seconds": 0.09, "times": 1_000}});
    let mut client = Client::open(&host, "slow", options);
    client.audio(&bytes(&noise(1, 160_000)));
    host.wait_for("the load", || preset(&host.json("/v1/status"), "slow")["load"].as_f64() > Some(0.5));
    let status = host.json("/v1/status");
    let slow = preset(&status, "slow");
    assert_eq!((&slow["accepting"], &slow["room"]), (&json!(false), &json!(0)));
    assert!(slow["reason"].as_str().unwrap().contains("as many streams as its engine can process"), "{slow}");
    Client::start(&host, "slow", json!({})).fails("overloaded", 4430);
}
