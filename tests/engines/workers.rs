//! Engines in worker processes: the death of a worker is an event in the log. Every stream continues, word for word if
//! the engine's replay is exact, and streams of healthy engines are not affected.

#![cfg(unix)]

use auricle_tests::{Client, Host, Setup, bytes, library, long, noise, tone_segments};
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// Two seconds: twenty chunks, two segments.
const SAMPLES: usize = 32_000;

fn setup() -> Setup {
    Setup::new()
        .plugin(&library("tone"))
        .plugin(&library("faulty"))
        .preset("tone", &json!({"backend": "tone"}))
        .preset("faulty", &faulty(json!({})))
}

fn faulty(mut host: Value) -> Value {
    host["open"] = json!(["fault", "at", "after_chunks", "times", "seconds", "megabytes", "canary_file"]);
    json!({"backend": "faulty", "host": host})
}

fn send(client: &mut Client, samples: &[i16]) {
    client.audio_in_frames(&bytes(samples), 4_000);
    client.say(&json!({"type": "finish"}));
}

/// Runs a stream on a preset with the fault in `options`; returns the client after the server has closed.
fn hear(host: &Host, preset: &str, options: Value) -> Client {
    let mut client = Client::start(host, preset, json!({"options": options}));
    send(&mut client, &noise(1, SAMPLES));
    client.to_end();
    client
}

#[test]
fn a_crash_is_an_event_in_the_log() {
    let host = setup().start();
    let whole = tone_segments(&noise(1, SAMPLES), 16_000);
    let mut beside = Client::open(&host, "faulty", json!({}));
    beside.audio(&bytes(&noise(7, 20_000)));
    for (fault, how) in
        [("sigsegv", "SIGSEGV"), ("sigabrt", "SIGABRT"), ("sigkill", "SIGKILL"), ("exit", "ended with status 3")]
    {
        // The new processor counts chunks from the restart point, so the fault does not occur again.
        let client = hear(&host, "faulty", json!({"fault": fault, "after_chunks": 15}));
        assert_eq!((client.closed.as_ref().unwrap().code, client.texts()), (1000, whole.clone()), "{fault}");
        host.wait_for("the report", || host.logged(&["a worker", how, "in process_iter"]) > 0);
    }
    beside.audio(&bytes(&noise(7, 50_001)[20_000..]));
    assert_eq!(beside.finish(), tone_segments(&noise(7, 50_001), 16_000));
    assert!(host.get("/metrics").1.contains(r#"auricle_worker_restarts_total{preset="faulty",engine="faulty"}"#));
    let report = host.crash_reports().remove(0);
    for text in [
        "backend: faulty",
        "crashed (SIGSEGV)",
        "call: process_iter with 1600 samples",
        "stream ",
        "signal: ",
        "auricle_engine_faulty::",
    ] {
        assert!(report.contains(text), "{text} is not in\n{report}");
    }
}

#[test]
fn audio_before_a_restart_point_of_the_very_call_that_the_engine_died_in_is_not_heard_again() {
    let host = setup().start();
    // The fault occurs at every tenth chunk, whose end is a restart point. After the last one there is no more audio.
    let client = hear(&host, "faulty", json!({"fault": "sigsegv", "at": "reported", "after_chunks": 10}));
    assert_eq!(client.texts(), tone_segments(&noise(1, SAMPLES), 16_000));
    host.wait_for_log(&["the engine crashed (SIGSEGV)", "while processing this stream"], 2);
}

#[test]
fn a_stream_of_which_the_engine_dies_again_is_closed() {
    let host = setup().start();
    let mut beside = Client::open(&host, "faulty", json!({}));
    for at in ["processor", "init", "insert_audio_chunk", "process_iter"] {
        let mut client = Client::start(&host, "faulty", json!({"options": {"fault": "sigsegv", "at": at}}));
        send(&mut client, &noise(1, SAMPLES));
        let message = client.fails("engine_crashed", 4505);
        assert!(message.contains("SIGSEGV") && message.contains("twice"), "{message}");
    }
    beside.audio(&bytes(&noise(7, 50_001)));
    assert_eq!(beside.finish(), tone_segments(&noise(7, 50_001), 16_000));
    host.wait_for("the end of all but one worker", || host.workers().len() == 1);
}

#[test]
fn an_engine_that_reports_no_text_of_speech_is_started_anew() {
    let mut mute = faulty(json!({"mute_seconds": 0.5}));
    // When it is restored after the crash, it says nothing more.
    mute["neglect"] = json!("restore");
    let host = setup().preset("mute", &mute).start();
    let mut client = Client::start(&host, "mute", json!({"options": {"fault": "sigsegv", "after_chunks": 15}}));
    send(&mut client, &noise(1, SAMPLES));
    client.to_end();
    assert_eq!(client.texts(), tone_segments(&noise(1, SAMPLES), 16_000));
    let restarted = client.events("restarted");
    assert_eq!(restarted, [json!({"type": "restarted", "time": 1.0})], "{:?}", client.heard);
    host.wait_for_log(&["reported no text for", "started anew"], 1);
    let metrics = host.get("/metrics").1;
    assert!(metrics.contains(r#"auricle_mute_engines_total{preset="mute",engine="faulty"} 1"#), "{metrics}");
}

#[test]
fn a_call_that_does_not_return_ends_its_worker() {
    let host = setup().preset("faulty", &faulty(json!({"call_seconds": 1.0}))).start();
    let mut beside = Client::open(&host, "faulty", json!({}));
    let client = hear(&host, "faulty", json!({"fault": "hang", "after_chunks": 15}));
    assert_eq!(client.texts(), tone_segments(&noise(1, SAMPLES), 16_000));
    host.wait_for("the end of the worker", || {
        host.logged(&["did not return from process_iter within 1 s and was ended"]) > 0
    });
    beside.audio(&bytes(&noise(7, 50_001)));
    assert_eq!(beside.finish(), tone_segments(&noise(7, 50_001), 16_000));
}

#[test]
fn a_worker_that_outgrows_its_memory_is_replaced() {
    let host = setup().preset("faulty", &faulty(json!({"memory_mb": 200}))).start();
    let options = json!({"fault": "leak", "megabytes": 400, "after_chunks": 15});
    let mut client = Client::open(&host, "faulty", json!({"options": options}));
    client.audio(&bytes(&noise(1, SAMPLES)));
    host.wait_for("the end of it", || host.logged(&["MiB of memory, of the 200 it may have"]) > 0);
    assert_eq!(client.finish(), tone_segments(&noise(1, SAMPLES), 16_000));
}

#[test]
fn a_model_that_needs_more_memory_than_it_may_have_is_not_loaded() {
    // It takes 100 MiB at once, faster than memory is measured.
    let greedy = json!({"backend": "faulty", "model_fault": "leak", "host": {"memory_mb": 60}});
    let host = setup().preset("greedy", &greedy).start();
    Client::start(&host, "greedy", json!({})).fails("engine_unavailable", 4503);
    let reason = ["MiB of memory, of the 60 it may have", "while loading its model"];
    host.wait_for("the reason", || host.logged(&reason) > 0);
}

#[test]
fn a_plugin_that_many_streams_die_of_is_quarantined_and_released() {
    let host = setup().settings("[limits]\nquarantine_streams = 3").start();
    let name = library("faulty").file_name().unwrap().to_str().unwrap().to_owned();
    for _ in 0..3 {
        hear(&host, "faulty", json!({"fault": "sigabrt", "at": "init"}));
    }
    let file = host.wait_for_file(&name, |file| file["state"] == "quarantined");
    let reason = file["reason"].as_str().unwrap();
    assert!(reason.contains("3 times") && reason.contains("SIGABRT"), "{reason}");
    let message = Client::start(&host, "faulty", json!({})).fails("engine_unavailable", 4503);
    assert!(message.contains("quarantine"), "{message}");
    let mut others = Client::open(&host, "tone", json!({}));
    others.audio(&bytes(&noise(1, SAMPLES)));
    assert_eq!(others.finish(), tone_segments(&noise(1, SAMPLES), 16_000));
    let release = |file: &str| {
        let url = format!("http://{}", host.address());
        auricle_tests::auricle().args(["engines", "--url", &url, "--release", file]).output().unwrap()
    };
    assert_eq!(release("another.so").status.code(), Some(2));
    assert!(release(&name).status.success());
    assert_eq!(hear(&host, "faulty", json!({})).texts(), tone_segments(&noise(1, SAMPLES), 16_000));
}

#[test]
fn what_the_engine_prints_goes_to_the_log_and_a_model_no_longer_needed_takes_its_worker_along() {
    let host = setup().start();
    assert_eq!(hear(&host, "tone", json!({})).texts(), tone_segments(&noise(1, SAMPLES), 16_000));
    let before = host.workers();
    assert_eq!(before.len(), 1);
    let mut open = Client::open(&host, "tone", json!({}));
    // The same engine with another chunk size: another model.
    host.preset("tone", &json!({"backend": "tone", "chunk_samples": 800}).to_string());
    host.wait_for("the new model", || {
        let client = hear(&host, "tone", json!({}));
        client.events("ready")[0]["chunk_seconds"] == 0.05
    });
    assert_eq!(host.workers().len(), 2, "the stream on the old model keeps its worker");
    open.audio(&bytes(&noise(1, SAMPLES)));
    assert_eq!(open.finish(), tone_segments(&noise(1, SAMPLES), 16_000));
    host.wait_for("the old worker's end", || host.workers().iter().all(|pid| !before.contains(pid)));
}

#[test]
fn an_engines_lines_come_with_their_stream() {
    let inside = json!({"backend": "tone", "host": {"isolation": "in-process"}});
    let host = setup().preset("inside", &inside).log("auricle::engine=debug,info").start();
    for preset in ["tone", "inside"] {
        let client = hear(&host, preset, json!({}));
        let stream = client.events("ready")[0]["stream"].as_str().unwrap().to_owned();
        let line = ["auricle::engine", "segment reported", "auricle-engine-tone", &stream];
        host.wait_for_log(&line, 2);
    }
}

#[test]
fn a_worker_ends_with_its_host() {
    let mut host = setup().start();
    let _open = Client::open(&host, "tone", json!({}));
    let workers = host.workers();
    host.signal("KILL");
    host.wait();
    for pid in workers {
        let gone = || fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
        for _ in 0..500 {
            if !gone() {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        assert!(!gone(), "worker {pid} outlives its host");
    }
}

#[test]
fn streams_in_one_batch_outlive_the_one_that_the_worker_dies_of() {
    let mut preset = faulty(json!({}));
    preset["max_batch"] = json!(8);
    let host = setup().preset("faulty", &preset).settings("[limits]\nquarantine_streams = 100").start();
    let whole = tone_segments(&noise(1, SAMPLES), 16_000);
    let report = || host.crash_reports().into_iter().find(|report| report.contains("call: process_batch"));
    // Whether others wait at that moment is random.
    for _ in 0..20 {
        thread::scope(|scope| {
            for n in 0..8 {
                let (host, whole) = (&host, &whole);
                scope.spawn(move || {
                    // While one sleeps, the others wait.
                    let options = if n == 0 {
                        json!({"fault": "sigsegv", "after_chunks": 15})
                    } else {
                        json!({"fault": "sleep", "seconds": 0.02, "times": 20})
                    };
                    assert_eq!(&hear(host, "faulty", options).texts(), whole, "stream {n}");
                });
            }
        });
        if let Some(report) = report() {
            assert!(report.contains(", stream "), "only one stream in the batch\n{report}");
            return;
        }
    }
    panic!("no worker died in a batch; log of the host:\n{}", host.log());
}

#[test]
fn an_engine_reaches_nothing_but_its_files() {
    let foreign = tempfile::NamedTempFile::new().unwrap();
    fs::write(&foreign, [7; 100]).unwrap();
    let host = setup()
        .preset("open", &faulty(json!({"sandbox": false})))
        .preset("inside", &faulty(json!({"isolation": "in-process"})))
        .start();
    let answer = |preset: &str| {
        let file = foreign.path().to_str().unwrap().replace('/', "|");
        let options = json!({"fault": "canary", "after_chunks": 15, "canary_file": file});
        let texts = hear(&host, preset, options).texts();
        texts.into_iter().find(|text| text.starts_with("udp")).unwrap()
    };
    assert_eq!(answer("faulty"), "udp: refused; file: refused; fork: refused");
    assert_eq!(answer("open"), "udp: allowed; file: allowed; fork: allowed");
    assert_eq!(answer("inside"), "udp: allowed; file: allowed; fork: allowed");
    host.wait_for_log(&["has no sandbox", "open"], 1);
}

/// Kills the workers of a stream at random moments, never twice without progress. Returns the client.
fn hear_under_fire(host: &Host, preset: &str, audio: &[u8], kills: &mut usize, seed: &mut u32) -> Client {
    let mut client = Client::start(host, preset, json!({"pace": "file"}));
    for frame in audio.chunks(32_000) {
        client.audio(frame);
    }
    client.say(&json!({"type": "finish"}));
    let recoveries = || host.logged(&["continuing with a new processor"]);
    let settle = Duration::from_millis(100);
    let (mut expected, mut recovered) = (recoveries(), Instant::now().checked_sub(settle));
    while let Some(event) = client.next() {
        if recovered.is_none() && recoveries() >= expected {
            recovered = Some(Instant::now());
        }
        // By then, everything that was sent before the last recovery has arrived.
        let progress = matches!(event["type"].as_str(), Some("partial" | "segment"))
            && recovered.is_some_and(|at| at.elapsed() >= settle);
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if progress && *kills > 0 && *seed >> 30 == 0 {
            thread::sleep(Duration::from_micros(u64::from(*seed >> 12) % 20_000));
            (expected, recovered) = (recoveries() + 1, None);
            host.workers().into_iter().for_each(|worker| host.kill_worker(worker));
            *kills -= 1;
        }
    }
    client
}

/// Streams recordings until there were this many kills; `same` compares each stream with an undisturbed one.
pub(super) fn survive(setup: Setup, preset: &str, audio: &[u8], kills: usize, same: impl Fn(&Client, &Client)) {
    let host = setup.settings("[limits]\nquarantine_streams = 100000").start();
    let mut none = 0;
    let clean = hear_under_fire(&host, preset, audio, &mut none, &mut 1);
    assert_eq!(clean.closed.as_ref().unwrap().code, 1000);
    let (mut left, mut seed, mut streams) = (kills, 1, 0);
    while left > 0 {
        let stream = hear_under_fire(&host, preset, audio, &mut left, &mut seed);
        assert_eq!(stream.closed.as_ref().unwrap().code, 1000, "{:?}", stream.heard.last());
        same(&clean, &stream);
        streams += 1;
        assert!(streams < 20 * kills, "the kills do not happen");
    }
    println!("{preset}: {kills} kills over {streams} streams");
}

pub(super) fn exact(clean: &Client, stream: &Client) {
    for kind in ["segment", "speech_started", "endpoint"] {
        assert_eq!(clean.events(kind), stream.events(kind));
    }
    assert_eq!(clean.heard.last().unwrap()["seconds"], stream.heard.last().unwrap()["seconds"]);
}

pub(super) fn kills(long_tier: usize) -> usize {
    if long() { long_tier } else { 10 }
}

#[test]
fn streams_survive_random_kills_word_for_word() {
    survive(setup(), "tone", &bytes(&noise(3, 4_800_000)), kills(200), exact);
}

#[test]
fn digits_survive_random_kills_word_for_word() {
    let setup = Setup::new()
        .plugin(&library("onnx"))
        .resource(&auricle_tests::runtime())
        .resource(&auricle_tests::models())
        .preset("digits", &json!({"backend": "onnx", "model": "digits"}));
    survive(setup, "digits", &recording("digits.wav", if long() { 20 } else { 4 }), kills(200), exact);
}

#[test]
fn pocketsphinx_survives_random_kills_word_for_word() {
    let setup = Setup::new()
        .plugin(&auricle_tests::staged("pocketsphinx.engine"))
        .preset("speech", &json!({"backend": "pocketsphinx"}));
    survive(setup, "speech", &recording("weather.wav", 2), kills(50), exact);
}

#[test]
fn whisper_loses_nothing_to_random_kills() {
    let setup = Setup::new()
        .plugin(&library("whisper"))
        .resource(&auricle_tests::runtime())
        .resource(&auricle_tests::fixture(""))
        .preset("whisper", &json!({"backend": "whisper", "model": "whisper-digits", "lan": "en"}));
    survive(setup, "whisper", &recording("digits.wav", 2), kills(20), lossless);
}

#[test]
fn a_network_with_more_caches_than_a_restart_point_holds_loses_nothing_to_random_kills() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/onnx/testdata");
    let preset = json!({"backend": "onnx", "model": "nemo-ctc-long", "rule3_min_utterance_length": 4});
    let setup = Setup::new()
        .plugin(&library("onnx"))
        .resource(&auricle_tests::runtime())
        .resource(&testdata)
        .preset("long", &preset);
    survive(setup, "long", &recording("demo.wav", 2), kills(20), lossless);
}

/// Nothing is reported twice, and about as much audio is recognised.
pub(super) fn lossless(clean: &Client, stream: &Client) {
    let mut end = 0.0;
    for segment in stream.events("segment") {
        assert!(segment["start"].as_f64().unwrap() >= end, "a segment comes again: {segment}");
        end = segment["end"].as_f64().unwrap();
    }
    assert!(stream.events("gap").is_empty());
    // Another buffer or new caches may lead to other words, but for about as much audio.
    let seconds = |client: &Client| -> f64 {
        let time = |segment: &Value, key: &str| segment[key].as_f64().unwrap();
        client.events("segment").iter().map(|segment| time(segment, "end") - time(segment, "start")).sum()
    };
    let ratio = seconds(stream) / seconds(clean);
    assert!((0.7..=1.4).contains(&ratio), "{ratio}: {:?} instead of {:?}", stream.texts(), clean.texts());
}

/// A recording of the repository, repeated, as s16le.
pub(super) fn recording(name: &str, times: usize) -> Vec<u8> {
    let wav = fs::read(auricle_tests::fixture(name)).unwrap();
    let data = wav.windows(4).position(|four| four == b"data").unwrap() + 8;
    wav[data..].repeat(times)
}

#[test]
fn nobody_else_can_reach_a_worker() {
    let host = setup().start();
    let _open = Client::open(&host, "tone", json!({}));
    let worker = host.workers()[0];
    let status = fs::read_to_string(format!("/proc/{worker}/status")).unwrap();
    assert!(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"), "{status}");
    let listening = Command::new("ls").arg("-l").arg(format!("/proc/{worker}/fd")).output().unwrap();
    let open = String::from_utf8_lossy(&listening.stdout).into_owned();
    assert!(!open.contains(".sock"), "{open}");
}
