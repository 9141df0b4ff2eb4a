//! Invalid input of clients, by mistake or on purpose: each gets a clear answer, and no other client notices.

use auricle_tests::{Client, Host, Setup, bytes, library, limit, noise, tone_segments};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    thread,
};
use tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

fn host() -> Host {
    Setup::new()
        .plugin(&library("tone"))
        .preset("tone", &json!({"backend": "tone", "host": {"open": ["lan", "segment_chunks"], "concurrency": 2}}))
        .start()
}

/// Checks that the host works as before.
fn assert_well(host: &Host) {
    host.wait_for_preset("tone", |report| report["streams"] == 0 || report["state"] == "idle");
    let audio = noise(9, 20_000);
    let mut client = Client::open(host, "tone", json!({}));
    client.audio(&bytes(&audio));
    assert_eq!(client.finish(), tone_segments(&audio, 16_000));
}

/// A text frame with any bytes.
fn raw_text(bytes: &[u8]) -> Message {
    Message::Frame(Frame::message(bytes.to_vec(), OpCode::Data(Data::Text), true))
}

/// Sends bytes and reads until the server closes.
fn raw(host: &Host, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(host.address()).unwrap();
    socket.set_read_timeout(Some(limit())).unwrap();
    socket.write_all(bytes).unwrap();
    read(&mut socket)
}

fn read(socket: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    match socket.read_to_end(&mut answer) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("the server neither answers nor closes"),
        _ => String::from_utf8_lossy(&answer).into_owned(),
    }
}

#[test]
fn a_start_that_cannot_be_obeyed_is_answered_with_the_reason() {
    let host = host();
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    for (message, code, close, reason) in [
        (
            json!({"type": "start", "preset": "tune"}),
            "unknown_preset",
            4404,
            "there is no preset `tune`; there are: tone",
        ),
        (json!({"type": "start", "preset": "../tone"}), "unknown_preset", 4404, "no preset `../tone`"),
        (json!({"type": "start", "preset": ""}), "unknown_preset", 4404, "no preset ``"),
        (
            json!({"type": "start", "preset": "tone", "options": {"work": 3}}),
            "forbidden_field",
            4403,
            "option `work` is not open to clients in preset `tone`; open are: lan, segment_chunks",
        ),
        (json!({"type": "start", "preset": "tone", "options": {"host": {}}}), "forbidden_field", 4403, "`host`"),
        (
            json!({"type": "start", "preset": "tone", "options": {"segment_chunks": "many"}}),
            "invalid_option",
            4405,
            "segment_chunks",
        ),
        (
            json!({"type": "start", "preset": "tone", "options": {"segment_chunks": 0}}),
            "invalid_option",
            4405,
            "segment_chunks",
        ),
        (
            json!({"type": "start", "preset": "tone", "options": []}),
            "bad_message",
            4400,
            "`options` must be an object, not a list",
        ),
        (json!({"type": "start"}), "bad_message", 4400, "preset"),
        (json!({"type": "start", "preset": 5}), "bad_message", 4400, "string"),
        (json!({"type": "start", "preset": "tone", "rate": 8_000}), "bad_message", 4400, "`rate`"),
        (json!({"type": "start", "preset": "tone", "pace": "slow"}), "bad_message", 4400, "`slow`"),
        (json!({"type": "start", "preset": "tone", "format": "mp3"}), "bad_message", 4400, "`mp3`"),
        (
            json!({"type": "start", "preset": "tone", "sample_rate": 7_999}),
            "bad_message",
            4400,
            "`sample_rate` is 7999",
        ),
        (json!({"type": "start", "preset": "tone", "sample_rate": 192_001}), "bad_message", 4400, "8000 to 192000"),
        (json!({"type": "start", "preset": "tone", "sample_rate": -1}), "bad_message", 4400, "-1"),
        (json!({"type": "start", "preset": "tone", "sample_rate": 16000.5}), "bad_message", 4400, "16000.5"),
        (json!({"type": "start", "preset": "tone", "channels": 0}), "bad_message", 4400, "`channels` is 0"),
        (json!({"type": "start", "preset": "tone", "channels": 9}), "bad_message", 4400, "from 1 to 8"),
        (json!({"type": "start", "preset": "tone", "channel": 1}), "bad_message", 4400, "`channel` is 1"),
        (json!({"type": "flush"}), "bad_message", 4400, "the first message must be `start` or `resume`"),
        (json!({"type": "finish"}), "bad_message", 4400, "the first message must be `start` or `resume`"),
        (json!({"type": "begin"}), "bad_message", 4400, "`begin`"),
        (json!({"preset": "tone"}), "bad_message", 4400, "type"),
        (json!(null), "bad_message", 4400, "not a valid text message"),
        (json!([1, 2]), "bad_message", 4400, "not a valid text message"),
        (Value::String("not an object at all".into()), "bad_message", 4400, "not a valid text message"),
    ] {
        let mut client = Client::connect(&host);
        client.say(&message);
        let told = client.fails(code, close);
        assert!(told.contains(reason), "{message}: {told}");
        let closed = client.closed.unwrap();
        assert!(closed.reason.starts_with(&format!("{code}: ")), "{closed:?}");
    }
    for text in ["", "{", "start", "{\"type\": \"start\", \"preset\": \"tone\"", "\u{0}", "{}{}", deep.as_str()] {
        let mut client = Client::connect(&host);
        client.send(Message::text(text));
        client.fails("bad_message", 4400);
    }
    let mut client = Client::connect(&host);
    client.audio(&[0; 640]);
    let told = client.fails("bad_message", 4400);
    assert!(told.contains("the first message must be `start` or `resume`, but is audio"), "{told}");
    assert_well(&host);
}

#[test]
fn what_makes_no_sense_in_a_stream_ends_it() {
    let host = host();
    let text = |text: &str| Message::text(text.to_owned());
    for (message, reason) in [
        (text("{"), "not a valid text message"),
        (text(r#"{"type": "pause"}"#), "`pause`"),
        (text(r#"{"type": "flush", "now": true}"#), "`now`"),
        (text(r#"{"type": "finish", "now": true}"#), "`now`"),
        (text(r#"{"type": "reset", "epoch": 4}"#), "`epoch`"),
        (text(r#"{"type": "start", "preset": "tone"}"#), "a second `start`"),
        (raw_text(b"{\"type\": \"\xff\xfe\"}"), "UTF-8"),
    ] {
        let mut client = Client::open(&host, "tone", json!({}));
        client.audio(&bytes(&noise(1, 17_000)));
        client.until("segment");
        client.send(message.clone());
        let told = client.fails("bad_message", 4400);
        assert!(told.contains(reason), "{message:?}: {told}");
    }
    // The same before there is a stream.
    let mut client = Client::connect(&host);
    client.send(raw_text(b"\xc3\x28"));
    assert!(client.fails("bad_message", 4400).contains("UTF-8"));
    // A data frame in place of a continuation violates the WebSocket protocol.
    let mut client = Client::open(&host, "tone", json!({}));
    client.send(Message::Frame(Frame::message(vec![0; 6], OpCode::Data(Data::Continue), true)));
    assert!(client.fails("bad_message", 4400).contains("not WebSocket"));
    assert_well(&host);
}

#[test]
fn what_is_too_large_is_refused_with_the_limit() {
    let host = host();
    for size in [(1 << 20) + 1, 16 << 20] {
        let mut client = Client::open(&host, "tone", json!({}));
        client.audio(&vec![0; size]);
        let told = client.fails("too_large", 1009);
        assert!(told.contains(&format!("{size} bytes; the limit is 1048576")), "{told}");
        // The same as the first message.
        let mut client = Client::connect(&host);
        client.send(Message::text("x".repeat(size)));
        client.fails("too_large", 1009);
    }
    // In fragments, none of which is too large on its own.
    let mut client = Client::open(&host, "tone", json!({"pace": "file"}));
    for (n, last) in [(0, false), (1, false), (2, true)] {
        let kind = if n == 0 { Data::Binary } else { Data::Continue };
        client.send(Message::Frame(Frame::message(vec![0; 500_000], OpCode::Data(kind), last)));
    }
    client.fails("too_large", 1009);
    // The largest message allowed, and in fragments.
    let audio = noise(3, (1 << 20) / 2);
    let mut client = Client::open(&host, "tone", json!({"pace": "file"}));
    client.audio(&bytes(&audio));
    for (n, piece) in bytes(&audio).chunks(1 << 19).enumerate() {
        let kind = if n == 0 { Data::Binary } else { Data::Continue };
        client.send(Message::Frame(Frame::message(piece.to_vec(), OpCode::Data(kind), n == 1)));
    }
    assert_eq!(client.finish(), tone_segments(&[audio.clone(), audio].concat(), 16_000));
    assert_well(&host);
}

#[test]
fn oddly_cut_audio_is_put_together() {
    let host = host();
    let audio = noise(4, 20_000);
    let whole = bytes(&audio);
    let expected = tone_segments(&audio, 16_000);
    // The sizes of the frames, which repeat, with empty frames between.
    for cuts in [vec![1], vec![3, 1, 2, 0, 5], vec![0, 0, 7], vec![641], vec![1, 40_000]] {
        let mut client = Client::open(&host, "tone", json!({"pace": "file"}));
        let mut left = whole.as_slice();
        for cut in cuts.iter().cycle() {
            let (frame, rest) = left.split_at((*cut).min(left.len()));
            client.audio(frame);
            left = rest;
            if left.is_empty() {
                break;
            }
        }
        assert_eq!(client.finish(), expected, "{cuts:?}");
    }
    // Half a sample at the end is ignored; at a flush it waits for its other half.
    let mut client = Client::open(&host, "tone", json!({}));
    client.audio(&whole[..16_001]);
    client.say(&json!({"type": "flush"}));
    assert_eq!(client.until("flushed")["sample"], 8_000);
    client.audio(&whole[16_001..39_999]);
    let texts = client.finish();
    assert_eq!(
        texts,
        [&tone_segments(&audio[..8_000], 16_000)[..], &tone_segments(&audio[8_000..19_999], 16_000)].concat()
    );
    assert_eq!(client.heard.last().unwrap()["seconds"], 1.25);
}

#[test]
fn floats_that_are_no_audio_are_silence_or_full_scale() {
    let host = host();
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30, f32::MIN_POSITIVE, -0.0, 0.5];
    let heard = [0.0, 1.0, -1.0, 1.0, -1.0, 0.0, 0.0, 0.5];
    let mut checksum = auricle_engine_tone::Checksum::default();
    checksum.update(&heard);
    let mut client = Client::open(&host, "tone", json!({"format": "f32le"}));
    client.audio(&odd.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<_>>());
    assert_eq!(client.finish(), [checksum.text(8)]);
}

#[test]
fn every_format_and_rate_is_heard_whole() {
    let host = host();
    let mut seed = 0;
    for (format, sample_bytes) in [("s16le", 2), ("f32le", 4), ("mulaw", 1), ("alaw", 1)] {
        for rate in [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000, 12_347] {
            for (channels, channel) in [(1, None), (2, None), (2, Some(1)), (8, Some(7))] {
                seed += 1;
                let frames = rate / 3 + 17;
                let samples = noise(seed, frames * channels * sample_bytes / 2 + 1);
                let audio = &bytes(&samples)[..frames * channels * sample_bytes];
                let mut start = json!({"format": format, "sample_rate": rate, "channels": channels, "pace": "file"});
                if let Some(channel) = channel {
                    start["channel"] = json!(channel);
                }
                let mut client = Client::open(&host, "tone", start.clone());
                assert_eq!(client.heard[0]["audio"]["sample_rate"], rate);
                client.audio_in_frames(audio, 5_001);
                let texts = client.finish();
                let expected = (frames as f64 * 16_000.0 / rate as f64).round();
                let samples = texts[0].split(':').next().unwrap();
                assert_eq!(samples, expected.to_string(), "{start}");
            }
        }
    }
}

#[test]
fn what_comes_after_finish_is_not_heard() {
    let host = host();
    let audio = noise(5, 4_000);
    let mut client = Client::open(&host, "tone", json!({}));
    client.audio(&bytes(&audio));
    client.say(&json!({"type": "finish"}));
    for message in [json!({"type": "finish"}), json!({"type": "reset"}), json!({"type": "flush"})] {
        client.say(&message);
    }
    client.audio(&bytes(&audio));
    assert_eq!(client.finish(), tone_segments(&audio, 16_000));
    assert!(!client.heard.iter().any(|event| event["type"] == "flushed"));
}

/// Whatever a client does after `finish`, and whenever: it gets all its text, then `done`.
#[test]
fn nothing_done_after_finish_costs_a_word() {
    // The end takes long enough for the server to read what is sent after `finish`.
    let slow =
        json!({"backend": "faulty", "fault": "sleep", "at": "finish", "seconds": 0.4, "host": {"concurrency": 9}});
    let host = Setup::new().plugin(&library("faulty")).preset("slow", &slow).start();
    let audio = noise(6, 20_000);
    let spoken = |after: &dyn Fn(&mut Client)| {
        let mut client = Client::open(&host, "slow", json!({}));
        client.audio(&bytes(&audio));
        client.say(&json!({"type": "finish"}));
        after(&mut client);
        client.to_end();
        assert_eq!(client.heard.last().unwrap()["type"], "done", "{:?}", client.heard);
        client.texts()
    };
    let expected = spoken(&|_| {});
    assert!(!expected.is_empty());
    for text in [r#"{"type":"KeepAlive"}"#, r#"{"eof":1}"#, "Done", "", "{", r#"{"type":"start","preset":"slow"}"#] {
        assert_eq!(spoken(&|client| client.send(Message::text(text))), expected, "{text}");
    }
    assert_eq!(spoken(&|client| client.send(raw_text(b"\xff\xfe"))), expected);
    assert_eq!(spoken(&|client| client.audio(&vec![0; 2 << 20])), expected);
    assert_eq!(spoken(&|client| client.socket().write_all(b"\xffthis is no frame").unwrap()), expected);
    assert_eq!(spoken(&|client| client.socket().shutdown(Shutdown::Write).unwrap()), expected);
}

#[test]
fn no_audio_at_all_is_no_text() {
    let host = host();
    for frames in [0, 3] {
        let mut client = Client::start(&host, "tone", json!({}));
        for _ in 0..frames {
            client.audio(&[]);
        }
        assert_eq!(client.finish(), Vec::<String>::new());
        let told: Vec<_> = client.heard.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!((told, &client.heard[1]["seconds"]), (vec!["ready", "done"], &json!(0.0)));
    }
    let mut client = Client::open(&host, "tone", json!({}));
    client.say(&json!({"type": "flush"}));
    assert_eq!(client.until("flushed")["sample"], 0);
    assert_eq!(client.finish(), Vec::<String>::new());
}

#[test]
fn what_is_no_websocket_handshake_gets_a_helpful_answer() {
    let host = host();
    let upgrade = |more: &str| {
        format!("GET /v1/stream HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n{more}\r\n")
    };
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for request in [
        "GET /v1/stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
        upgrade("Sec-WebSocket-Version: 13\r\n"),
        upgrade(key),
        upgrade(&format!("{key}Sec-WebSocket-Version: 8\r\n")),
    ] {
        let answer = raw(&host, request.as_bytes()).to_lowercase();
        assert!(answer.starts_with("http/1.1 426 "), "{request}{answer}");
        assert!(
            answer.contains("\r\nupgrade: websocket\r\n") && answer.contains("sec-websocket-version: 13\r\n"),
            "{answer}"
        );
        assert!(answer.contains("connect with a websocket client"), "{answer}");
    }
    for (request, status) in [
        ("POST /v1/stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "405"),
        ("GET /v1/steam HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "404"),
        ("GET / HTTP/9.9\r\n\r\n", "400"),
        ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}\r\n\r\n", "400"),
        ("\0\0\0\0\0\0\0\0\r\n\r\n", "400"),
    ] {
        let answer = raw(&host, request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer:?}");
    }
    // A head that never ends is cut off, by its size or by the time limit.
    let endless = format!("GET /v1/stream HTTP/1.1\r\nX: {}", "x".repeat(1 << 20));
    let mut socket = TcpStream::connect(host.address()).unwrap();
    socket.set_read_timeout(Some(limit())).unwrap();
    let _ = socket.write_all(endless.as_bytes());
    read(&mut socket);
    thread::scope(|scope| {
        for beginning in ["", "GET /v1/stream HTTP/1.1\r\nHost: x\r\nUpgr"] {
            scope.spawn(|| raw(&host, beginning.as_bytes()));
        }
    });
    // A handshake, followed by data that is not WebSocket.
    let mut socket = TcpStream::connect(host.address()).unwrap();
    socket.set_read_timeout(Some(limit())).unwrap();
    let garbage = [upgrade(&format!("{key}Sec-WebSocket-Version: 13\r\n")).as_bytes(), &[0xff; 5_000]].concat();
    socket.write_all(&garbage).unwrap();
    let answer = read(&mut socket);
    assert!(answer.starts_with("HTTP/1.1 101 ") && answer.contains("bad_message"), "{answer}");
    assert_well(&host);
}

#[test]
fn a_client_may_vanish_at_any_moment() {
    let host = host();
    let audio = bytes(&noise(6, 40_000));
    let moments: [fn(&mut Client, &[u8]); 6] = [
        |_, _| {},
        |client, _| client.say_start("tone", json!({})),
        |client, audio| {
            client.say_start("tone", json!({}));
            client.audio(audio);
        },
        |client, audio| {
            client.say_start("tone", json!({"pace": "file"}));
            client.audio(audio);
            client.until("segment");
        },
        |client, audio| {
            client.say_start("tone", json!({}));
            client.audio(audio);
            client.say(&json!({"type": "flush"}));
        },
        |client, audio| {
            client.say_start("tone", json!({}));
            client.audio(audio);
            client.say(&json!({"type": "finish"}));
        },
    ];
    for moment in moments {
        for _ in 0..5 {
            let mut client = Client::connect(&host);
            moment(&mut client, &audio);
            client.vanish();
        }
    }
    // And before the WebSocket handshake.
    drop(TcpStream::connect(host.address()).unwrap());
    TcpStream::connect(host.address()).unwrap().shutdown(Shutdown::Write).unwrap();
    assert_well(&host);
}

#[test]
fn a_close_frame_is_answered() {
    let host = host();
    for moment in 0..3 {
        let mut client = Client::connect(&host);
        if moment > 0 {
            client.say_start("tone", json!({}));
            client.until("ready");
        }
        if moment > 1 {
            client.audio(&bytes(&noise(8, 20_000)));
            client.until("segment");
        }
        client.send(Message::Close(None));
        assert_eq!(client.to_end().code, 1005, "moment {moment}");
    }
    assert_well(&host);
}

#[test]
fn a_client_that_waits_for_a_model_is_heard() {
    let host = Setup::new()
        .plugin(&library("faulty"))
        .preset("endless", &json!({"backend": "faulty", "model_fault": "hang"}))
        .start();
    let mut client = Client::start(&host, "endless", json!({}));
    host.wait_for_preset("endless", |report| report["state"] == "loading");
    assert_eq!(client.ping(b"still there"), b"still there");
    client.send(Message::Close(None));
    assert_eq!(client.to_end().code, 1005);
    assert!(client.heard.is_empty());
}

#[test]
fn a_ping_is_answered() {
    let host = host();
    for started in [false, true] {
        let mut client = Client::connect(&host);
        if started {
            client.say_start("tone", json!({}));
            client.until("ready");
        }
        assert_eq!(client.ping(b"are you there"), b"are you there");
    }
}
