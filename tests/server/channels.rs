//! A transcript for each channel: one stream for the client, the operator and the journal, and one on the model for each channel.

use crate::{deepgram_recordings::interleaved, page::request};
use auricle_tests::{Client, Host, Setup, auricle, bytes, library, noise, printed, tone_segments};
use serde_json::{Value, json};
use std::fs;

const RATE: usize = 16_000;

fn setup(settings: &str) -> Setup {
    let tone = json!({"backend": "tone", "host": {"open": ["work"]}});
    Setup::new().plugin(&library("tone")).preset("tone", &tone).settings(settings)
}

fn start(more: Value) -> Value {
    let mut start = json!({"channels": 2, "multichannel": true});
    start.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    start
}

/// The same seconds of different audio for two channels.
fn speakers(seconds: usize) -> [Vec<i16>; 2] {
    [noise(1, seconds * RATE), noise(2, seconds * RATE)]
}

fn both([left, right]: &[Vec<i16>; 2]) -> Vec<u8> {
    bytes(&interleaved(&[left, right]))
}

/// The texts of a channel.
fn texts(heard: &[Value], channel: u64) -> Vec<String> {
    let of_channel = heard.iter().filter(|event| event["type"] == "segment" && event["channel"] == channel);
    of_channel.map(|event| event["text"].as_str().unwrap().to_owned()).collect()
}

/// Checks the text of both channels, and that what is about both was told once.
fn check(heard: &[Value], speakers: &[Vec<i16>; 2]) {
    for (channel, speaker) in (0..).zip(speakers) {
        assert_eq!(texts(heard, channel), tone_segments(speaker, RATE), "channel {channel}");
    }
    for event in heard {
        let of_all = ["ready", "flushed", "done", "ack", "resumed"].contains(&event["type"].as_str().unwrap());
        assert_eq!(event["channel"].is_null(), of_all, "{event}");
    }
    assert_eq!(heard.iter().filter(|event| event["type"] == "done").count(), 1);
    let numbers: Vec<_> = heard.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
}

fn streams(host: &Host) -> Vec<Value> {
    host.json("/v1/streams")["streams"].as_array().unwrap().clone()
}

#[test]
fn each_channel_has_its_text_and_all_is_one_stream() {
    let host = setup("[journal]\ndir = \"journal\"").start();
    let speakers = speakers(4);
    let audio = both(&speakers);
    let mut client = Client::open(&host, "tone", start(json!({})));
    let ready = client.heard[0].clone();
    assert_eq!((&ready["multichannel"], &ready["audio"]["channels"]), (&json!(true), &json!(2)));
    // A frame is cut in two.
    client.audio(&audio[..4 * 2 * RATE + 1]);
    client.audio(&audio[4 * 2 * RATE + 1..]);
    client.say(&json!({"type": "flush"}));
    assert_eq!(client.until("flushed")["sample"], 4 * RATE);
    let [stream] = &streams(&host)[..] else { panic!("not one stream") };
    let told = [&stream["stream"], &stream["channels"], &stream["audio_seconds"]];
    assert_eq!(told, [&ready["stream"], &json!(2), &json!(4.0)]);
    assert_eq!(host.json("/v1/status")["streams"], 2);
    client.finish();
    check(&client.heard, &speakers);

    let id = ready["stream"].as_str().unwrap();
    host.wait_for_log(&["stream ended", "channels=2", id], 1);
    host.wait_for("the places", || host.json("/v1/status")["streams"] == 0);
    let export =
        auricle().args(["sessions", "--journal"]).arg(host.path("configs/journal")).args(["export", id]).output();
    let lines = speakers.each_ref().map(|speaker| tone_segments(speaker, RATE).join(" "));
    assert_eq!(printed(export.unwrap()).trim(), format!("0: {}\n1: {}", lines[0], lines[1]));
}

#[test]
fn one_channel_is_told_as_ever_and_what_contradicts_is_refused() {
    let host = setup("").start();
    let speaker = noise(3, 2 * RATE);
    let [asked, plain] = [json!({"multichannel": true}), json!({})].map(|more| {
        let mut client = Client::open(&host, "tone", more);
        client.audio(&bytes(&speaker));
        client.finish();
        let known = |kind| client.events(kind).into_iter();
        let mut told: Vec<_> = known("ready").chain(known("segment")).chain(known("endpoint")).collect();
        told[0].as_object_mut().unwrap().remove("stream");
        told
    });
    assert_eq!(asked, plain);
    assert!(asked.iter().all(|event| event.get("channel").is_none()), "{asked:?}");
    let message = Client::start(&host, "tone", start(json!({"channel": 1}))).fails("bad_message", 4400);
    assert!(message.contains("set one of them"), "{message}");
}

#[test]
fn a_client_gets_all_its_channels_or_none() {
    let host = setup("[limits]\nmax_streams = 3").start();
    let client = Client::open(&host, "tone", start(json!({})));
    let message = Client::start(&host, "tone", start(json!({}))).fails("capacity", 4429);
    assert!(message.contains("limit"), "{message}");
    // The places of the refused client are free.
    let single = Client::open(&host, "tone", json!({}));
    drop((client, single));
    host.wait_for("the places", || host.json("/v1/status")["streams"] == 0);
    let speakers = speakers(1);
    let mut client = Client::open(&host, "tone", start(json!({})));
    client.audio(&both(&speakers));
    client.finish();
    check(&client.heard, &speakers);
}

#[test]
fn a_reset_is_for_all_channels() {
    let host = setup("").start();
    let speakers = speakers(2);
    let mut client = Client::open(&host, "tone", start(json!({})));
    client.audio(&both(&[noise(8, RATE), noise(9, RATE)]));
    client.say(&json!({"type": "flush"}));
    client.say(&json!({"type": "reset"}));
    while client.until("ready")["epoch"] != 1 {}
    let before = client.heard.len() - 1;
    client.audio(&both(&speakers));
    client.finish();
    assert_eq!(texts(&client.heard[before..], 1), tone_segments(&speakers[1], RATE));
    assert_eq!(texts(&client.heard[before..], 0), tone_segments(&speakers[0], RATE));
}

#[test]
fn a_broken_connection_costs_no_channel_a_word() {
    let host = setup("").start();
    let speakers = speakers(6);
    let audio = both(&speakers);
    let mut client = Client::open(&host, "tone", start(json!({"resume": true})));
    let (stream, token) = (client.heard[0]["stream"].clone(), client.heard[0]["resume"]["token"].clone());
    client.audio(&audio[..4 * 3 * RATE + 2]);
    client.until("segment");
    client.until("segment");
    let last = client.heard.iter().filter_map(|event| event["seq"].as_u64()).max();
    let mut heard = client.heard.clone();
    client.vanish();
    let mut client = Client::connect(&host);
    client.say(&json!({"type": "resume", "stream": stream, "token": token, "last_seq": last}));
    let received = client.until("resumed")["received"].as_u64().unwrap() as usize;
    client.audio(&audio[4 * received..]);
    client.finish();
    heard.append(&mut client.heard);
    check(&heard, &speakers);
}

#[test]
fn the_death_of_a_worker_costs_no_channel_a_word() {
    let host = setup("").start();
    let speakers = speakers(9);
    let audio = both(&speakers);
    let mut client = Client::open(&host, "tone", start(json!({"pace": "file"})));
    for third in audio.chunks(4 * 3 * RATE) {
        client.audio(third);
        client.until("segment");
        host.workers().into_iter().for_each(|worker| host.kill_worker(worker));
    }
    client.finish();
    check(&client.heard, &speakers);
}

#[test]
fn a_failure_comes_once_and_costs_no_channel_what_was_said_before() {
    let preset = json!({"backend": "faulty", "host": {"open": ["fault", "after_chunks"]}});
    let host = Setup::new().plugin(&library("faulty")).preset("faulty", &preset).start();
    let speakers = speakers(3);
    let options = json!({"fault": "error", "after_chunks": 25});
    let mut client = Client::open(&host, "faulty", start(json!({"options": options})));
    client.audio(&both(&speakers));
    client.fails("engine_error", 4500);
    for (channel, speaker) in (0..).zip(&speakers) {
        assert_eq!(texts(&client.heard, channel), tone_segments(speaker, RATE)[..2], "channel {channel}");
    }
    assert_eq!(client.events("error").len(), 1);
    host.wait_for("the places", || host.json("/v1/status")["streams"] == 0);
}

#[test]
fn an_operator_ends_all_channels() {
    let host = setup("").start();
    let speakers = speakers(2);
    let mut client = Client::open(&host, "tone", start(json!({})));
    client.audio(&both(&speakers));
    host.wait_for_audio(2.0);
    let id = client.heard[0]["stream"].as_str().unwrap().to_owned();
    assert_eq!(request(host.address(), "POST", &format!("/v1/streams/{id}/end"), "").status, 200);
    client.fails("ended_by_operator", 4410);
    for (channel, speaker) in (0..).zip(&speakers) {
        assert_eq!(texts(&client.heard, channel), tone_segments(speaker, RATE), "channel {channel}");
    }
}

#[test]
fn the_command_line_names_the_channel_of_each_line() {
    let host = setup("").start();
    let speakers = speakers(2);
    let file = host.path("call.raw");
    fs::write(&file, both(&speakers)).unwrap();
    let mut command = auricle();
    command.args(["stream", "--preset", "tone", "--raw", "s16le", "--channels", "2", "--multichannel"]);
    command.args(["--url", &format!("http://{}", host.address())]).arg(&file);
    let output = printed(command.output().unwrap());
    for (channel, speaker) in (0..).zip(&speakers) {
        let prefix = format!("{channel}: ");
        let lines: Vec<_> = output.lines().filter_map(|line| line.strip_prefix(&prefix)).collect();
        assert_eq!(lines, tone_segments(speaker, RATE), "{output}");
    }
}
