//! An engine in the host's own process that goes wrong harms the stream it goes wrong on and nobody else: neither the host
//! nor the streams beside it, not even those of the same model.

#![allow(clippy::unwrap_used, reason = "test code")]

use auricle_tests::{Client, Host, Setup, bytes, library, noise, tone_segments};
use serde_json::{Value, json};
use std::{sync::Mutex, thread};

/// Two seconds: twenty chunks, two segments.
const SAMPLES: usize = 32_000;

fn setup() -> Setup {
    Setup::new()
        .plugin(&library("tone"))
        .plugin(&library("faulty"))
        .preset("tone", &json!({"backend": "tone", "host": {"concurrency": 2, "isolation": "in-process"}}))
        .preset("faulty", &faulty(json!({"concurrency": 2})))
}

/// A preset whose clients choose how their streams go wrong.
fn faulty(mut host: Value) -> Value {
    host["open"] = json!(["fault", "at", "after_chunks", "times", "seconds", "megabytes", "segment_chunks"]);
    host["isolation"] = json!("in-process");
    json!({"backend": "faulty", "host": host})
}

/// A healthy stream that is open while others go wrong.
struct Bystander {
    client: Client,
    audio: Vec<u8>,
}

impl Bystander {
    fn begin(host: &Host, preset: &str) -> Self {
        let audio = bytes(&noise(7, 50_001));
        let mut client = Client::open(host, preset, json!({}));
        client.audio(&audio[..40_000]);
        client.until("segment");
        Self { client, audio }
    }

    /// All that was said of it.
    fn end(mut self) -> Vec<Value> {
        self.client.audio(&self.audio[40_000..]);
        assert_eq!(self.client.finish(), tone_segments(&noise(7, 50_001), 16_000));
        self.client.events("segment")
    }
}

/// Sends two seconds and the end.
fn send(client: &mut Client) {
    client.audio_in_frames(&bytes(&noise(1, SAMPLES)), 4_000);
    client.say(&json!({"type": "finish"}));
}

fn streams_end(host: &Host, preset: &str) {
    host.wait_for_preset(preset, |report| report["streams"] == 0);
}

/// What a client may rely on whatever the engine says.
fn assert_sound(heard: &[Value]) {
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("not a number: {value}"));
    let limit = SAMPLES as f64 / 16_000.0;
    let mut reported = 0.0;
    for event in heard {
        if let Some(time) = event.get("time") {
            assert!((0.0..=limit).contains(&number(time)), "{event}");
        }
        if !matches!(event["type"].as_str(), Some("partial" | "segment")) {
            continue;
        }
        let (start, end) = (number(&event["start"]), number(&event["end"]));
        assert!(reported <= start && start <= end && end <= limit, "{event} after {reported}");
        let text = event["text"].as_str().unwrap();
        assert_eq!(text, text.trim());
        let mut after = start;
        for word in event["words"].as_array().unwrap_or(&Vec::new()) {
            let (from, to) = (number(&word["start"]), number(&word["end"]));
            assert!(after <= from && from <= to && to <= end, "{event}");
            after = from;
        }
        for text in [vec![event.clone()], event["words"].as_array().cloned().unwrap_or_default()].concat() {
            if let Some(confidence) = text.get("confidence") {
                assert!((0.0..=1.0).contains(&number(confidence)), "{event}");
            }
        }
        if event["type"] == "segment" {
            reported = end;
        }
    }
}

#[test]
fn what_goes_wrong_in_a_call_is_its_own_streams_matter() {
    let host = setup().start();
    let undisturbed = Bystander::begin(&host, "faulty").end();
    let whole = tone_segments(&noise(1, SAMPLES), 16_000);
    // How it goes wrong, and what its client is told; nothing where it gets its text all the same.
    let cases = [
        (json!({"fault": "panic", "at": "processor"}), Some("the panic asked for in Processor")),
        (json!({"fault": "panic", "at": "init"}), Some("the panic asked for in Init")),
        (
            json!({"fault": "panic", "at": "insert_audio_chunk", "after_chunks": 15}),
            Some("the panic asked for in InsertAudioChunk"),
        ),
        (json!({"fault": "panic", "after_chunks": 15}), Some("the panic asked for in ProcessIter")),
        (json!({"fault": "panic", "at": "finish", "after_chunks": 15}), Some("in finish (panic)")),
        (json!({"fault": "panic", "at": "drop"}), None),
        (json!({"fault": "error", "at": "processor"}), Some("the error asked for in Processor")),
        (json!({"fault": "error", "at": "init"}), Some("the error asked for in Init")),
        (
            json!({"fault": "error", "at": "insert_audio_chunk", "after_chunks": 15}),
            Some("the error asked for in InsertAudioChunk"),
        ),
        (json!({"fault": "error", "after_chunks": 15}), Some("in process_iter")),
        (json!({"fault": "error", "at": "finish", "after_chunks": 15}), Some("in finish")),
        (json!({"fault": "sleep", "seconds": 0.2, "after_chunks": 15}), None),
        (json!({"fault": "sleep", "seconds": 0.2, "at": "drop"}), None),
        (json!({"fault": "leak", "megabytes": 1}), None),
        (json!({"fault": "flood", "after_chunks": 15}), Some("more than 10000 events in one call")),
        (json!({"fault": "huge-text", "megabytes": 2, "after_chunks": 15}), Some("a text of 2097152 bytes")),
        (json!({"fault": "huge-text", "megabytes": 2, "at": "finish", "after_chunks": 15}), Some("the limit is 65536")),
        (json!({"fault": "bad-state", "after_chunks": 15}), None),
    ];
    for (options, problem) in cases {
        println!("{options}");
        let bystander = Bystander::begin(&host, "faulty");
        let mut client = Client::start(&host, "faulty", json!({"options": options}));
        send(&mut client);
        match problem {
            Some(problem) => {
                let message = client.fails("engine_error", 4500);
                assert!(message.contains(problem), "{message}");
                // What came before the fault is not lost.
                let before = whole.iter().take(options["after_chunks"].as_u64().unwrap_or(0) as usize / 10);
                assert_eq!(client.texts().iter().take(before.len()).collect::<Vec<_>>(), before.collect::<Vec<_>>());
            }
            None => {
                assert_eq!(client.to_end().code, 1000);
                assert_eq!(client.texts(), whole);
            }
        }
        assert_sound(&client.heard);
        assert_eq!(bystander.end(), undisturbed, "beside {options}");
        streams_end(&host, "faulty");
    }
    assert!(host.log().contains("a restart point whose state is above 1 MiB"));
    assert!(host.logged(&["while being dropped", "panicked"]) > 0);
}

#[test]
fn nonsense_is_put_right_and_the_stream_goes_on() {
    let host = setup().start();
    let undisturbed = Bystander::begin(&host, "faulty").end();
    // The lie, and a text of it that must arrive.
    for (fault, text) in [
        ("disordered", "comes too late"),
        ("outside", "lasts for ever"),
        ("invalid-utf8", "caf\u{e9} \u{fffd}\u{fffd} \u{fffd} end"),
        ("not-a-number", "odd"),
    ] {
        for at in ["process_iter", "finish"] {
            let bystander = Bystander::begin(&host, "faulty");
            let options = json!({"fault": fault, "at": at, "after_chunks": 15});
            let mut client = Client::open(&host, "faulty", json!({"options": options}));
            send(&mut client);
            assert_eq!(client.to_end().code, 1000, "{options}");
            assert_sound(&client.heard);
            let texts = client.texts();
            assert!(texts.iter().any(|found| found == text), "{options}: {texts:?}");
            for honest in tone_segments(&noise(1, SAMPLES), 16_000) {
                assert!(texts.contains(&honest), "{options}: {texts:?}");
            }
            assert_eq!(bystander.end(), undisturbed, "beside {options}");
        }
    }
    streams_end(&host, "faulty");
}

#[test]
fn a_flush_or_reset_that_goes_wrong_ends_its_stream() {
    let host = setup().start();
    for (command, at) in [("flush", "finish"), ("flush", "init"), ("reset", "init")] {
        for fault in ["panic", "error"] {
            let options = json!({"fault": fault, "at": at, "after_chunks": 5});
            let mut client = Client::open(&host, "faulty", json!({"options": options}));
            client.audio(&bytes(&noise(1, 16_000)));
            client.until("segment");
            client.say(&json!({"type": command}));
            client.fails("engine_error", 4500);
        }
    }
    streams_end(&host, "faulty");
}

#[test]
fn a_call_that_never_returns_ends_its_stream_and_is_replaced() {
    let host = setup()
        .preset("faulty", &faulty(json!({"concurrency": 1, "call_seconds": 1.5, "max_streams": 4})))
        .settings("[limits]\nmax_call_timeouts = 100")
        .start();
    let undisturbed = Bystander::begin(&host, "faulty").end();
    for at in ["processor", "init", "insert_audio_chunk", "process_iter", "finish", "drop"] {
        println!("{at}");
        let bystander = Bystander::begin(&host, "faulty");
        let after = if matches!(at, "processor" | "init") { 0 } else { 15 };
        let options = json!({"fault": "hang", "at": at, "after_chunks": after});
        let mut client = Client::start(&host, "faulty", json!({"options": options}));
        send(&mut client);
        if at == "drop" {
            // All is said by then.
            assert_eq!(client.to_end().code, 1000);
            assert_eq!(client.texts(), tone_segments(&noise(1, SAMPLES), 16_000));
        } else {
            let message = client.fails("engine_timeout", 4504);
            assert!(message.contains("within 1.5 s"), "{message}");
            assert_eq!(client.texts().len(), after / 10 + usize::from(at == "finish"), "{at}");
        }
        assert_eq!(bystander.end(), undisturbed, "beside a hang in {at}");
        // With six hangs and four places none is left unless they are given back.
        streams_end(&host, "faulty");
    }
    assert_eq!(Bystander::begin(&host, "faulty").end(), undisturbed);
}

#[test]
fn a_call_that_returns_too_late_changes_nothing() {
    let host = setup().preset("faulty", &faulty(json!({"concurrency": 1, "call_seconds": 1.5}))).start();
    let options = json!({"fault": "sleep", "seconds": 3.0, "after_chunks": 15});
    let mut client = Client::open(&host, "faulty", json!({"options": options}));
    send(&mut client);
    client.fails("engine_timeout", 4504);
    let undisturbed = Bystander::begin(&host, "faulty").end();
    host.wait_for("the late return", || host.logged(&["has returned after all"]) == 1);
    assert_eq!(Bystander::begin(&host, "faulty").end(), undisturbed);
    streams_end(&host, "faulty");
}

#[test]
fn a_model_that_hangs_too_often_is_called_no_more() {
    let host = setup()
        .preset("faulty", &faulty(json!({"concurrency": 2, "call_seconds": 1.5})))
        .settings("[limits]\nmax_call_timeouts = 2")
        .start();
    let (beside, mut victim) = (Bystander::begin(&host, "tone"), Bystander::begin(&host, "faulty"));
    for _ in 0..2 {
        let mut client = Client::start(&host, "faulty", json!({"options": {"fault": "hang"}}));
        send(&mut client);
        client.fails("engine_timeout", 4504);
    }
    let message = victim.client.fails("engine_unavailable", 4503);
    assert!(message.contains("2 calls"), "{message}");
    let mut late = Client::start(&host, "faulty", json!({}));
    assert_eq!(late.fails("engine_unavailable", 4503), message);
    let report = host.preset_report("faulty").unwrap();
    assert_eq!((&report["state"], &report["reason"]), (&json!("unavailable"), &json!(message)));
    beside.end();
    Bystander::begin(&host, "tone").end();
}

#[test]
fn a_model_that_does_not_load_is_reported_and_tried_again() {
    let load = |fault: &str, at: &str| {
        let mut preset = faulty(json!({}));
        (preset["model_fault"], preset["model_at"]) = (json!(fault), json!(at));
        preset
    };
    let cases = [
        ("error", "load", "the error asked for in Load"),
        ("panic", "load", "the panic asked for in Load"),
        ("hang", "load", "it did not load within 1.5 s"),
        ("panic", "metadata", "the panic asked for in Metadata"),
        ("hang", "metadata", "it did not load within 1.5 s"),
        ("bad-metadata", "metadata", "sample_rate is 0"),
    ];
    let mut setup = setup().settings("[timeouts]\nload_seconds = 1.5");
    for (fault, at, _) in cases {
        setup = setup.preset(&format!("{fault}-{at}"), &load(fault, at));
    }
    let host = setup.start();
    let beside = Bystander::begin(&host, "tone");
    for (fault, at, problem) in cases {
        let name = format!("{fault}-{at}");
        let message = Client::start(&host, &name, json!({})).fails("engine_unavailable", 4503);
        assert!(message.contains(problem), "{name}: {message}");
        let report = host.preset_report(&name).unwrap();
        assert_eq!((&report["state"], &report["reason"]), (&json!("unavailable"), &json!(message)));
    }
    for (fault, at, _) in cases {
        let name = format!("{fault}-{at}");
        host.wait_for("another try", || {
            Client::start(&host, &name, json!({})).fails("engine_unavailable", 4503);
            host.logged(&["loading model", &name]) >= 2
        });
    }
    beside.end();
}

#[test]
fn a_model_whose_end_panics_is_let_go() {
    let model = |separate: u32| {
        let mut preset = faulty(json!({"concurrency": 1}));
        (preset["model_fault"], preset["model_at"]) = (json!("panic"), json!("model-drop"));
        preset["chunk_samples"] = json!(separate);
        preset
    };
    let host = setup().preset("ends-badly", &model(1_600)).start();
    let undisturbed = Bystander::begin(&host, "ends-badly").end();
    host.preset("ends-badly", &model(800).to_string());
    host.wait_for("the model's end", || host.logged(&["while being dropped", "ModelDrop"]) == 1);
    assert_eq!(Bystander::begin(&host, "faulty").end(), undisturbed);
}

/// The faults that end the process they happen in, with the signal to see.
#[cfg(unix)]
const DEADLY: [(&str, &str, i32); 2] = [("sigsegv", "SIGSEGV at 0x40", 11), ("sigabrt", "SIGABRT", 6)];

#[cfg(unix)]
#[test]
fn a_fatal_signal_ends_the_host_with_a_line_that_names_plugin_and_call() {
    use std::os::unix::process::ExitStatusExt;
    let plugin = format!("in process_iter of plugin auricle-engine-faulty {}", env!("CARGO_PKG_VERSION"));
    for (fault, cause, signal) in DEADLY {
        let mut host = setup().log("debug").start();
        let options = json!({"fault": fault, "after_chunks": 15});
        let mut client = Client::start(&host, "faulty", json!({"options": options}));
        send(&mut client);
        assert_eq!(host.wait().signal(), Some(signal), "{fault}");
        // The log's reader may be behind the process's end.
        let line = format!("engine code crashed: {cause} {plugin} at sample 24000 of its stream (thread faulty-");
        host.wait_for("the crash's line", || host.logged(&["ERROR", &line]) == 1);
        host.wait_for("its frames", || host.logged(&["DEBUG", "called from", "auricle_engine_faulty"]) == 1);
    }
}

/// The faults that a crowd is mixed with.
const IN_A_CROWD: [&str; 8] =
    ["panic", "error", "sleep", "flood", "disordered", "invalid-utf8", "huge-text", "not-a-number"];

#[test]
fn a_crowd_does_not_notice_those_that_go_wrong_in_it() {
    let host = setup()
        .preset("hanging", &faulty(json!({"concurrency": 2, "call_seconds": 3.0})))
        .settings("[limits]\nmax_call_timeouts = 100")
        .start();
    let audio = |n: u32| noise(n, 20_000 + n as usize * 37);
    let went_wrong = Mutex::new(0);
    thread::scope(|scope| {
        for n in 0..200 {
            let (host, went_wrong) = (&host, &went_wrong);
            scope.spawn(move || {
                let (preset, options) = match n % 10 {
                    0..4 => ("tone", json!({})),
                    4..7 => ("faulty", json!({})),
                    7..9 => {
                        let fault = IN_A_CROWD[n as usize / 10 % IN_A_CROWD.len()];
                        ("faulty", json!({"fault": fault, "after_chunks": 12, "megabytes": 1, "seconds": 0.1}))
                    }
                    _ => ("hanging", if n % 3 == 0 { json!({"fault": "hang", "after_chunks": 5}) } else { json!({}) }),
                };
                let healthy = options == json!({});
                let mut client = Client::start(host, preset, json!({"pace": "file", "options": options}));
                client.audio_in_frames(&bytes(&audio(n)), 1_000 + n as usize);
                client.say(&json!({"type": "finish"}));
                let closed = client.to_end();
                if healthy {
                    assert_eq!(closed.code, 1000, "stream {n}: {:?}", client.heard.last());
                    assert_eq!(client.texts(), tone_segments(&audio(n), 16_000), "stream {n}");
                } else {
                    *went_wrong.lock().unwrap() += 1;
                    assert!([1000, 4500, 4504].contains(&closed.code), "stream {n}: {closed:?}");
                }
            });
        }
    });
    assert!(*went_wrong.lock().unwrap() > 40);
    for preset in ["tone", "faulty", "hanging"] {
        streams_end(&host, preset);
    }
}
