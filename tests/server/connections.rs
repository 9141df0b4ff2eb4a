//! Connections are limited in number and time: many or slow connections do not affect other clients.

use auricle_tests::{Client, Host, Setup, bytes, library, limit, noise, tone_segments};
use serde_json::json;
use std::{
    cell::RefCell,
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};
use tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

fn host(settings: &str) -> Host {
    Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"})).settings(settings).start()
}

fn connect(host: &Host) -> TcpStream {
    let socket = TcpStream::connect(host.address()).unwrap();
    socket.set_read_timeout(Some(limit())).unwrap();
    socket
}

/// Reads to the end; the server may have reset the connection.
fn rest(mut socket: TcpStream) -> String {
    let mut answer = Vec::new();
    match socket.read_to_end(&mut answer) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("the server does not close"),
        _ => String::from_utf8_lossy(&answer).into_owned(),
    }
}

fn refusals(host: &Host, reason: &str) -> u64 {
    let line = format!("auricle_refusals_total{{reason=\"{reason}\"}} ");
    host.get("/metrics").1.lines().find_map(|text| text.strip_prefix(&line)?.parse().ok()).unwrap_or(0)
}

fn works(host: &Host) {
    let audio = noise(1, 20_000);
    let mut client = Client::open(host, "tone", json!({}));
    client.audio(&bytes(&audio));
    assert_eq!(client.finish(), tone_segments(&audio, 16_000));
}

#[test]
fn connections_are_counted_over_the_server_and_by_address() {
    for (settings, status, reason) in [
        ("max_connections = 8\nmax_connections_per_address = 100", 503, "connections"),
        ("max_connections = 100\nmax_connections_per_address = 8", 429, "address_connections"),
    ] {
        let host = host(&format!("[limits]\n{settings}"));
        let stream = Client::open(&host, "tone", json!({}));
        let told = RefCell::new(String::new());
        // Until the connections of the previous attempt are closed and the new ones accepted.
        host.wait_for("the refusal", || {
            let _silent: Vec<_> = (0..7).map(|_| connect(&host)).collect();
            let (answer, text) = host.get("/healthz");
            told.replace(text);
            answer == status
        });
        let told = told.into_inner();
        assert!(told.contains("has reached its limit of connections"), "{told}");
        drop(stream);
        host.wait_for("a place", || host.get("/healthz").0 == 200);
        works(&host);
        assert!(refusals(&host, reason) >= 1);
    }
}

#[test]
fn a_flood_of_connections_is_dropped_and_served_streams_go_on() {
    let host = host("[limits]\nmax_connections = 20\n[timeouts]\nrequest_seconds = 3");
    let audio = noise(2, 40_000);
    let mut client = Client::open(&host, "tone", json!({}));
    client.audio(&bytes(&audio[..20_000]));
    let flood: Vec<_> = (0..300).map(|_| connect(&host)).collect();
    client.audio(&bytes(&audio[20_000..]));
    assert_eq!(client.finish(), tone_segments(&audio, 16_000));
    // All of them are closed, because of their number or the time limit.
    flood.into_iter().for_each(|socket| drop(rest(socket)));
    works(&host);
    let dropped = || refusals(&host, "connections") + refusals(&host, "address_connections");
    host.wait_for("the count", || dropped() >= 200 && refusals(&host, "slow_request") >= 9);
}

#[test]
fn a_request_must_be_sent_and_its_answer_taken_in_time() {
    let host = host("[timeouts]\nrequest_seconds = 2");
    let head = "GET /v1/presets HTTP/1.1\r\nHost: x\r\n";
    thread::scope(|scope| {
        // No data, half a head, a head byte by byte, a body that does not arrive.
        for beginning in ["", head, "POST /v1/presets HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"] {
            scope.spawn(|| {
                let mut socket = connect(&host);
                socket.write_all(beginning.as_bytes()).unwrap();
                rest(socket);
            });
        }
        scope.spawn(|| {
            let mut socket = connect(&host);
            while socket.write_all(b"G").is_ok() {
                thread::sleep(Duration::from_millis(50));
            }
        });
        scope.spawn(|| works(&host));
    });
    host.wait_for("the count", || refusals(&host, "slow_request") == 3);
    // A pipeline does not fill up with responses that are not read.
    let mut socket = connect(&host);
    while socket.write_all(format!("{head}\r\n").repeat(100).as_bytes()).is_ok() {}
    host.wait_for("the count", || refusals(&host, "slow_request") == 4);
    works(&host);
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let host = host("[timeouts]\nrequest_seconds = 2");
    let mut socket = connect(&host);
    for _ in 0..3 {
        socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"ok\n") {
            let mut byte = [0];
            socket.read_exact(&mut byte).unwrap();
            answer.extend(byte);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
    }
    // An idle connection is closed, and that counts as nobody's fault.
    assert_eq!(rest(socket), "");
    assert_eq!(refusals(&host, "slow_request"), 0);
    let mut socket = connect(&host);
    socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    assert!(rest(socket).to_lowercase().contains("connection: close"));
}

#[test]
fn each_phase_of_a_request_has_its_own_limit() {
    // The head of a request has one second, the other phases have 60.
    let host = host("[timeouts]\nrequest_seconds = 60\nhead_seconds = 1");
    let mut socket = connect(&host);
    socket.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
    assert_eq!(rest(socket), "");
    host.wait_for("the count", || refusals(&host, "slow_request") == 1);
    works(&host);
}

#[test]
fn a_head_without_end_is_cut_off() {
    let host = host("");
    let mut socket = connect(&host);
    let endless = format!("GET /healthz HTTP/1.1\r\nX: {}", "x".repeat(1 << 20));
    let _ = socket.write_all(endless.as_bytes());
    let answer = rest(socket);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    works(&host);
}

#[test]
fn frames_without_end_are_no_sign_of_life_and_no_place_to_hide() {
    let host = host("[limits]\nmax_message_bytes = 100_000\n[timeouts]\nidle_seconds = 2");
    // A frame that arrives byte by byte, with pings unanswered: the message never ends, so nothing was received.
    let mut client = Client::open(&host, "tone", json!({}));
    let mut socket = client.socket();
    socket.write_all(&[0x82, 0xfe, 0xff, 0xff, 0, 0, 0, 0]).unwrap();
    while !host.get("/metrics").1.contains("code=\"idle_timeout\"") {
        let _ = socket.write_all(&[0]);
        thread::sleep(Duration::from_millis(50));
    }
    client.fails("idle_timeout", 4408);
    // A message with endless fragments becomes too large at some point.
    let mut client = Client::open(&host, "tone", json!({}));
    client.send(Message::Frame(Frame::message(vec![0; 1_000], OpCode::Data(Data::Binary), false)));
    for _ in 0..200 {
        client.send(Message::Frame(Frame::message(vec![0; 1_000], OpCode::Data(Data::Continue), false)));
    }
    client.fails("too_large", 1009);
    works(&host);
}
