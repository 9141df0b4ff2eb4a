//! Keys: clients without a key get the reason, each key allows only what it is for, and changes of the file take
//! effect.

use auricle_tests::{Client, Host, Setup, auricle, bytes, fixture, library, noise, tone_segments};
use serde_json::json;
use std::{fs, path::Path, process::Output};

/// A host with a key file.
fn setup() -> Setup {
    let setup = Setup::new()
        .plugin(&library("tone"))
        .preset("tone", &json!({"backend": "tone"}))
        .preset("other", &json!({"backend": "tone"}))
        .settings("keys = \"keys.toml\"");
    fs::write(keys_file(&setup), "").unwrap();
    setup
}

fn keys_file(setup: &Setup) -> std::path::PathBuf {
    setup.path("configs/keys.toml")
}

fn key_add(file: &Path, args: &[&str]) -> Output {
    auricle().args(["key", "add"]).args(args).arg("--file").arg(file).output().unwrap()
}

/// Creates a key as an operator would.
fn made(file: &Path, args: &[&str]) -> String {
    let output = key_add(file, args);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The response to a handshake that is refused: status and reason.
fn refused(host: &Host, query: &str, headers: &[(&'static str, &str)]) -> (u16, String) {
    match Client::knock(host, query, headers) {
        Ok(_) => panic!("let in"),
        Err((status, body)) => (status, body),
    }
}

fn works(mut client: Client, preset: &str) {
    let audio = noise(1, 20_000);
    client.say_start(preset, json!({}));
    client.audio(&bytes(&audio));
    assert_eq!(client.finish(), tone_segments(&audio, 16_000));
}

#[test]
fn a_key_opens_the_door_wherever_it_is_shown() {
    let setup = setup();
    let key = made(&keys_file(&setup), &["alice"]);
    let host = setup.start();
    let bearer = format!("Bearer {key}");
    let protocols = format!("auricle, auricle.key.{key}");
    for (query, headers) in [
        ("", vec![("Authorization", bearer.as_str())]),
        (&*format!("?key={key}"), vec![]),
        ("", vec![("Sec-WebSocket-Protocol", protocols.as_str())]),
    ] {
        works(Client::knock(&host, query, &headers).unwrap(), "tone");
    }
    for (query, headers) in [
        ("", vec![]),
        ("", vec![("Authorization", "Bearer auricle_0000")]),
        ("?key=", vec![]),
        ("", vec![("Sec-WebSocket-Protocol", "auricle, auricle.key.x")]),
    ] {
        let (status, message) = refused(&host, query, &headers);
        assert!(status == 401 && message.contains("an API key is required"), "{status} {message}");
    }
    // The log tells what the client is not told.
    host.wait_for_log(&["refused", "unknown API key"], 3);
    host.wait_for_log(&["refused", "no API key"], 1);
    // The key is neither in the log nor in the file.
    assert!(!host.log().contains(&key));
    assert!(!fs::read_to_string(host.path("configs/keys.toml")).unwrap().contains(&key));
    host.wait_for_log(&["stream ended", "alice"], 3);
}

#[test]
fn a_key_is_for_its_presets_and_so_many_streams() {
    let setup = setup();
    let key = made(&keys_file(&setup), &["alice", "--preset", "tone", "--max-streams", "2"]);
    let host = setup.start();
    let query = format!("?key={key}");
    let presets = host.json(&format!("/v1/presets{query}"));
    let names: Vec<_> = presets["presets"].as_array().unwrap().iter().map(|preset| preset["name"].clone()).collect();
    assert_eq!(names, ["tone"]);
    let mut client = Client::knock(&host, &query, &[]).unwrap();
    client.say_start("other", json!({}));
    let message = client.fails("forbidden_preset", 4406);
    assert!(message.contains("`alice`") && message.ends_with("it allows: tone"), "{message}");

    host.wait_for("the place", || host.json(&format!("/v1/presets{query}"))["presets"][0]["streams"] == 0);
    let open: Vec<_> = (0..2).map(|_| Client::knock(&host, &query, &[])).filter_map(Result::ok).collect();
    assert_eq!(open.len(), 2);
    let (status, message) = refused(&host, &query, &[]);
    assert!(status == 429 && message.contains("limit of open streams (2)"), "{status} {message}");
    drop(open);
    host.wait_for("a place", || Client::knock(&host, &query, &[]).is_ok());
}

#[test]
fn only_an_operators_key_opens_the_operators_routes() {
    let setup = setup();
    let file = keys_file(&setup);
    let (alice, operator) = (made(&file, &["alice"]), made(&file, &["root", "--operator"]));
    let host = setup.start();
    for path in ["/v1/streams", "/v1/engines", "/metrics"] {
        assert_eq!(host.get(path).0, 401);
        let (status, message) = host.get(&format!("{path}?key={alice}"));
        assert!(status == 403 && message.contains("`operator = true`"), "{status} {message}");
        assert_eq!(host.get(&format!("{path}?key={operator}")).0, 200);
    }
    assert_eq!(host.get("/v1/presets").0, 401);
    assert_eq!((host.get("/healthz").0, host.get("/readyz").0), (200, 200));

    let streams = || host.json(&format!("/v1/streams?key={operator}"))["streams"].as_array().unwrap().clone();
    assert!(streams().is_empty());
    let mut client = Client::knock(&host, &format!("?key={alice}"), &[]).unwrap();
    client.say_start("tone", json!({"pace": "file"}));
    let ready = client.until("ready");
    client.audio(&bytes(&noise(1, 24_000)));
    client.until("segment");
    let [stream] = &streams()[..] else { panic!("not one stream") };
    for (field, value) in [
        ("stream", ready["stream"].clone()),
        ("preset", json!("tone")),
        ("backend", json!("tone")),
        ("key", json!("alice")),
        ("address", json!("127.0.0.1")),
        ("pace", json!("file")),
        ("audio_seconds", json!(1.5)),
        ("lag_seconds", json!(0.0)),
    ] {
        assert_eq!(stream[field], value, "{field}");
    }
    client.finish();
    host.wait_for("the end", || streams().is_empty());

    let engines = |key: &str| {
        let url = format!("http://{}", host.address());
        auricle().args(["engines", "--url", &url]).env("AURICLE_KEY", key).output().unwrap()
    };
    let refused = engines(&alice);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("requires an operator's key"));
    assert!(engines(&operator).status.success());
}

#[test]
fn keys_come_and_go_without_a_restart() {
    let setup = setup();
    let file = keys_file(&setup);
    let alice = made(&file, &["alice"]);
    let host = setup.start();
    let lets_in = |key: &str| Client::knock(&host, &format!("?key={key}"), &[]).is_ok();
    let bob = made(&file, &["bob"]);
    host.wait_for("bob's key", || lets_in(&bob));

    // A typing error: no client is locked out, and none is let in.
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{good}\n[keys.carol]\nsha265 = \"x\"\n")).unwrap();
    host.wait_for_log(&["unknown field `keys.carol.sha265`", "stays in service"], 1);
    assert!(lets_in(&alice) && lets_in(&bob) && !lets_in("x"));

    // Removed: the open stream gets its remaining text.
    let mut client = Client::knock(&host, &format!("?key={alice}"), &[]).unwrap();
    client.say_start("tone", json!({}));
    client.until("ready");
    let audio = noise(2, 20_000);
    client.audio(&bytes(&audio));
    client.until("segment");
    let only_bob = &good[good.find("[keys.bob]").unwrap()..];
    fs::write(&file, only_bob).unwrap();
    let closed = client.to_end();
    assert_eq!((closed.code, client.texts()), (1000, tone_segments(&audio, 16_000)));
    assert!(!lets_in(&alice) && lets_in(&bob));
}

#[test]
fn a_server_that_cannot_read_its_keys_does_not_start() {
    let setup = setup();
    fs::remove_file(keys_file(&setup)).unwrap();
    let output = setup.command().output().unwrap();
    assert!(!output.status.success());
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("keys.toml: No such file"), "{message}");
}

#[test]
fn a_key_of_a_name_that_is_taken_is_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys.toml");
    made(&file, &["alice"]);
    let before = fs::read_to_string(&file).unwrap();
    for (args, problem) in [(["alice"], "duplicate key"), (["a lice"], "not a key name")] {
        let output = key_add(&file, &args);
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty() && message.contains(problem), "{message}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    // Without a file the entry is printed.
    let output = auricle().args(["key", "add", "bob"]).output().unwrap();
    assert!(output.status.success() && String::from_utf8(output.stderr).unwrap().contains("[keys.bob]"));
}

#[test]
fn a_file_that_was_edited_on_windows_is_read() {
    let setup = setup();
    let file = keys_file(&setup);
    let first = made(&file, &["alice"]);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("\u{feff}{}", text.replace('\n', "\r\n"))).unwrap();
    let second = made(&file, &["bob"]);
    let host = setup.start();
    for key in [first, second] {
        works(Client::knock(&host, &format!("?key={key}"), &[]).unwrap(), "tone");
    }
    fs::write(&file, b"\xff\xfe[\0").unwrap();
    host.wait_for_log(&["keys.toml: the file is UTF-16: save it as UTF-8", "stays in"], 1);
}

#[test]
fn keys_are_listed_rotated_and_removed_under_a_running_server() {
    let setup = setup();
    let file = keys_file(&setup);
    let alice = made(&file, &["alice", "--preset", "tone", "--max-streams", "1"]);
    let root = made(&file, &["root", "--operator"]);
    let host = setup.start();
    let key = |args: &[&str]| {
        let output = auricle().arg("key").args(args).arg("--file").arg(&file).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, listed, _) = key(&["list"]);
    assert_eq!(code, Some(0));
    assert_eq!(listed, "alice  presets tone, 1 stream\nroot  operator, all presets, any number of streams\n");
    let (_, json, _) = key(&["list", "--json"]);
    assert!(json.contains("\"max_streams\": 1") && !json.contains("sha256"), "{json}");

    let lets_in = |key: &str| host.get(&format!("/v1/presets?key={key}")).0 == 200;
    let (code, new, _) = key(&["rotate", "alice"]);
    assert_eq!(code, Some(0));
    let new = new.trim();
    host.wait_for("the new key", || lets_in(new));
    assert!(!lets_in(&alice) && lets_in(&root));
    assert_eq!(key(&["list"]).1, listed);
    assert_eq!(key(&["remove", "alice"]).0, Some(0));
    host.wait_for("the end of the key", || !lets_in(new));
    let (code, _, told) = key(&["remove", "alice"]);
    assert!(code == Some(1) && told.contains("there is no key `alice`; there are: root"), "{told}");
}

#[test]
fn the_client_shows_its_key() {
    let setup = setup();
    let key = made(&keys_file(&setup), &["alice"]);
    let host = setup.start();
    let stream = |key: Option<&str>| {
        let mut command = auricle();
        command.arg("stream").arg(fixture("demo.wav")).args(["--preset", "tone", "--url", host.address()]);
        command.env_remove("AURICLE_KEY").envs(key.map(|key| ("AURICLE_KEY", key)));
        command.output().unwrap()
    };
    assert!(stream(Some(&key)).status.success());
    let refused = stream(None);
    assert_eq!(refused.status.code(), Some(4));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("401 Unauthorized: an API key is required"));
}

#[test]
fn a_web_page_must_be_listed() {
    let plain = || Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"}));
    for (settings, own_is_allowed) in [("", true), ("[page]\nenabled = false", false)] {
        let host = plain().settings(settings).start();
        let own = format!("http://{}", host.address());
        let other_port = format!("{own}0");
        let others = ["https://app.example", "null", &other_port].into_iter().chain((!own_is_allowed).then_some(&*own));
        for page in others {
            let (status, message) = refused(&host, "", &[("Origin", page)]);
            assert!(status == 403 && message.contains("`origins`"), "{status} {message}");
        }
        if own_is_allowed {
            works(Client::knock(&host, "", &[("Origin", &own)]).unwrap(), "tone");
        }
    }
    let host = plain().settings("origins = [\"https://app.example\"]").start();
    works(Client::knock(&host, "", &[("Origin", "https://app.example")]).unwrap(), "tone");
    assert_eq!(refused(&host, "", &[("Origin", "https://evil.example")]).0, 403);
    works(Client::connect(&host), "tone");
}

#[test]
fn a_listed_page_is_told_by_the_connection_what_it_could_not_read_in_http() {
    let setup = setup().settings("keys = \"keys.toml\"\norigins = [\"https://app.example\"]");
    let key = made(&keys_file(&setup), &["alice", "--max-streams", "1"]);
    let host = setup.start();
    let page = ("Origin", "https://app.example");
    let message = Client::knock(&host, "", &[page]).unwrap().fails("unauthorized", 4401);
    assert!(message.contains("an API key is required"), "{message}");
    let query = format!("?key={key}");
    let open = Client::knock(&host, &query, &[page]).unwrap();
    let message = Client::knock(&host, &query, &[page]).unwrap().fails("capacity", 4429);
    assert!(message.contains("limit of open streams (1)"), "{message}");
    works(open, "tone");
    assert_eq!(refused(&host, &query, &[("Origin", "https://evil.example")]).0, 403);
}

#[test]
fn a_server_open_to_the_network_must_be_locked_or_be_told_not_to() {
    let start = |settings: &str| {
        let setup = setup().settings(settings);
        let mut command = auricle();
        command.args(["serve", "--listen", "0.0.0.0:0"]);
        for name in ["plugins", "configs"] {
            command.arg(format!("--{name}")).arg(setup.path(name));
        }
        (setup, command)
    };
    for (settings, problem) in [
        ("", "without API keys: set `keys`"),
        ("keys = \"keys.toml\"", "without TLS: set `[tls]`"),
        ("allow_network_without_keys = true", "without TLS: set `[tls]`"),
    ] {
        let output = start(settings).1.output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty() && message.contains(problem), "{message}");
    }
    let (setup, command) = start("allow_network_without_keys = true\nallow_network_without_tls = true");
    let host = setup.start_by(command);
    assert_eq!(host.json("/v1/presets")["presets"].as_array().map(Vec::len), Some(2));
}
