//! Tests each fault that a process survives, through the real boundary.

#![allow(clippy::unwrap_used, reason = "a test may")]

use auricle_engine_faulty::Faulty;
use auricle_plugin_api::{Error, ErrorCode, Scope};
use auricle_plugin_test::{Recording, StubHost, TestEngine, TestStream};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn engine() -> TestEngine {
    TestEngine::in_process(Faulty, &StubHost::new())
}

fn stream(options: Value) -> Result<TestStream, Error> {
    engine().load(json!({})).try_stream(options)
}

/// Processes chunks of silence until a call fails or there are none left, then finishes.
fn run(options: Value, chunks: usize) -> (Recording, Result<(), Error>) {
    let mut stream = match stream(options) {
        Ok(stream) => stream,
        Err(error) => return (Recording::default(), Err(error)),
    };
    // A flush finishes the processor too, and keeps the recording if that fails.
    let result = stream.push(&vec![0.0; chunks * 1_600]).and_then(|()| stream.flush());
    (stream.into_recording(), result)
}

#[test]
fn a_healthy_stream_counts_what_it_heard() {
    let mut stream = stream(json!({"segment_chunks": 2, "lan": "en"})).unwrap().in_chunks(2);
    stream.reset(100).unwrap();
    stream.push(&[0.5, -0.5, 0.25, 0.0, 1.0, 0.0]).unwrap();
    let recording = stream.finish().unwrap();
    let sum = |levels: &[i32]| levels.iter().fold(0u32, |sum, level| sum.wrapping_mul(31).wrapping_add(*level as u32));
    let expected = [
        (100, 104, format!("4:{:08x}", sum(&[16_384, -16_384, 8_192, 0]))),
        (104, 106, format!("2:{:08x}", sum(&[32_768, 0]))),
    ];
    let segments: Vec<_> = recording.segments.iter().map(|s| (s.start, s.end, s.text().into_owned())).collect();
    assert_eq!(segments, expected);
    assert_eq!(recording.partials.len(), 2);
    assert_eq!((&recording.speech_starts[..], &recording.endpoints[..]), (&[100, 104][..], &[104, 106][..]));
    assert_eq!(recording.segments[0].language.as_deref(), Some("en"));
}

#[test]
fn panics_and_errors_strike_where_and_when_asked() {
    for at in ["processor", "init", "insert_audio_chunk", "process_iter", "finish"] {
        let (recording, result) = run(json!({"fault": "panic", "at": at}), 3);
        assert_eq!(result.unwrap_err().code, ErrorCode::PANIC, "{at}");
        assert_eq!(recording.partials.len(), if at == "finish" { 3 } else { 0 });
        let (_, result) = run(json!({"fault": "error", "at": at}), 3);
        assert_eq!(result.unwrap_err().code, ErrorCode::OTHER, "{at}");
    }
    let (recording, result) = run(json!({"fault": "panic", "after_chunks": 4}), 10);
    assert_eq!(result.unwrap_err().message, "panicked: the panic asked for in ProcessIter");
    assert_eq!(recording.partials.len(), 3);
    let (_, result) = run(json!({"fault": "panic", "after_chunks": 4}), 3);
    result.unwrap();
    run(json!({"fault": "panic", "at": "drop"}), 3).1.unwrap();
}

#[test]
fn a_model_goes_wrong_where_asked() {
    let fault = |fault: &str, at: &str| {
        engine().try_load(json!({"model_fault": fault, "model_at": at})).err().map(|error| error.code)
    };
    assert_eq!(fault("panic", "load"), Some(ErrorCode::PANIC));
    assert_eq!(fault("error", "load"), Some(ErrorCode::OTHER));
    assert_eq!(fault("panic", "metadata"), Some(ErrorCode::PANIC));
    assert_eq!(fault("bad-metadata", "metadata"), Some(ErrorCode::CONTRACT));
    assert_eq!(fault("panic", "model-drop"), None);
}

#[test]
fn a_sleep_takes_its_time() {
    let begin = Instant::now();
    run(json!({"fault": "sleep", "seconds": 0.2, "times": 2}), 3).1.unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(400));
}

#[test]
fn lies_are_told_once_and_the_stream_goes_on() {
    let tell = |fault: &str| {
        let (recording, result) = run(json!({"fault": fault, "megabytes": 2, "after_chunks": 2}), 5);
        result.unwrap();
        let last = recording.segments.last().unwrap();
        assert_eq!((last.start, last.end), (0, 8_000), "{fault}");
        recording
    };
    let flood = tell("flood");
    assert!(flood.partials.len() > 10_000 && flood.segments.len() > 10_000);
    assert!(tell("disordered").segments.windows(2).any(|pair| pair[1].start < pair[0].end));
    assert!(tell("outside").segments.iter().any(|segment| segment.end == u64::MAX));
    assert!(tell("invalid-utf8").segments.iter().any(|segment| segment.text().contains('\u{fffd}')));
    assert!(tell("huge-text").segments.iter().any(|segment| segment.text_bytes().len() == 2 << 20));
    assert!(tell("not-a-number").segments.iter().any(|segment| segment.words.len() == 2));
    assert!(tell("bad-state").restart_points.iter().any(|point| point.state.len() > 1 << 20));
    tell("leak");
}

#[test]
fn what_could_not_show_is_refused() {
    for options in [
        json!({"fault": "flood", "at": "init"}),
        json!({"fault": "canary", "at": "insert_audio_chunk"}),
        json!({"fault": "error", "at": "drop"}),
        json!({"fault": "panic", "at": "load"}),
        json!({"fault": "unheard-of"}),
        json!({"fault": "sleep", "seconds": -1}),
    ] {
        assert_eq!(stream(options.clone()).err().unwrap().code, ErrorCode::CONFIG, "{options}");
    }
    assert_eq!(engine().refusal(json!({"model_fault": "flood"})).code, ErrorCode::CONFIG);
}

#[test]
fn the_schema_opens_a_streams_faults_only() {
    let engine = engine();
    for name in ["fault", "at", "after_chunks", "times", "seconds", "megabytes", "canary_file"] {
        assert_eq!(engine.schema().scope(name), Some(Scope::Stream), "{name}");
    }
    for name in ["model_fault", "model_at", "model_seconds", "sample_rate"] {
        assert_eq!(engine.schema().scope(name), Some(Scope::Load), "{name}");
    }
    let places = &engine.schema().json()["properties"]["at"]["enum"];
    let all = ["processor", "init", "insert_audio_chunk", "process_iter", "reported", "finish", "drop"];
    assert_eq!(*places, json!(all));
    engine.load(json!({}));
}

/// The text of a canary's only segment.
fn canary(file: &str) -> String {
    let (recording, result) = run(json!({"fault": "canary", "after_chunks": 2, "canary_file": file}), 3);
    result.unwrap();
    recording.segments[0].text().into_owned()
}

#[cfg(unix)]
#[test]
fn a_canary_out_of_its_cage_may_do_all_of_it() {
    let file = std::env::current_exe().unwrap();
    assert_eq!(canary(file.to_str().unwrap()), "udp: allowed; file: allowed; fork: allowed");
    let absent = canary("/absent/file");
    assert!(absent.contains("; file: failed (No such file"), "{absent}");
}

/// Runs an ignored test of this program, with a fault, in another process.
#[cfg(unix)]
fn child(test: &str, fault: &str) -> std::process::Output {
    // Few descriptors, so that `descriptors` needs little time; no core files.
    let mut child = std::process::Command::new("/bin/sh");
    child.args(["-c", "ulimit -n 64 && ulimit -c 0 && exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
    child.args(["--ignored", "--exact", test]).env("FAULT", fault).output().unwrap()
}

/// The faults that end the process, with the expected signal or exit code. The standard library reports a stack
/// overflow and aborts.
#[cfg(unix)]
const DEADLY: [(&str, Option<i32>, Option<i32>); 8] = [
    ("sigsegv", Some(11), None),
    ("sigabrt", Some(6), None),
    ("sigkill", Some(9), None),
    ("exit", None, Some(3)),
    ("stack-overflow", Some(6), None),
    ("thread-sigsegv", Some(11), None),
    ("thread-sigabrt", Some(6), None),
    ("thread-exit", None, Some(3)),
];

#[cfg(unix)]
#[test]
fn deadly_faults_end_the_process_as_named() {
    use std::os::unix::process::ExitStatusExt;
    for (fault, signal, code) in DEADLY {
        let status = child("goes_wrong", fault).status;
        assert_eq!((status.signal(), status.code()), (signal, code), "{fault}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_printed_is_no_text() {
    let output = child("goes_wrong", "print");
    assert!(output.status.success());
    for printed in [output.stdout, output.stderr] {
        assert!(printed.len() >= 64 << 10);
        assert!(String::from_utf8(printed).is_err());
    }
}

#[cfg(unix)]
#[test]
fn no_descriptor_is_left() {
    let output = child("goes_wrong_and_opens_a_file", "descriptors");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[cfg(target_os = "linux")]
#[test]
fn spinning_keeps_a_core_busy() {
    let (tell, told) = std::sync::mpsc::channel();
    // Ends with the process.
    std::thread::spawn(move || {
        tell.send(std::fs::read_link("/proc/thread-self").unwrap()).unwrap();
        run(json!({"fault": "spin"}), 1)
    });
    let stat = std::path::Path::new("/proc").join(told.recv().unwrap()).join("stat");
    // The 14th of 52 fields, in units of 10 ms: see proc_pid_stat(5).
    let busy = || -> u64 { std::fs::read_to_string(&stat).unwrap().rsplit(' ').nth(52 - 14).unwrap().parse().unwrap() };
    let deadline = Instant::now() + Duration::from_secs(60);
    while busy() < 20 {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Run in its own process by the tests above.
#[test]
#[ignore = "goes wrong"]
fn goes_wrong() {
    if let Ok(fault) = std::env::var("FAULT") {
        run(json!({"fault": fault, "after_chunks": 2}), 3).1.unwrap();
    }
}

/// Run in its own process by a test above.
#[test]
#[ignore = "goes wrong"]
fn goes_wrong_and_opens_a_file() {
    goes_wrong();
    const TOO_MANY_OPEN_FILES: i32 = 24;
    let error = std::fs::File::open(".").unwrap_err();
    assert_eq!(error.raw_os_error(), Some(TOO_MANY_OPEN_FILES));
}
