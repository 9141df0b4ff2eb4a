//! The client as a Rust library (`host/client`), with a real server and a network that breaks.

use auricle_client::{Event, Failure, Pace, Server, Settings, Stream};
use auricle_tests::{
    Host, Relay, Setup, auricle, bytes, fixture, library, models, noise, runtime, tone_segments, wav, words,
};
use serde_json::json;
use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
    time::Duration,
};

fn setup() -> Setup {
    Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"}))
}

fn settings(address: &str, preset: &str) -> Settings {
    Settings::new(Server::at(address.parse().unwrap()), preset)
}

/// The texts of all segments up to one that ends at this second or later, or up to the end.
async fn read(stream: &Stream, until: f64, events: &mut Vec<Event>) {
    while let Some(event) = stream.next().await {
        let event = event.unwrap();
        events.push(event.clone());
        if matches!(event, Event::Segment(text) if text.end >= until) {
            return;
        }
    }
}

fn texts(events: &[Event]) -> Vec<String> {
    let text = |event: &Event| match event {
        Event::Segment(text) => Some(text.text.clone()),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

#[tokio::test]
async fn no_sample_is_lost_or_doubled_when_connections_break() {
    let host = setup().start();
    let relay = Relay::new(host.address());
    let samples = noise(30, 160_000);
    let stream = Stream::open(settings(&relay.address(), "tone")).await.unwrap();
    let mut events = Vec::new();
    let send = |from: usize, to: usize| {
        for piece in samples[from..to].chunks(800) {
            stream.send(bytes(piece)).unwrap();
        }
    };
    // Before the first segment, between two of them, and while the last words are awaited.
    send(0, 8_000);
    relay.cut();
    send(8_000, 40_000);
    read(&stream, 2.0, &mut events).await;
    relay.cut();
    send(40_000, 90_000);
    read(&stream, 5.0, &mut events).await;
    send(90_000, 160_000);
    relay.cut();
    stream.finish();
    read(&stream, f64::MAX, &mut events).await;
    assert_eq!(texts(&events), tone_segments(&samples, 16_000));
    assert_eq!(events.last(), Some(&Event::Done { seconds: 10.0 }));
    let count = |is: fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
    assert_eq!(count(|event| matches!(event, Event::Lost { .. })), 3);
    assert_eq!(count(|event| matches!(event, Event::Resumed { .. })), 3);
    assert_eq!(count(|event| matches!(event, Event::Gap { .. })), 0);
    assert_eq!(relay.connections(), 4);
}

#[tokio::test]
async fn a_flush_ends_the_text_and_a_reset_begins_again() {
    let host = setup().start();
    let samples = noise(31, 40_000);
    let stream = Stream::open(settings(host.address(), "tone")).await.unwrap();
    stream.send(bytes(&samples[..24_000])).unwrap();
    stream.flush().unwrap();
    let mut before = Vec::new();
    while !matches!(before.last(), Some(Event::Flushed { sample: 24_000 })) {
        before.push(stream.next().await.unwrap().unwrap());
    }
    assert_eq!(texts(&before), tone_segments(&samples[..24_000], 16_000));
    stream.send(bytes(&samples[..8_000])).unwrap();
    stream.reset().unwrap();
    stream.send(bytes(&samples)).unwrap();
    stream.finish();
    let mut after = Vec::new();
    read(&stream, f64::MAX, &mut after).await;
    assert!(matches!(&after[0], Event::Ready(ready) if ready.epoch == 1), "{after:?}");
    assert_eq!(texts(&after), tone_segments(&samples, 16_000));
    assert_eq!(after.last(), Some(&Event::Done { seconds: 2.5 }));
}

#[tokio::test]
async fn refusals_are_told_at_once_and_a_server_that_goes_away_when_it_is_given_up() {
    let mut host = setup().start();
    let refused = Stream::open(settings(host.address(), "absent")).await.unwrap_err();
    assert!(matches!(&refused, Failure::Server { code, .. } if code == "unknown_preset"), "{refused}");
    let give_up = Duration::from_millis(300);
    let stream = Stream::open(Settings { give_up, ..settings(host.address(), "tone") }).await.unwrap();
    host.signal("KILL");
    host.wait();
    let mut last = None;
    while let Some(event) = stream.next().await {
        last = Some(event);
    }
    assert!(matches!(last, Some(Err(Failure::Connect { .. }))), "{last:?}");
    assert!(matches!(stream.send(vec![0, 0]), Err(Failure::Connect { .. })));
    let gone = Stream::open(settings(host.address(), "tone")).await.unwrap_err();
    assert!(matches!(gone, Failure::Connect { .. }), "{gone}");
}

#[tokio::test]
async fn a_cancelled_stream_ends_without_its_text() {
    let host = setup().start();
    let stream = Stream::open(settings(host.address(), "tone")).await.unwrap();
    stream.send(vec![0; 3_200]).unwrap();
    stream.cancel();
    let mut events = Vec::new();
    read(&stream, f64::MAX, &mut events).await;
    assert_eq!(texts(&events), [""; 0]);
    assert_eq!(stream.send(vec![0; 2]), Err(Failure::Finished));
    host.wait_for("no streams", || host.json("/v1/streams")["streams"].as_array().unwrap().is_empty());
}

/// The text of the spoken digits, and how often the connection was cut.
async fn digits(address: &str, relay: Option<&Relay>) -> (Vec<String>, usize) {
    let (rate, samples) = wav(&fixture("digits.wav"));
    let mut settings = Settings { pace: Pace::File, ..settings(address, "digits") };
    settings.audio.sample_rate = rate;
    let stream = Stream::open(settings).await.unwrap();
    for piece in samples.chunks(1_600) {
        stream.send(bytes(piece)).unwrap();
        stream.drained().await;
    }
    stream.finish();
    let (mut events, mut cuts) = (Vec::new(), 0);
    while let Some(event) = stream.next().await {
        let event = event.unwrap();
        if let (Event::Segment(_), Some(relay)) = (&event, relay.filter(|_| cuts < 3)) {
            cuts += 1;
            relay.cut();
        }
        events.push(event);
    }
    (words(&texts(&events).join(" ")), cuts)
}

#[tokio::test]
async fn the_words_of_a_recording_are_those_of_an_uncut_run() {
    let host = Setup::new()
        .plugin(&library("onnx"))
        .resource(&runtime())
        .resource(&models())
        .preset("digits", &json!({"backend": "onnx", "model": "digits"}))
        .start();
    let relay = Relay::new(host.address());
    let (uncut, _) = digits(host.address(), None).await;
    let (cut, cuts) = digits(&relay.address(), Some(&relay)).await;
    assert_eq!(cut, uncut);
    assert!(uncut.len() > 10 && cuts > 1, "{cuts}: {uncut:?}");
}

/// `auricle stream` stands on the library.
#[test]
fn the_command_goes_on_after_a_cut_if_it_may() {
    let host: Host = setup().start();
    let relay = Relay::new(host.address());
    let samples = noise(32, 72_345);
    let mut command = auricle();
    command.args(["stream", "-", "--raw", "s16le", "--preset", "tone", "--reconnect", "60", "--url", &relay.address()]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&bytes(&samples[..40_000])).unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut heard: Vec<_> = lines.by_ref().take(2).collect();
    relay.cut();
    input.write_all(&bytes(&samples[40_000..])).unwrap();
    drop(input);
    heard.extend(lines);
    let ran = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(heard, tone_segments(&samples, 16_000), "{told}");
    assert!(ran.status.success(), "{told}");
    assert!(told.contains("the connection was lost") && told.contains("connected again"), "{told}");
}
