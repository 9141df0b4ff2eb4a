//! Streams over WebSocket: all audio is recognised once, in order, regardless of the frames.

use auricle_tests::{Client, Host, Setup, bytes, library, long, noise, tone_segments};
use serde_json::json;
use std::thread;

fn host() -> Host {
    Setup::new()
        .plugin(&library("tone"))
        .preset(
            "tone",
            &json!({"backend": "tone", "host": {"open": ["segment_chunks", "lan", "work"], "concurrency": 2}}),
        )
        .start()
}

#[test]
fn every_sample_is_heard_once_however_it_is_cut() {
    let host = host();
    let audio = noise(1, 50_123);
    let expected = tone_segments(&audio, 16_000);
    for (frame, pace) in [(640, "live"), (1, "file"), (3_333, "file"), (200_000, "live")] {
        let (whole, count) = if frame == 1 { (bytes(&audio[..5_000]), 5_000) } else { (bytes(&audio), audio.len()) };
        let mut client = Client::open(&host, "tone", json!({"pace": pace}));
        client.audio_in_frames(&whole, frame);
        let expected = if frame == 1 { tone_segments(&audio[..count], 16_000) } else { expected.clone() };
        assert_eq!(client.finish(), expected, "frames of {frame} bytes");
        let sequence: Vec<_> = client.heard.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
        assert_eq!(sequence, (0..sequence.len() as u64).collect::<Vec<_>>());
        assert_eq!(client.heard.last().unwrap()["seconds"], ((count as f64 / 16.0).round()) / 1000.0);
    }
}

#[test]
fn segments_have_times_and_partials_come_before_them() {
    let host = host();
    let mut client = Client::open(&host, "tone", json!({"options": {"lan": "xx"}}));
    for piece in bytes(&noise(2, 20_000)).chunks(3_200) {
        client.audio(piece);
        // One chunk, at least one event: nothing is merged while the client reads.
        client.next();
    }
    client.finish();
    let segments: Vec<_> = client.heard.iter().filter(|event| event["type"] == "segment").collect();
    assert_eq!((segments[0]["start"].clone(), segments[0]["end"].clone()), (json!(0.0), json!(1.0)));
    assert_eq!((segments[1]["start"].clone(), segments[1]["end"].clone()), (json!(1.0), json!(1.25)));
    assert_eq!(segments[0]["language"], "xx");
    assert!(client.heard.iter().any(|event| event["type"] == "partial"));
}

#[test]
fn a_flush_reports_everything_and_the_stream_goes_on() {
    let host = host();
    let audio = noise(3, 30_000);
    let mut client = Client::open(&host, "tone", json!({}));
    client.audio(&bytes(&audio[..10_500]));
    client.say(&json!({"type": "flush"}));
    assert_eq!(client.until("flushed")["sample"], 10_500);
    assert_eq!(client.texts(), tone_segments(&audio[..10_500], 16_000));
    client.audio(&bytes(&audio[10_500..]));
    let rest = tone_segments(&audio[10_500..], 16_000);
    assert_eq!(client.finish()[1..], rest);
    let second = client.heard.iter().filter(|event| event["type"] == "segment").nth(1).unwrap();
    assert_eq!(second["start"], 0.656);
}

#[test]
fn a_reset_forgets_and_starts_at_zero() {
    let host = host();
    let audio = noise(4, 20_000);
    let mut client = Client::open(&host, "tone", json!({}));
    client.audio(&bytes(&audio));
    client.until("partial");
    client.say(&json!({"type": "reset"}));
    let ready = client.until("ready");
    assert_eq!(ready["epoch"], 1);
    let before = client.heard.len();
    client.audio(&bytes(&audio[5_000..]));
    client.finish();
    let after: Vec<_> = client.heard[before..].iter().filter(|event| event["type"] == "segment").collect();
    assert_eq!(
        after.iter().map(|event| event["text"].as_str().unwrap()).collect::<Vec<_>>(),
        tone_segments(&audio[5_000..], 16_000)
    );
    assert_eq!(after[0]["start"], 0.0);
}

#[test]
fn audio_sent_before_ready_is_heard() {
    let host = host();
    let audio = noise(5, 4_000);
    let mut client = Client::start(&host, "tone", json!({}));
    client.audio(&bytes(&audio));
    assert_eq!(client.finish(), tone_segments(&audio, 16_000));
}

#[test]
fn two_hundred_streams_at_once_do_not_disturb_one_another() {
    let host = host();
    let rounds = if long() { 25 } else { 1 };
    (0..rounds).for_each(|_| crowd(&host));
}

fn crowd(host: &Host) {
    thread::scope(|scope| {
        for n in 0..200 {
            scope.spawn(move || {
                let audio = noise(n, 20_000 + n as usize * 37);
                let mut client = Client::open(host, "tone", json!({"pace": "file"}));
                client.audio_in_frames(&bytes(&audio), 1_000 + n as usize);
                assert_eq!(client.finish(), tone_segments(&audio, 16_000), "stream {n}");
            });
        }
    });
}

#[test]
fn a_client_that_vanishes_leaves_no_stream_behind() {
    let host = host();
    let mut client = Client::open(&host, "tone", json!({}));
    client.audio(&bytes(&noise(6, 8_000)));
    client.until("partial");
    client.vanish();
    host.wait_for("the stream's end", || host.json("/v1/presets")["presets"][0]["streams"] == 0);
}
