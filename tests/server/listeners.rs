//! Listeners: addresses of every kind, their dialects, and their access rules.

use auricle_tests::{Client, Setup, auricle, bytes, library, limit, noise, tone_segments};
use serde_json::json;
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
};
use tungstenite::Message;

fn setup() -> Setup {
    Setup::new()
        .plugin(&library("tone"))
        .preset("tone", &json!({"backend": "tone"}))
        .preset("other", &json!({"backend": "tone"}))
}

fn works(mut client: Client, preset: &str) {
    let audio = noise(1, 20_000);
    client.say_start(preset, json!({}));
    client.audio(&bytes(&audio));
    assert_eq!(client.finish(), tone_segments(&audio, 16_000));
}

/// The status line of the response to a GET.
fn status(mut socket: impl Read + Write, path: &str, more: &str) -> String {
    write!(socket, "GET {path} HTTP/1.1\r\nHost: x\r\n{more}Connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

fn at(address: &str) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(limit())).unwrap();
    socket
}

/// The error of a server that does not start.
fn refused(setup: Setup, settings: &str) -> String {
    let setup = setup.settings(settings);
    let output = setup.command().output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn this_machine_is_listened_to_by_its_name() {
    let host = setup().settings("[[listeners]]\naddress = \"localhost:0\"").start();
    assert!(host.address().starts_with("127.0.0.1:"), "{}", host.address());
    works(Client::connect(&host), "tone");
    // The flag replaces all listeners, including one that would be refused.
    let setup = setup().settings("[[listeners]]\naddress = \"0.0.0.0:0\"");
    let mut command = setup.command();
    command.args(["--listen", "localhost:0"]);
    works(Client::connect(&setup.start_by(command)), "tone");
}

#[cfg(unix)]
#[test]
fn a_socket_file_is_listened_to_and_removed() {
    use std::os::unix::net::{UnixListener, UnixStream};
    let setup = setup();
    let path = setup.path("configs/auricle.sock");
    // A killed server has left it behind.
    drop(UnixListener::bind(&path).unwrap());
    let settings = "[[listeners]]\naddress = \"127.0.0.1:0\"\n[[listeners]]\naddress = \"unix:auricle.sock\"";
    let host = setup.settings(settings).start();
    assert_eq!(status(UnixStream::connect(&path).unwrap(), "/readyz", ""), "HTTP/1.1 200 OK");
    let upgrade = "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    let mut socket = UnixStream::connect(&path).unwrap();
    socket.set_read_timeout(Some(limit())).unwrap();
    write!(socket, "GET /v1/stream HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n{upgrade}\r\n").unwrap();
    let mut begin = [0; 12];
    socket.read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"HTTP/1.1 101");
    works(Client::connect(&host), "tone");
    drop(socket);
    assert!(host.stop().success());
    assert!(!path.exists());
}

#[test]
fn a_dialect_alone_is_at_every_path_and_nothing_else_is_there() {
    let settings = "[[listeners]]\naddress = \"127.0.0.1:0\"\ndialects = [\"native\"]\n[[listeners]]\naddress = \
                    \"127.0.0.1:0\"\ndialects = [\"vosk\"]";
    let host = setup().settings(settings).start();
    let (main, own) = (host.listener(0), host.listener(1));
    for (address, path, expected) in [
        (&main, "/v1/presets", "HTTP/1.1 200 OK"),
        (&main, "/v1/stream", "HTTP/1.1 426 Upgrade Required"),
        (&main, "/vosk", "HTTP/1.1 404 Not Found"),
        (&own, "/", "HTTP/1.1 426 Upgrade Required"),
        (&own, "/v1/presets", "HTTP/1.1 426 Upgrade Required"),
        (&own, "/any/where", "HTTP/1.1 426 Upgrade Required"),
        (&own, "/healthz", "HTTP/1.1 200 OK"),
    ] {
        assert_eq!(status(at(address), path, ""), expected, "{path}");
    }
    works(Client::connect(&host), "tone");
}

#[test]
fn an_unknown_path_names_those_of_the_streams() {
    let host = setup().settings("[page]\nenabled = false").start();
    for path in ["/", "/v1/stream/", "/v3/stream"] {
        let (status, body) = host.get(path);
        assert_eq!(status, 404, "{path}");
        assert!(body.contains("/v1/stream (native)") && body.contains("/vosk (vosk)"), "{path}: {body}");
    }
}

#[test]
fn scripts_of_listed_pages_may_read_the_http_routes() {
    let host = setup().settings("origins = [\"https://app.example\"]").start();
    let allowed = |origin: &str| {
        let mut socket = at(host.address());
        write!(socket, "GET /v1/presets HTTP/1.1\r\nHost: x\r\nOrigin: {origin}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer.lines().find_map(|line| line.strip_prefix("access-control-allow-origin: ")).map(str::to_owned)
    };
    assert_eq!(allowed("https://app.example").as_deref(), Some("https://app.example"));
    assert_eq!(allowed("https://other.example"), None);
}

#[test]
fn a_listener_serves_its_networks_only() {
    let settings = "[[listeners]]\naddress = \"127.0.0.1:0\"\nallow = [\"127.0.0.0/8\"]\n[[listeners]]\naddress = \
                    \"127.0.0.1:0\"\nallow = [\"10.0.0.0/8\", \"192.168.0.7/32\"]";
    let host = setup().settings(settings).start();
    works(Client::connect(&host), "tone");
    assert_eq!(status(at(&host.listener(1)), "/healthz", ""), "HTTP/1.1 403 Forbidden");
    let count = "auricle_refusals_total{reason=\"address\"} 1";
    host.wait_for("the count", || host.get("/metrics").1.contains(count));
}

#[test]
fn who_comes_to_a_listener_with_a_key_has_that_key() {
    let setup = setup();
    let keys = setup.path("configs/keys.toml");
    fs::write(&keys, "").unwrap();
    let made = |args: &[&str]| {
        let output = auricle().args(["key", "add"]).args(args).arg("--file").arg(&keys).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    made(&["kitchen", "--preset", "other"]);
    let operator = made(&["chief", "--operator"]);
    let settings = "keys = \"keys.toml\"\n[[listeners]]\naddress = \"127.0.0.1:0\"\nkey = \"kitchen\"\n[[listeners]]\n\
                    address = \"127.0.0.1:0\"";
    let host = setup.settings(settings).start();
    works(Client::connect(&host), "other");
    let mut client = Client::connect(&host);
    client.say_start("tone", json!({}));
    client.fails("forbidden_preset", 4406);
    let show = format!("Authorization: Bearer {operator}\r\n");
    for (n, more, expected) in [
        (0, "", "HTTP/1.1 403 Forbidden"),
        (0, show.as_str(), "HTTP/1.1 403 Forbidden"),
        (1, "", "HTTP/1.1 401 Unauthorized"),
        (1, show.as_str(), "HTTP/1.1 200 OK"),
    ] {
        assert_eq!(status(at(&host.listener(n)), "/v1/streams", more), expected, "{n} {more}");
    }
    // Once removed, the key allows nothing.
    let left: Vec<_> = fs::read_to_string(&keys).unwrap().split("[keys.").map(str::to_owned).collect();
    let left = left.iter().filter(|key| key.starts_with("chief")).map(|key| format!("[keys.{key}")).collect::<String>();
    fs::write(&keys, left).unwrap();
    host.wait_for("the withdrawal", || status(at(&host.listener(0)), "/v1/presets", "") == "HTTP/1.1 401 Unauthorized");
}

#[test]
fn networks_are_served_without_a_key_but_not_in_place_of_one() {
    let setup = setup();
    let keys = setup.path("configs/keys.toml");
    fs::write(&keys, "").unwrap();
    let output = auricle().args(["key", "add", "kitchen", "--file"]).arg(&keys).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let listener = "[[listeners]]\naddress = \"127.0.0.1:0\"\n";
    let vosk = "dialects = [\"vosk\"]\nallow = [\"127.0.0.0/8\"]\n";
    let settings = format!("keys = \"keys.toml\"\n{listener}{listener}{vosk}{listener}{vosk}key = \"kitchen\"");
    let host = setup.settings(&settings).start();
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \
                   dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let knock = |n: usize, path: &str| {
        let mut socket = at(&host.listener(n));
        write!(socket, "GET {path} HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n").unwrap();
        let mut begin = [0; 12];
        socket.read_exact(&mut begin).unwrap();
        String::from_utf8(begin.to_vec()).unwrap()
    };
    assert_eq!(knock(1, "/"), "HTTP/1.1 101");
    assert_eq!(knock(1, "/?key=wrong"), "HTTP/1.1 401");
    assert_eq!(knock(2, "/"), "HTTP/1.1 101");
    // What a removed key allowed is not open to all clients.
    fs::write(&keys, "").unwrap();
    host.wait_for("the withdrawal", || knock(2, "/") == "HTTP/1.1 401");
}

#[cfg(unix)]
#[test]
fn a_client_that_reads_late_has_the_time_of_a_stream_not_of_a_request() {
    use std::os::unix::net::UnixStream;
    let preset = json!({"backend": "tone", "chunk_samples": 160, "segment_chunks": 1});
    let setup = setup().preset("many", &preset);
    let path = setup.path("configs/auricle.sock");
    let settings = "[timeouts]\nanswer_seconds = 0.5\nwrite_seconds = 300.0\n[[listeners]]\naddress = \"127.0.0.1:0\"\n[[listeners]]\naddress = \
                    \"unix:auricle.sock\"";
    let _host = setup.settings(settings).start();
    let socket = UnixStream::connect(&path).unwrap();
    socket.set_read_timeout(Some(limit())).unwrap();
    let (mut client, _) = tungstenite::client("ws://x/v1/stream", socket).unwrap();
    client.send(Message::text(r#"{"type": "start", "preset": "many", "pace": "file"}"#)).unwrap();
    // More segments than fit into the socket, and nobody reads them for a while (how long depends on the machine). No
    // more than may wait in the server.
    for frame in bytes(&noise(7, 200_000)).chunks(64_000) {
        client.send(Message::binary(frame.to_vec())).unwrap();
    }
    client.send(Message::text(r#"{"type": "finish"}"#)).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let (mut segments, mut last) = (0, String::new());
    while let Ok(message) = client.read() {
        if let Message::Text(text) = message {
            segments += usize::from(text.contains(r#""type":"segment""#));
            last = text.to_string();
        }
    }
    assert!(last.contains(r#""type":"done""#), "after {segments} segments: {last}");
    assert_eq!(segments, 1_250);
}

#[test]
fn a_listener_that_cannot_be_is_refused_with_the_reason() {
    let listener = |more: &str| format!("[[listeners]]\naddress = \"127.0.0.1:0\"\n{more}");
    for (settings, problem) in [
        (
            listener("dialects = [\"klingon\"]"),
            "has an unknown dialect `klingon`; known dialects: native, vosk, sherpa, sherpa-offline, whisper-live, whisper-live-kit, deepgram, deepgram-flux, assemblyai, moshi, telephone, openai-realtime, openai, hisi, webrtc, riva, wyoming",
        ),
        (listener("dialects = []"), "`dialects` of the listener on 127.0.0.1:0 is empty"),
        (listener("dialects = [\"vosk\", \"vosk\"]"), "has the dialect `vosk` twice"),
        (listener("tls = true"), "there is no [tls]"),
        (
            "[[listeners]]\naddress = \"unix:a.sock\"\nallow = [\"10.0.0.0/8\"]".to_owned(),
            "has no effect on the socket file",
        ),
        (listener("key = \"kitchen\""), "bound to the key `kitchen`, which is not in `keys`"),
        (listener("[dialects.vosk]\npresets = \"x\""), "presets"),
        ("listen = \"nowhere\"".to_owned(), "`nowhere` is not an address to listen on: use an IP address"),
        ("[[listeners]]\naddress = \"0.0.0.0:0\"".to_owned(), "without API keys"),
        (
            "allow_network_without_keys = true\n[[listeners]]\naddress = \"0.0.0.0:0\"\ndialects = [\"vosk\"]"
                .to_owned(),
            "clients cannot send a key",
        ),
    ] {
        let told = refused(setup(), &settings);
        assert!(told.contains(problem), "{settings}: {told}");
    }
}
