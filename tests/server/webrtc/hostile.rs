//! Packets of strangers and corrupted ones, and offers that never connect: others are unharmed, and the memory comes back.

use super::{call, over_websocket, refusals::knock, segments, setup, texts};
use auricle_tests::{MediaRelay, Weather, fixture};
use fastrand::Rng;
use serde_json::json;
use std::{
    net::UdpSocket,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

/// A packet that looks like one of WebRTC: STUN for this user name, DTLS, RTP, RTCP, or nothing known.
fn packet(random: &mut Rng, ufrag: &str) -> Vec<u8> {
    let mut bytes = vec![0; random.usize(..1_500)];
    random.fill(&mut bytes);
    let first = [0, 22, 128, 129, 200, 63][random.usize(..6)];
    if let Some(byte) = bytes.first_mut() {
        *byte = first;
    }
    if first == 0 {
        // A binding request with a wrong password, whole or cut.
        let name = format!("{ufrag}:abcd");
        let mut attributes = vec![0, 6, 0, name.len() as u8];
        attributes.extend(name.bytes());
        attributes.resize(attributes.len().next_multiple_of(4), 0);
        attributes.extend([0, 0x24, 0, 4, 0, 0, 0, 1]);
        attributes.extend([0, 8, 0, 20]);
        attributes.extend((0..20).map(|_| random.u8(..)));
        bytes = vec![0, 1, 0, attributes.len() as u8, 0x21, 0x12, 0xa4, 0x42];
        bytes.extend((0..12).map(|_| random.u8(..)));
        bytes.extend(attributes);
        if random.u8(..4) == 0 {
            bytes.truncate(random.usize(..bytes.len()));
        }
    }
    bytes
}

#[test]
fn packets_of_strangers_and_corrupted_ones_change_nothing() {
    let host = setup("").start();
    let said = over_websocket(&host, &fixture("digits.wav"));
    let media = host.listener(1);
    let (_, answer) = knock(&host, "victim", json!({}));
    let ufrag =
        answer["sdp"].as_str().unwrap().lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap().to_owned();
    let relay = MediaRelay::new(&media, Weather { corrupted: 0.3, ..Weather::default() });
    let done = AtomicBool::new(false);
    let result = thread::scope(|scope| {
        scope.spawn(|| {
            let (socket, mut random) = (UdpSocket::bind("127.0.0.1:0").unwrap(), Rng::with_seed(7));
            while !done.load(Ordering::Relaxed) {
                for _ in 0..20 {
                    // Too many at once are lost, as in any network.
                    let _ = socket.send_to(&packet(&mut random, &ufrag), &media);
                }
                thread::yield_now();
            }
        });
        let result = call(&host, json!({"relay": relay.port(), "body": {"preset": "digits"}, "speed": 2}));
        done.store(true, Ordering::Relaxed);
        result
    });
    let Some(result) = result else { return };
    assert_eq!(texts(&segments(&result)), said);
    assert_eq!(host.logged(&["panicked"]), 0, "{}", host.log());
    let told = host.logged(&[" WARN "]) + host.logged(&[" ERROR "]);
    assert_eq!(told, 0, "{}", host.log());
}

#[test]
fn a_thousand_offers_that_never_connect_harm_nobody_and_leave_no_memory() {
    let host = setup("[limits]\nmax_connections = 5000\nmax_connections_per_address = 5000\n");
    let file = host.path("configs/auricle.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, settings.replace("connect_seconds = 15.0", "connect_seconds = 4.0")).unwrap();
    let host = host.start();
    let said = over_websocket(&host, &fixture("digits.wav"));
    let flood = |round: usize| {
        let accepted =
            (0..1_000).filter(|n| knock(&host, &format!("{round}-{n}"), json!({})).1["type"] == "answer").count();
        assert_eq!(accepted, 1_000);
        host.wait_for("their end", || host.get("/metrics").1.contains("auricle_connections 1\n"));
        host.memory("VmRSS")
    };
    let (result, first) = thread::scope(|scope| {
        let calling = scope.spawn(|| call(&host, json!({"body": {"preset": "digits"}, "speed": 1})));
        let first = flood(1);
        (calling.join().unwrap(), first)
    });
    let second = flood(2);
    // What the allocator keeps, it uses again.
    if let (Some(first), Some(second)) = (first, second) {
        assert!(second < first + (8 << 20), "{first} bytes, then {second}");
    }
    let Some(result) = result else { return };
    assert_eq!(texts(&segments(&result)), said);
}
