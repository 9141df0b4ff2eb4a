//! A failing engine in the host's own process affects only its stream: neither the host nor other streams, not even
//! those of the same model. The fault matrix has the consequences of each fault; these are the tests that need more
//! than one stream, call or attempt.

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

/// A preset that lets clients choose the faults of their streams.
fn faulty(mut host: Value) -> Value {
    host["open"] = json!(["fault", "at", "after_chunks", "times", "seconds", "megabytes", "segment_chunks"]);
    host["isolation"] = json!("in-process");
    json!({"backend": "faulty", "host": host})
}

/// A healthy stream that is open while others fail.
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

    /// Ends the stream and returns all of its events.
    fn end(mut self) -> Vec<Value> {
        self.client.audio(&self.audio[40_000..]);
        assert_eq!(self.client.finish(), tone_segments(&noise(7, 50_001), 16_000));
        self.client.events("segment")
    }
}

/// Sends two seconds of audio and `finish`.
fn send(client: &mut Client) {
    client.audio_in_frames(&bytes(&noise(1, SAMPLES)), 4_000);
    client.say(&json!({"type": "finish"}));
}

fn streams_end(host: &Host, preset: &str) {
    host.wait_for_preset(preset, |report| report["streams"] == 0);
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
fn a_call_that_returns_too_late_changes_nothing() {
    let host = setup().preset("faulty", &faulty(json!({"concurrency": 1, "call_seconds": 1.5}))).start();
    let options = json!({"fault": "sleep", "seconds": 3.0, "after_chunks": 15});
    let mut client = Client::open(&host, "faulty", json!({"options": options}));
    send(&mut client);
    client.fails("engine_timeout", 4504);
    let undisturbed = Bystander::begin(&host, "faulty").end();
    host.wait_for_log(&["has returned after all"], 1);
    assert_eq!(Bystander::begin(&host, "faulty").end(), undisturbed);
    streams_end(&host, "faulty");
}

#[test]
fn a_call_that_never_returns_takes_no_stream_along_that_waits_with_it() {
    let mut batches = faulty(json!({"concurrency": 1, "call_seconds": 3.0}));
    batches["max_batch"] = json!(8);
    let host = setup().preset("batches", &batches).start();
    // While the model's only thread processes the second chunk of this stream, the others wait for it; the first of
    // them is the one that hangs.
    let sleep = json!({"fault": "sleep", "seconds": 1.0, "after_chunks": 2});
    let mut first = Client::open(&host, "batches", json!({"options": sleep}));
    first.audio(&bytes(&noise(1, 3_200)));
    first.until("partial");
    let mut client = Client::start(&host, "batches", json!({"options": {"fault": "hang", "at": "processor"}}));
    host.wait_for_preset("batches", |report| report["streams"] == 2);
    let mut others = [(); 3].map(|()| Client::start(&host, "batches", json!({})));
    for other in &mut others {
        send(other);
    }
    for mut other in others {
        assert_eq!(other.to_end().code, 1000);
        assert_eq!(other.texts(), tone_segments(&noise(1, SAMPLES), 16_000));
    }
    client.fails("engine_timeout", 4504);
    assert_eq!(first.finish(), tone_segments(&noise(1, 3_200), 16_000));
    streams_end(&host, "batches");
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
        let (told, id) = message.split_once("; the server's log says why: stream ").unwrap();
        assert!(!told.contains(problem), "{message}");
        host.wait_for_log(&["refused: ", problem, id], 1);
        // Without keys everybody is an operator.
        let report = host.preset_report(&name).unwrap();
        let reason = report["reason"].as_str().unwrap();
        assert!(report["state"] == "unavailable" && reason.starts_with(told) && reason.contains(problem), "{report}");
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

/// The faults that end their process, with the reported signal.
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
        // The log's reader may be slower than the process.
        let line = format!("engine code crashed: {cause} {plugin} at sample 24000 of its stream (thread faulty-");
        host.wait_for_log(&["ERROR", &line], 1);
        host.wait_for_log(&["DEBUG", "called from", "auricle_engine_faulty"], 1);
    }
}

/// The faults that are mixed with healthy streams.
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
