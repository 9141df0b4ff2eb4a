//! What concerns the operator only is in the log, under an id that the client gets; and what is asked for too early waits.

use auricle_tests::{Client, Process, Setup, auricle, bytes, library, noise};
use serde_json::{Value, json};
use std::fs;
use tungstenite::{Message, connect};

const SAYS_WHY: &str = "; the server's log says why: stream ";

fn setup() -> Setup {
    let isolation = |isolation: &str| json!({"backend": "faulty", "host": {"open": ["fault", "after_chunks"], "isolation": isolation}});
    let broken = json!({"backend": "faulty", "model_fault": "panic", "model_at": "load"});
    Setup::new()
        .plugin(&library("faulty"))
        .preset("worker", &isolation("process"))
        .preset("inside", &isolation("in-process"))
        .preset("broken", &broken)
}

/// The message without the id, and the id.
fn split(message: &str) -> (&str, &str) {
    assert!(![".rs", "panic", "/"].iter().any(|part| message.contains(part)), "{message}");
    message.split_once(SAYS_WHY).unwrap_or_else(|| panic!("no id in {message}"))
}

#[test]
fn the_place_of_a_panic_is_in_the_log_and_its_id_in_the_message() {
    let host = setup().start();
    for preset in ["worker", "inside"] {
        let options = json!({"options": {"fault": "panic", "after_chunks": 2}});
        let mut client = Client::start(&host, preset, options);
        let stream = client.until("ready")["stream"].as_str().unwrap().to_owned();
        client.audio(&bytes(&noise(1, 16_000)));
        let message = client.fails("engine_error", 4500);
        assert_eq!(split(&message), ("the engine failed in process_iter", stream.as_str()));
        // Not cut off, although a close frame is short.
        assert!(client.closed.unwrap().reason.ends_with(&stream));
        host.wait_for_log(&["stream ended: ", "plan.rs:", &stream], 1);
    }
    let message = Client::start(&host, "broken", json!({})).fails("engine_unavailable", 4503);
    let (told, id) = split(&message);
    assert_eq!(told, "the model of preset `broken` cannot be served");
    host.wait_for_log(&["refused: ", "plan.rs:", id], 1);
}

#[test]
fn a_preset_says_what_is_wrong_with_a_field_but_not_what_is_in_it() {
    let secret = "/srv/secret";
    let setup = setup().preset("type", &json!({"backend": "faulty", "model_fault": secret}));
    let keys = setup.path("configs/keys.toml");
    fs::write(&keys, "").unwrap();
    let new = |args: &[&str]| {
        let output = auricle().args(["key", "new"]).args(args).arg("--into").arg(&keys).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let (user, operator) = (new(&["alice"]), new(&["root", "--operator"]));
    let host = setup.settings("keys = \"keys.toml\"").start();
    let mut client = Client::knock(&host, &format!("?key={user}"), &[]).unwrap();
    client.say_start("type", json!({}));
    let message = client.fails("engine_unavailable", 4503);
    assert!(message.contains("field `model_fault`") && !message.contains(secret), "{message}");
    host.wait_for_log(&["refused: ", secret], 1);
    let reason = |key: &str| {
        let report: Value = host.json(&format!("/v1/presets?key={key}"));
        let presets = report["presets"].as_array().unwrap();
        presets.iter().find(|preset| preset["name"] == "type").unwrap()["reason"].as_str().unwrap().to_owned()
    };
    assert!(reason(&user).contains("field `model_fault`") && !reason(&user).contains(secret), "{}", reason(&user));
    assert!(reason(&operator).contains(secret), "{}", reason(&operator));
}

#[test]
fn a_stream_waits_for_the_first_look_at_the_plugin_directories() {
    let setup = setup();
    // Without waiting for readiness, as `Setup::start` does.
    let host = Process::start(setup.command());
    let (mut socket, _) = connect(format!("ws://{}/v1/stream", host.address())).unwrap();
    socket.send(Message::text(json!({"type": "start", "preset": "inside"}).to_string())).unwrap();
    let first: Value = serde_json::from_str(socket.read().unwrap().to_text().unwrap()).unwrap();
    assert_eq!(first["type"], "ready", "{first}");
}

#[test]
fn a_resource_directory_must_exist() {
    let setup = setup();
    let absent = setup.path("absent");
    let (mut probe, mut engines) = (auricle(), auricle());
    probe.arg("probe").arg(library("faulty"));
    engines.arg("engines").arg("--plugins").arg(setup.path("plugins"));
    for mut command in [setup.command(), probe, engines] {
        let output = command.arg("--resources").arg(&absent).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let expected = format!("resource directory {} (`--resources`): not a directory", absent.display());
        assert!(!output.status.success() && said.contains(&expected), "{said}");
    }
}
