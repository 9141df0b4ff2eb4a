//! Every queue is limited. Reaching a limit is reported, does not affect other clients, and is not permanent.

use auricle_tests::{Client, Host, Setup, bytes, library, limit, noise, tone_segments};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    thread,
};

fn setup() -> Setup {
    Setup::new()
        .plugin(&library("tone"))
        .plugin(&library("faulty"))
        .preset("tone", &json!({"backend": "tone", "host": {"concurrency": 2}}))
        .preset("faulty", &faulty())
}

fn faulty() -> Value {
    let open = ["fault", "at", "after_chunks", "times", "seconds", "segment_chunks"];
    json!({"backend": "faulty", "host": {"open": open, "concurrency": 2}})
}

/// A stream that other streams must not affect.
fn assert_served(host: &Host, preset: &str) {
    let audio = noise(1, 20_000);
    let mut client = Client::open(host, preset, json!({}));
    client.audio(&bytes(&audio));
    assert_eq!(client.finish(), tone_segments(&audio, 16_000));
}

fn streams_end(host: &Host, preset: &str) {
    host.wait_for_preset(preset, |report| report["streams"] == 0);
}

/// A WebSocket handshake; returns the connection, and the head of the response.
fn handshake(host: &Host) -> (TcpStream, String) {
    let mut socket = TcpStream::connect(host.address()).unwrap();
    socket.set_read_timeout(Some(limit())).unwrap();
    let head = "GET /v1/stream HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.write_all(head.as_bytes()).unwrap();
    let lines = BufReader::new(socket.try_clone().unwrap()).lines().map_while(Result::ok);
    let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    (socket, head.join("\n").to_lowercase())
}

#[test]
fn the_server_takes_so_many_streams_and_no_more() {
    let host = setup().settings("[limits]\nmax_streams = 5").start();
    let answers: Vec<_> = thread::scope(|scope| {
        (0..40).map(|_| scope.spawn(|| handshake(&host))).map(|one| one.join().unwrap()).collect()
    });
    let (taken, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|(_, head)| head.starts_with("http/1.1 101 "));
    assert_eq!(taken.len(), 5);
    for (_, head) in refused {
        assert!(head.starts_with("http/1.1 503 ") && head.contains("retry-after: "), "{head}");
    }
    // Other requests are still answered.
    assert_eq!(host.get("/healthz").0, 200);
    drop(taken);
    host.wait_for("a place", || handshake(&host).1.starts_with("http/1.1 101 "));
    host.wait_for("the places", || {
        let places: Vec<_> = (0..5).map(|_| handshake(&host)).collect();
        places.iter().all(|(_, head)| head.starts_with("http/1.1 101 "))
    });
}

#[test]
fn a_preset_takes_so_many_streams_as_it_or_its_engine_says() {
    let host = setup()
        .preset("engine-says", &json!({"backend": "tone", "max_streams": 2}))
        .preset("preset-says", &json!({"backend": "tone", "max_streams": 2, "host": {"max_streams": 1}}))
        .start();
    for (preset, most) in [("engine-says", 2), ("preset-says", 1)] {
        let mut open: Vec<_> = (0..most).map(|_| Client::open(&host, preset, json!({}))).collect();
        let told = Client::start(&host, preset, json!({})).fails("capacity", 4429);
        assert!(told.contains(&format!("{most} streams at once")), "{told}");
        assert_eq!(host.preset_report(preset).unwrap()["streams"], most);
        for client in &mut open {
            client.finish();
        }
        // After `done` a client can immediately open another stream.
        for _ in 0..50 {
            assert_served(&host, preset);
        }
        // A failed stream's permit is free too when its client learns of the failure.
        let mut client = Client::open(&host, preset, json!({}));
        client.say(&json!({"type": "start"}));
        client.fails("bad_message", 4400);
        streams_end(&host, preset);
    }
    assert_served(&host, "tone");
}

#[test]
fn a_live_stream_says_that_it_is_behind_and_fails_when_it_is_too_far() {
    let host = setup().settings("[limits]\nmax_lag_seconds = 3\nreport_lag_seconds = 0.5").start();
    let slow = json!({"options": {"fault": "sleep", "seconds": 0.2, "times": 1_000_000}});
    let mut client = Client::open(&host, "faulty", slow.clone());
    client.audio_in_frames(&bytes(&noise(2, 320_000)), 3_200);
    let lag = client.until("lag")["seconds"].as_f64().unwrap();
    assert!((0.5..3.0).contains(&lag), "{lag}");
    // It waits too long, though the client sends nothing more.
    let told = client.fails("lag_exceeded", 4413);
    assert!(told.contains("wait for the engine, the oldest for 3."), "{told}");
    let lags: Vec<_> = client.events("lag").iter().map(|lag| lag["seconds"].as_f64().unwrap()).collect();
    assert!(lags.len() >= 2 && lags.is_sorted(), "{lags:?}");
    // Once the client has sent all, it gets all its text.
    let audio = noise(3, 32_000);
    let mut client = Client::open(&host, "faulty", slow);
    client.audio(&bytes(&audio));
    assert_eq!(client.finish(), tone_segments(&audio, 16_000));
    streams_end(&host, "faulty");
    assert_served(&host, "faulty");
}

#[test]
fn what_was_said_during_a_break_is_caught_up() {
    let host = setup().start();
    let audio = noise(2, 40 * 16_000);
    for preset in ["tone", "faulty"] {
        let mut client = Client::open(&host, preset, json!({}));
        client.audio_in_frames(&bytes(&audio), 100_000);
        assert_eq!(client.finish(), tone_segments(&audio, 16_000));
    }
}

#[test]
fn a_live_stream_queues_so_much_and_all_together_so_much() {
    let slow = json!({"options": {"fault": "sleep", "seconds": 1.0, "times": 1_000_000}});
    let limits = "[limits]\nmax_lag_seconds = 20\nmax_backlog_seconds = 30\nmax_shared_backlog_seconds = 15";
    let host = setup().settings(limits).start();
    let mut client = Client::open(&host, "faulty", slow.clone());
    client.audio(&bytes(&noise(2, 31 * 16_000)));
    let told = client.fails("lag_exceeded", 4413);
    assert!(told.contains("at most 30 s may"), "{told}");
    streams_end(&host, "faulty");

    let [mut first, mut second, mut modest] = [(); 3].map(|()| Client::open(&host, "faulty", slow.clone()));
    modest.audio(&bytes(&noise(2, 18 * 16_000)));
    first.audio(&bytes(&noise(2, 29 * 16_000)));
    // Until it waits.
    first.until("lag");
    second.audio(&bytes(&noise(2, 29 * 16_000)));
    let told = second.fails("lag_exceeded", 4413);
    assert!(told.contains("all streams together"), "{told}");
    for client in [&mut first, &mut modest] {
        client.until("lag");
    }
    assert_served(&host, "tone");
}

#[test]
fn a_burst_delays_no_live_speaker() {
    let mut preset = faulty();
    preset["host"]["concurrency"] = json!(1);
    let host = setup().preset("faulty", &preset).settings("[limits]\nreport_lag_seconds = 1").start();
    // Each tenth of a second takes 20 ms: 20 s take at least four.
    let slow = json!({"options": {"fault": "sleep", "seconds": 0.02, "times": 1_000_000}});
    let [mut burst, mut speaker] = [(); 2].map(|()| Client::open(&host, "faulty", slow.clone()));
    let (much, spoken) = (noise(2, 20 * 16_000), noise(3, 16_000));
    burst.audio(&bytes(&much));
    // It has waited for a second, and needs three more.
    burst.until("lag");
    speaker.audio(&bytes(&spoken));
    assert_eq!(speaker.finish(), tone_segments(&spoken, 16_000));
    assert!(speaker.events("lag").is_empty());
    assert_eq!(burst.finish(), tone_segments(&much, 16_000));
}

#[test]
fn a_live_stream_that_catches_up_says_so() {
    let host = setup().settings("[limits]\nreport_lag_seconds = 0.5").start();
    let audio = noise(4, 48_000);
    let mut client = Client::open(&host, "faulty", json!({"options": {"fault": "sleep", "seconds": 0.3, "times": 3}}));
    client.audio_in_frames(&bytes(&audio), 3_200);
    assert!(client.until("lag")["seconds"].as_f64().unwrap() >= 0.5);
    while client.until("lag")["seconds"] != 0.0 {}
    assert_eq!(client.finish(), tone_segments(&audio, 16_000));
    assert_eq!(client.events("lag").last().unwrap()["seconds"], 0.0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_waits_for_its_engine_and_not_in_memory() {
    let host = setup().settings("[limits]\nfile_buffer_seconds = 1").start();
    assert_served(&host, "faulty");
    let before = host.memory("VmRSS").unwrap();
    // 48 MB, sent as fast as the server accepts it, while the engine sleeps.
    let audio = noise(5, 24 << 20);
    let options = json!({"fault": "sleep", "seconds": 3.0, "after_chunks": 3, "segment_chunks": 1_000});
    let mut client = Client::open(&host, "faulty", json!({"pace": "file", "options": options}));
    client.audio_in_frames(&bytes(&audio), 1 << 18);
    assert_eq!(client.finish(), tone_segments(&audio, 1_600_000));
    let grown = host.memory("VmHWM").unwrap().saturating_sub(before) >> 20;
    assert!(grown < 24, "{grown} MiB for a file of 48");
    assert!(client.events("lag").is_empty());
}

#[test]
fn a_client_that_does_not_read_is_dropped_and_others_are_not() {
    let host = setup()
        .settings("[limits]\nmax_events_per_call = 1_000_000\nmax_unsent_events = 500\n[timeouts]\nwrite_seconds = 2")
        .start();
    for pace in ["live", "file"] {
        let already = host.logged(&["slow_reader"]);
        // Ten thousand segments for each tenth of a second of audio: tens of megabytes.
        let flood = json!({"fault": "flood", "times": 1_000});
        let mut client = Client::open(&host, "faulty", json!({"pace": pace, "options": flood}));
        client.audio_in_frames(&bytes(&noise(6, 160_000)), 3_200);
        for preset in ["tone", "faulty"] {
            assert_served(&host, preset);
        }
        host.wait_for("the end", || host.logged(&["slow_reader", "read nothing for 2 s"]) > already);
        streams_end(&host, "faulty");
        assert!([4414, 1006].contains(&client.to_end().code));
        assert!(!client.heard.iter().any(|event| event["type"] == "done"));
    }
}

#[test]
fn a_client_that_reads_late_gets_everything() {
    let host = setup().settings("[limits]\nmax_events_per_call = 1_000_000\nmax_unsent_events = 500").start();
    for pace in ["live", "file"] {
        let flood = json!({"fault": "flood", "times": 12, "after_chunks": 2});
        let mut client = Client::open(&host, "faulty", json!({"pace": pace, "options": flood}));
        let audio = noise(7, 48_000);
        client.audio_in_frames(&bytes(&audio), 3_200);
        // Other streams run completely before it reads.
        for _ in 0..20 {
            assert_served(&host, "tone");
        }
        let texts = client.finish();
        let (flooded, own): (Vec<_>, Vec<_>) = texts.into_iter().partition(|text| text.starts_with("segment "));
        assert_eq!(own, tone_segments(&audio, 16_000));
        assert_eq!(flooded.len(), 120_000);
        for (n, text) in flooded.iter().enumerate() {
            assert_eq!(*text, format!("segment {}", n % 10_000));
        }
    }
}

#[test]
fn a_client_must_start_and_then_be_alive() {
    let host = setup().settings("[timeouts]\nstart_seconds = 2\nidle_seconds = 3").start();
    let mut client = Client::connect(&host);
    let told = client.fails("idle_timeout", 4408);
    assert!(told.contains("no `start` message within 2 s"), "{told}");

    thread::scope(|scope| {
        // Sends nothing, but answers pings: that is enough.
        let quiet = scope.spawn(|| {
            let mut client = Client::open(&host, "tone", json!({}));
            client.listen_until(|| host.logged(&["idle_timeout"]) >= 3);
            client.audio(&bytes(&noise(8, 20_000)));
            assert_eq!(client.finish(), tone_segments(&noise(8, 20_000), 16_000));
        });
        // Does not even read, and so answers no pings.
        for _ in 0..2 {
            let mut client = Client::open(&host, "faulty", json!({}));
            client.audio(&bytes(&noise(9, 4_000)));
            streams_end(&host, "faulty");
            let told = client.fails("idle_timeout", 4408);
            assert!(told.contains("nothing was received for 3 s"), "{told}");
            assert!(!client.events("partial").is_empty());
        }
        quiet.join().unwrap();
    });
}

#[test]
fn a_slow_engine_delays_its_own_streams_only() {
    let host = setup().start();
    let mut stuck = Client::open(&host, "faulty", json!({"options": {"fault": "hang"}}));
    let mut beside = Client::open(&host, "faulty", json!({"options": {"fault": "hang"}}));
    for client in [&mut stuck, &mut beside] {
        client.audio(&bytes(&noise(10, 4_000)));
    }
    // Both threads of the model hang.
    for _ in 0..50 {
        assert_served(&host, "tone");
    }
    assert_eq!(host.preset_report("faulty").unwrap()["streams"], 2);
}
