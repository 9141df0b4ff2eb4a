//! An operator ends a stream: its client gets the text of everything that it sent, and then the reason.

use super::page::request;
use auricle_tests::{Client, Host, Setup, auricle, bytes, library, noise, tone_segments};
use serde_json::json;
use std::fs;

fn setup() -> Setup {
    Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone", "host": {"open": ["work"]}}))
}

/// The ids of the open streams.
fn open(host: &Host) -> Vec<String> {
    let streams = host.json("/v1/streams");
    streams["streams"].as_array().unwrap().iter().map(|one| one["stream"].as_str().unwrap().to_owned()).collect()
}

fn end(host: &Host, id: &str) -> (u16, String) {
    let response = request(host.address(), "POST", &format!("/v1/streams/{id}/end"), "");
    (response.status, response.body)
}

#[test]
fn the_client_gets_its_last_words_and_the_reason() {
    let host = setup().start();
    let audio = noise(1, 40_000);
    let mut client = Client::open(&host, "tone", json!({}));
    let mut other = Client::open(&host, "tone", json!({}));
    let id = open(&host).remove(0);
    client.audio(&bytes(&audio));
    let heard = || host.json("/v1/streams")["streams"][0]["audio_seconds"] == 2.5;
    host.wait_for("the audio", heard);
    let (status, answer) = end(&host, &id);
    assert_eq!((status, answer), (200, format!("stream {id} ends after its last words\n")));
    // Nothing that the client does then loses a word, or adds one.
    client.audio(&bytes(&noise(2, 20_000)));
    client.say(&json!({"type": "reset"}));
    client.say(&json!({"type": "finish"}));
    let message = client.fails("ended_by_operator", 4410);
    assert_eq!(message, "an operator of the server ended this stream");
    assert_eq!(client.texts(), tone_segments(&audio, 16_000));
    host.wait_for("the end", || open(&host).len() == 1);
    host.wait_for_log(&["stream ended", "ended_by_operator", &id, "close_code=4410"], 1);
    host.wait_for_log(&["an operator ends the stream", &id], 1);
    assert_eq!(end(&host, &id), (404, format!("no stream `{id}` is open\n")));
    // The others go on.
    other.audio(&bytes(&audio));
    assert_eq!(other.finish(), tone_segments(&audio, 16_000));
}

#[test]
fn a_stream_that_is_behind_says_all_it_has_heard_before_it_ends() {
    let host = setup().exact_settings("[limits]\nmax_lag_seconds = 600").start();
    let audio = noise(1, 80_000);
    let mut client = Client::open(&host, "tone", json!({"options": {"work": 2_000}}));
    client.audio(&bytes(&audio));
    host.wait_for_audio(5.0);
    let id = open(&host).remove(0);
    // Twice does no more than once.
    assert_eq!([end(&host, &id).0, end(&host, &id).0], [200, 200]);
    client.fails("ended_by_operator", 4410);
    assert_eq!(client.texts(), tone_segments(&audio, 16_000));
}

#[test]
fn a_client_that_has_finished_is_told_that_it_is_done() {
    let host = setup().start();
    let audio = noise(1, 80_000);
    let mut client = Client::open(&host, "tone", json!({"options": {"work": 2_000}}));
    client.audio(&bytes(&audio));
    client.say(&json!({"type": "finish"}));
    host.wait_for_audio(5.0);
    // It may have ended meanwhile.
    let _ = open(&host).first().map(|id| end(&host, id));
    client.until("done");
    assert_eq!(client.texts(), tone_segments(&audio, 16_000));
}

#[test]
fn only_operators_end_streams() {
    let setup = setup().settings("keys = \"keys.toml\"");
    let file = setup.path("configs/keys.toml");
    fs::write(&file, "").unwrap();
    let key = |args: &[&str]| {
        let made = auricle().args(["key", "add"]).args(args).arg("--file").arg(&file).output().unwrap();
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    };
    let (user, operator) = (key(&["user"]), key(&["boss", "--operator"]));
    let host = setup.start();
    let mut client = Client::knock(&host, &format!("?key={user}"), &[]).unwrap();
    client.say_start("tone", json!({}));
    let id = client.until("ready")["stream"].as_str().unwrap().to_owned();
    let path = format!("/v1/streams/{id}/end");
    let with = |method, path: &str, key: &str| {
        request(host.address(), method, path, &format!("Authorization: Bearer {key}\r\n")).status
    };
    assert_eq!([with("POST", &path, "x"), with("POST", &path, &user), with("GET", &path, &operator)], [401, 403, 405]);
    assert_eq!([with("GET", "/v1/failures", "x"), with("GET", "/v1/failures", &user)], [401, 403]);
    assert_eq!(with("GET", "/v1/failures", &operator), 200);
    // Another page cannot do it for an operator's browser.
    let lines = format!("Authorization: Bearer {operator}\r\nOrigin: https://evil.example\r\n");
    assert_eq!(request(host.address(), "POST", &path, &lines).status, 403);
    client.audio(&[0; 16_000]);
    client.until("partial");
    assert_eq!(with("POST", &path, &operator), 200);
    client.fails("ended_by_operator", 4410);
    host.wait_for_log(&["an operator ends the stream", &id, "boss"], 1);
}

#[test]
fn the_command_line_ends_streams_too() {
    let host = setup().start();
    let mut client = Client::open(&host, "tone", json!({}));
    let id = open(&host).remove(0);
    let run = |id: &str| auricle().args(["streams", "--url", host.address(), "--end", id]).output().unwrap();
    let ended = run(&id);
    assert_eq!(
        (ended.status.code(), String::from_utf8(ended.stdout).unwrap()),
        (Some(0), format!("stream {id} ends after its last words\n"))
    );
    client.fails("ended_by_operator", 4410);
    host.wait_for("the end", || open(&host).is_empty());
    let missing = run("0000");
    let said = String::from_utf8(missing.stderr).unwrap();
    assert!(missing.status.code() == Some(2) && said.contains("no stream with that id is open"), "{said}");
}
