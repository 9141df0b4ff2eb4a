//! Two servers in one process: metrics, streams and limits are separate.

use auricle_server::{Server, settings::Settings};
use auricle_tests::{bytes, host_program, library, limit, noise};
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tungstenite::{Message, client::client_with_config};

/// Starts a server on `tone` in its own directory; returns `127.0.0.1:PORT`.
async fn start(dir: &Path) -> String {
    let (plugins, presets) = (dir.join("plugins"), dir.join("presets"));
    fs::create_dir_all(&plugins).unwrap();
    fs::create_dir_all(&presets).unwrap();
    fs::copy(library("tone"), plugins.join(library("tone").file_name().unwrap())).unwrap();
    fs::write(presets.join("tone.json"), r#"{"backend": "tone"}"#).unwrap();
    let settings = Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        plugins: vec![plugins],
        presets,
        cache: Some(dir.join("cache")),
        ..Settings::default()
    };
    let server = Server::bind(settings, host_program(), Arc::default()).await.unwrap();
    let address = server.urls().unwrap()[0].strip_prefix("http://").unwrap().to_owned();
    tokio::spawn(server.run(|| Ok::<_, std::convert::Infallible>(())));
    address
}

fn get(address: &str, path: &str) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

/// Runs a whole stream.
fn stream(address: &str) {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(limit())).unwrap();
    let (mut client, _) = client_with_config(format!("ws://{address}/v1/stream"), socket, None).unwrap();
    client.send(Message::text(r#"{"type": "start", "preset": "tone"}"#)).unwrap();
    client.send(Message::binary(bytes(&noise(1, 20_000)))).unwrap();
    client.send(Message::text(r#"{"type": "finish"}"#)).unwrap();
    let mut last = String::new();
    while let Ok(message) = client.read() {
        if let Message::Text(text) = message {
            last = text.to_string();
        }
    }
    assert!(last.contains(r#""type":"done""#), "{last}");
}

#[test]
fn each_counts_what_is_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let [first, second] = ["first", "second"].map(|name| runtime.block_on(start(&dir.path().join(name))));
    let begun = Instant::now();
    while !get(&first, "/readyz").contains("ready\n") || !get(&second, "/readyz").contains("ready\n") {
        assert!(begun.elapsed() < limit());
        thread::sleep(Duration::from_millis(20));
    }
    stream(&first);
    stream(&first);
    stream(&second);
    let opened = |address: &str, count: usize| {
        let line = format!(r#"auricle_streams_total{{preset="tone",engine="tone"}} {count}"#);
        get(address, "/metrics").lines().any(|text| text == line)
    };
    assert!(opened(&first, 2) && opened(&second, 1), "{}", get(&second, "/metrics"));
    runtime.shutdown_timeout(Duration::from_secs(5));
}
