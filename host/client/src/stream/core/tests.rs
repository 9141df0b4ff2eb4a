//! A stream with a server that is played by the test.

use super::*;
use crate::server::Server;
use auricle_core::{
    AudioFormat,
    native::{Ack, Pace, Told},
};
use serde_json::{Value, json};

/// Bytes of one second.
const SECOND: usize = 32_000;

fn settings() -> Settings {
    Settings::new(Server::at("localhost".parse().unwrap()), "p")
}

fn lost() -> Failure {
    Failure::Lost("cut".to_owned())
}

fn push(core: &mut Core, bytes: usize) {
    core.push(vec![0; bytes].into()).unwrap();
}

/// The types of messages that it wants to send now, and the bytes of audio between them.
fn sent(core: &mut Core) -> Vec<String> {
    let (mut told, mut bytes) = (Vec::new(), 0);
    let add = |told: &mut Vec<String>, bytes: usize| told.extend((bytes > 0).then(|| bytes.to_string()));
    while let Some(next) = core.next_message() {
        match next {
            Outgoing::Audio(audio) => bytes += audio.len(),
            Outgoing::Command(command) => {
                add(&mut told, std::mem::take(&mut bytes));
                told.push(serde_json::to_value(&command).unwrap()["type"].as_str().unwrap().to_owned());
            }
        }
    }
    add(&mut told, bytes);
    told
}

fn say(core: &mut Core, message: &Value) {
    let mut message = message.clone();
    message["seq"] = 0.into();
    core.received(&message.to_string(), Instant::now());
}

fn say_unnumbered(core: &mut Core, message: &Value) {
    core.received(&message.to_string(), Instant::now());
}

fn ready_message(epoch: u32) -> Value {
    json!({
        "type": "ready", "stream": "s", "epoch": epoch, "preset": "p", "backend": "b", "separator": " ",
        "sample_rate": 16000, "chunk_seconds": 0.1, "languages": [], "capabilities": [],
        "audio": { "format": "s16le", "sample_rate": 16000, "channels": 1 },
    })
}

fn ready(core: &mut Core, epoch: u32) {
    say(core, &ready_message(epoch));
}

fn segment(core: &mut Core, start: f64, end: f64) {
    let word = json!({ "start": start, "end": end, "text": "a" });
    say(core, &json!({ "type": "segment", "start": start, "end": end, "text": "a", "words": [word] }));
}

fn opened(settings: Settings) -> Core {
    let mut core = Core::new(&settings);
    core.connected();
    assert_eq!(sent(&mut core), ["start"]);
    ready(&mut core, 0);
    core
}

fn closed(core: &mut Core, failure: Failure) -> Option<f64> {
    core.closed(failure, Instant::now(), 0.0).map(|wait| wait.as_secs_f64())
}

fn read(core: &mut Core) -> Vec<Event> {
    let mut events = Vec::new();
    while let (Some(Ok(message)), _) = core.next() {
        events.extend(message.event);
    }
    events
}

#[test]
fn commands_keep_their_place_in_the_audio_and_frames_stay_whole() {
    let mut core = opened(settings());
    push(&mut core, 101);
    core.flush().unwrap();
    push(&mut core, 70_001);
    core.finish();
    assert_eq!(
        (sent(&mut core), core.state()),
        (["100", "flush", "70002", "finish"].map(Into::into).into(), State::Finishing)
    );
    assert_eq!(core.push(Bytes::new()), Err(Failure::Finished));
    core.push(Bytes::new()).unwrap_err();
}

#[test]
fn audio_without_final_text_is_sent_again_and_times_shift() {
    let mut core = opened(settings());
    push(&mut core, 5 * SECOND);
    sent(&mut core);
    segment(&mut core, 0.1, 2.0);
    read(&mut core);
    assert_eq!(closed(&mut core, lost()), Some(0.25));
    assert_eq!((read(&mut core).len(), core.state()), (1, State::Lost));
    push(&mut core, SECOND);
    core.connected();
    assert_eq!(sent(&mut core), ["start".to_owned(), (4 * SECOND).to_string()]);
    ready(&mut core, 0);
    segment(&mut core, 0.5, 1.0);
    let events = read(&mut core);
    let [Event::Ready(_), Event::Resumed { start: 2.0, .. }, Event::Segment(text)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((text.start, text.end, text.words[0].start), (2.5, 3.0, 2.5));
    // The next connection begins after that.
    closed(&mut core, lost());
    core.connected();
    assert_eq!(sent(&mut core), ["start".to_owned(), (3 * SECOND).to_string()]);
}

#[test]
fn what_fell_out_is_a_gap_and_is_told_once() {
    let mut core = opened(Settings { keep: Some(Duration::from_secs(2)), ..settings() });
    read(&mut core);
    closed(&mut core, lost());
    for _ in 0..10 {
        push(&mut core, SECOND);
    }
    for gaps in [1, 0] {
        core.connected();
        assert_eq!(sent(&mut core), ["start".to_owned(), (2 * SECOND).to_string()]);
        ready(&mut core, 0);
        let events = read(&mut core);
        let told = events.iter().filter(|event| matches!(event, Event::Gap { start: 0.0, end: 8.0 }));
        assert_eq!(told.count(), gaps);
        assert!(matches!(events.last(), Some(Event::Resumed { start: 8.0, .. })));
        closed(&mut core, lost());
    }
}

#[test]
fn what_was_not_sent_yet_does_not_fall_out_of_an_open_connection() {
    let mut core = opened(Settings { keep: Some(Duration::from_secs(1)), ..settings() });
    for _ in 0..9 {
        push(&mut core, SECOND);
    }
    assert_eq!(sent(&mut core), [(9 * SECOND).to_string()]);
}

#[test]
fn a_server_that_stops_is_not_the_end_of_a_stream() {
    for finishes in [false, true] {
        let mut core = opened(settings());
        push(&mut core, 3 * SECOND);
        if finishes {
            core.finish();
        }
        sent(&mut core);
        segment(&mut core, 0.0, 2.0);
        // It ends what it has when it stops, and tells no reason.
        say(&mut core, &json!({ "type": "done", "seconds": 2.5 }));
        assert!(closed(&mut core, lost()).is_some());
        let events = read(&mut core);
        let Some(Event::Lost { failure: Failure::Server { code, .. }, .. }) = events.last() else {
            panic!("{events:?}")
        };
        assert_eq!(code, "shutting_down");
        core.connected();
        let rest = ["start", "32000"].into_iter().chain(finishes.then_some("finish"));
        assert_eq!(sent(&mut core), rest.collect::<Vec<_>>());
    }
}

/// A message with its number.
fn numbered(core: &mut Core, seq: u64, message: &Value) {
    let mut message = message.clone();
    message["seq"] = seq.into();
    core.received(&message.to_string(), Instant::now());
}

/// A stream that can be resumed, of which 6 s were sent, with a flush after 5 s, and 2 s have their text.
fn resumable() -> Core {
    let mut core = Core::new(&settings());
    core.connected();
    sent(&mut core);
    numbered(&mut core, 0, &ready_with(&json!({ "token": "first", "seconds": 60.0 })));
    push(&mut core, 5 * SECOND);
    core.flush().unwrap();
    push(&mut core, SECOND);
    assert_eq!(sent(&mut core), ["160000", "flush", "32000"]);
    numbered(&mut core, 1, &json!({ "type": "segment", "start": 0.1, "end": 2.0, "text": "a" }));
    read(&mut core);
    core
}

fn ready_with(offer: &Value) -> Value {
    let mut ready = ready_message(0);
    ready["resume"] = offer.clone();
    ready
}

fn resumed(received: u64, flushes: u64, finished: bool) -> Value {
    json!({
        "type": "resumed", "stream": "s", "epoch": 0, "received": received, "flushes": flushes, "finished": finished,
        "missed": 0, "resume": { "token": "second", "seconds": 60.0 },
    })
}

#[test]
fn a_stream_is_resumed_with_what_the_server_lacks() {
    for (received, flushes, expected) in [
        (96_000, 1, vec!["32000"]),
        (88_000, 1, vec!["48000"]),
        (80_000, 0, vec!["flush", "64000"]),
        (48_000, 0, vec!["64000", "flush", "64000"]),
    ] {
        let mut core = resumable();
        assert!(closed(&mut core, lost()).is_some());
        push(&mut core, SECOND);
        core.connected();
        let Some(Outgoing::Command(ClientMessage::Resume(resume))) = core.next_message() else { panic!() };
        assert_eq!((&*resume.stream, &*resume.token, resume.last_seq), ("s", "first", Some(1)));
        assert_eq!(core.next_message(), None);
        say_unnumbered(&mut core, &resumed(received, flushes, false));
        assert_eq!(sent(&mut core), expected, "{received}");
        let events = read(&mut core);
        let start = received as f64 / 16_000.0;
        assert!(
            matches!(events[..], [Event::Lost { .. }, Event::Resumed { start: at, .. }] if at == start),
            "{events:?}"
        );
        // What came before comes once, and times are not shifted.
        numbered(&mut core, 1, &json!({ "type": "segment", "start": 0.1, "end": 2.0, "text": "a" }));
        numbered(&mut core, 2, &json!({ "type": "segment", "start": 2.5, "end": 3.0, "text": "b" }));
        let events = read(&mut core);
        assert!(matches!(&events[..], [Event::Segment(text)] if text.end == 3.0), "{events:?}");
        // The next connection uses the new token.
        closed(&mut core, lost());
        core.connected();
        let Some(Outgoing::Command(ClientMessage::Resume(resume))) = core.next_message() else { panic!() };
        assert_eq!((&*resume.token, resume.last_seq), ("second", Some(2)));
    }
}

#[test]
fn a_server_that_stores_the_stream_gets_what_it_needs_when_it_has_died() {
    let mut core = Core::new(&settings());
    core.connected();
    sent(&mut core);
    numbered(&mut core, 0, &ready_with(&json!({ "token": "first", "seconds": 60.0, "survives": "process" })));
    push(&mut core, 4 * SECOND);
    sent(&mut core);
    numbered(&mut core, 1, &json!({ "type": "speech_started", "time": 0.1 }));
    numbered(&mut core, 2, &json!({ "type": "segment", "start": 0.1, "end": 3.0, "text": "a" }));
    // Final text is not enough: the engine goes on from further back.
    let heard = |durable: u64| json!({ "type": "ack", "epoch": 0, "received": 64_000, "durable": durable, "survives": "process" });
    say_unnumbered(&mut core, &heard(16_000));
    assert_eq!(core.next_message(), Some(Outgoing::Command(ClientMessage::Ack(Ack { seq: 2 }))));
    read(&mut core);
    closed(&mut core, lost());
    core.connected();
    let Some(Outgoing::Command(ClientMessage::Resume(resume))) = core.next_message() else { panic!() };
    let told = Told { epoch: 0, flushes: 0, events: 2, text_end: 3.0, text: "a".into(), event_time: 0.1 };
    assert_eq!((resume.last_seq, resume.told), (Some(2), Some(told)));
    let mut message = resumed(16_000, 0, false);
    message["seam"] = json!("lossless");
    say_unnumbered(&mut core, &message);
    assert_eq!(sent(&mut core), [(3 * SECOND).to_string()]);
    assert!(matches!(read(&mut core)[..], [Event::Lost { .. }, Event::Resumed { start: 1.0, is_exact: false, .. }]));

    // It stores nothing any more: what has final text is let go.
    say_unnumbered(&mut core, &json!({ "type": "ack", "epoch": 0, "received": 64_000, "durable": 40_000 }));
    numbered(&mut core, 3, &json!({ "type": "error", "code": "unknown_stream", "message": "gone" }));
    closed(&mut core, lost());
    core.connected();
    assert_eq!(sent(&mut core), ["start".to_owned(), SECOND.to_string()]);
}

#[test]
fn a_server_that_is_about_to_stop_says_so() {
    let mut core = opened(settings());
    read(&mut core);
    say_unnumbered(&mut core, &json!({ "type": "going_away", "seconds": 30.0 }));
    assert_eq!(read(&mut core), [Event::GoingAway { seconds: 30.0 }]);
}

#[test]
fn what_the_server_cannot_resume_begins_again() {
    let mut core = resumable();
    closed(&mut core, lost());
    core.connected();
    assert_eq!(sent(&mut core), ["resume"]);
    say(&mut core, &json!({ "type": "error", "code": "unknown_stream", "message": "gone" }));
    assert!(closed(&mut core, lost()).is_some());
    core.connected();
    assert_eq!(sent(&mut core), ["start", "96000", "flush", "32000"]);

    // It lacks audio whose text is final, and which is not kept.
    let mut core = resumable();
    closed(&mut core, lost());
    core.connected();
    sent(&mut core);
    say_unnumbered(&mut core, &resumed(16_000, 0, false));
    assert!(core.is_over() && closed(&mut core, lost()).is_some());
    core.connected();
    assert_eq!(sent(&mut core), ["start", "96000", "flush", "32000"]);

    // Whether it heard of a reset is not known.
    let mut core = resumable();
    core.reset().unwrap();
    push(&mut core, SECOND);
    assert_eq!(sent(&mut core), ["reset", "32000"]);
    closed(&mut core, lost());
    core.connected();
    assert_eq!(sent(&mut core), ["start", "32000"]);
}

#[test]
fn the_server_is_told_now_and_then_what_has_arrived() {
    let mut core = resumable();
    for seq in 2..40 {
        numbered(&mut core, seq, &json!({ "type": "partial", "start": 2.0, "end": 3.0, "text": "a" }));
    }
    assert_eq!(sent(&mut core), ["ack"]);
}

#[test]
fn flushes_and_the_end_are_sent_again_until_they_are_answered() {
    let mut core = opened(settings());
    for _ in 0..2 {
        push(&mut core, SECOND);
        core.flush().unwrap();
    }
    push(&mut core, SECOND);
    core.finish();
    sent(&mut core);
    say(&mut core, &json!({ "type": "flushed", "sample": 16000 }));
    closed(&mut core, lost());
    core.connected();
    // What was flushed has its text.
    assert_eq!(sent(&mut core), ["start", "32000", "flush", "32000", "finish"]);
    ready(&mut core, 0);
    assert_eq!(core.state(), State::Finishing);
    read(&mut core);
    say(&mut core, &json!({ "type": "flushed", "sample": 16000 }));
    say(&mut core, &json!({ "type": "done", "seconds": 2.0 }));
    assert_eq!(read(&mut core), [Event::Flushed { sample: 32_000 }, Event::Done { seconds: 3.0 }]);
    assert_eq!(closed(&mut core, lost()), None);
    assert_eq!((core.next(), core.reason()), ((None, true), None));
}

#[test]
fn only_failures_that_pass_are_tried_again() {
    let server = |code: &str| Failure::Server { code: code.to_owned(), message: String::new() };
    for code in ["capacity", "overloaded", "shutting_down", "slow_reader", "idle_timeout"] {
        assert_eq!(closed(&mut opened(settings()), server(code)), Some(0.25), "{code}");
    }
    for code in ["unknown_preset", "unauthorized", "engine_crashed", "a_code_of_tomorrow"] {
        let mut core = opened(settings());
        say(&mut core, &json!({ "type": "error", "code": code, "message": "" }));
        read(&mut core);
        assert!(core.is_over());
        assert_eq!(closed(&mut core, lost()), None, "{code}");
        assert_eq!(core.next(), (Some(Err(server(code))), true));
        assert_eq!((core.next(), core.flush()), ((None, true), Err(server(code))));
    }
    for (status, again) in
        [("503 Service Unavailable", true), ("429 Too Many Requests", true), ("401 Unauthorized", false)]
    {
        let refused = Failure::Refused { url: String::new(), status: status.to_owned(), line: String::new() };
        assert_eq!(closed(&mut opened(settings()), refused).is_some(), again, "{status}");
    }
    // Before the first `ready`, nothing is; nor if the settings say so.
    assert_eq!(closed(&mut Core::new(&settings()), lost()), None);
    assert_eq!(closed(&mut opened(Settings { give_up: Duration::ZERO, ..settings() }), lost()), None);
}

#[tokio::test(start_paused = true)]
async fn tries_become_rare_and_end() {
    let mut core = opened(settings());
    let mut waits = Vec::new();
    for seconds in [0, 1, 1, 297, 1] {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        waits.push(closed(&mut core, lost()));
    }
    assert_eq!(waits, [Some(0.25), Some(0.5), Some(1.0), Some(2.0), None]);
}

#[test]
fn a_network_that_takes_nothing_is_dead() {
    let mut core = opened(settings());
    push(&mut core, 10 * SECOND);
    assert!(!core.is_over() && !core.is_drained());
    push(&mut core, 2);
    assert!(core.is_over());
    assert_eq!(closed(&mut core, Failure::Finished), Some(0.25));
    // What is sent again may take longer.
    core.connected();
    push(&mut core, 9 * SECOND);
    assert!(!core.is_over());
    let mut file = opened(Settings { pace: Pace::File, ..settings() });
    push(&mut file, 100 * SECOND);
    assert!(!file.is_over() && !file.is_drained());
    sent(&mut file);
    assert!(file.is_drained());
}

#[test]
fn after_a_reset_times_start_again_and_nothing_old_comes() {
    let mut core = opened(settings());
    push(&mut core, SECOND);
    sent(&mut core);
    read(&mut core);
    core.reset().unwrap();
    segment(&mut core, 0.0, 1.0);
    assert_eq!(sent(&mut core), ["reset"]);
    core.reset().unwrap();
    push(&mut core, 2 * SECOND);
    assert_eq!(sent(&mut core), ["reset".to_owned(), (2 * SECOND).to_string()]);
    segment(&mut core, 0.0, 1.0);
    ready(&mut core, 1);
    segment(&mut core, 0.0, 1.0);
    assert_eq!(read(&mut core), []);
    ready(&mut core, 2);
    segment(&mut core, 0.0, 1.5);
    let events = read(&mut core);
    assert!(matches!(&events[..], [Event::Ready(Ready { epoch: 2, .. }), Event::Segment(_)]), "{events:?}");
    // A new connection needs none.
    core.reset().unwrap();
    closed(&mut core, lost());
    core.connected();
    push(&mut core, 100);
    assert_eq!(sent(&mut core), ["start", "100"]);
    ready(&mut core, 0);
    assert!(read(&mut core).iter().any(|event| matches!(event, Event::Ready(Ready { epoch: 3, .. }))));
}

#[test]
fn messages_of_later_versions_are_passed_on_and_reading_stops_when_nobody_reads() {
    let mut core = opened(settings());
    read(&mut core);
    core.received("{\"type\": \"of tomorrow\"}", Instant::now());
    let message = Message { line: Some("{\"type\": \"of tomorrow\"}".to_owned()), event: None, channel: None };
    assert_eq!(core.next(), (Some(Ok(message)), false));
    for _ in 0..ENOUGH_MESSAGES {
        assert!(!core.is_full());
        say(&mut core, &json!({ "type": "lag", "seconds": 1.0 }));
    }
    assert!(core.is_full());
}

#[test]
fn audio_is_kept_until_the_text_of_all_channels_is_final() {
    let audio = AudioFormat { channels: 2, ..AudioFormat::default() };
    let mut core = opened(Settings { audio, multichannel: true, ..settings() });
    read(&mut core);
    push(&mut core, 4 * 64_000);
    sent(&mut core);
    let segment = |channel: u16, start: f64, end: f64| json!({ "type": "segment", "channel": channel, "start": start, "end": end, "text": "word" });
    say(&mut core, &segment(0, 0.0, 3.0));
    say(&mut core, &segment(1, 0.0, 1.0));
    assert_eq!(read(&mut core).len(), 2);
    closed(&mut core, lost());
    core.connected();
    assert_eq!(sent(&mut core)[1], (3 * 64_000).to_string());
    ready(&mut core, 0);
    read(&mut core);
    // Told before: it ends at 3 s of the whole. The next is new.
    say(&mut core, &segment(0, 0.0, 2.0));
    say(&mut core, &segment(0, 2.0, 3.0));
    assert_eq!(read(&mut core).len(), 1);
}

#[test]
fn the_format_is_announced() {
    let audio = AudioFormat { channels: 2, sample_rate: 8_000, ..AudioFormat::default() };
    let mut core = Core::new(&Settings { audio, ..settings() });
    core.connected();
    let Some(Outgoing::Command(ClientMessage::Start(start))) = core.next_message() else { panic!("no start") };
    assert_eq!((start.audio(), start.preset.as_str(), start.pace), (audio, "p", Pace::Live));
}
