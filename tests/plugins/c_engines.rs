//! Engines behind the C interface: the header and its mirror in Rust, the example, C++ exceptions, invalid tables, and tables of
//! earlier and later versions.

#![cfg(target_os = "linux")]

use auricle_plugin_api::abi::c;
use auricle_tests::{
    Client, Host, Setup, bytes, c_headers, compile_engine, compile_loudness as loudness, noise, tone_segments,
};
use serde_json::{Value, json};
use std::{
    fs,
    mem::{offset_of, size_of},
    path::{Path, PathBuf},
    process::Command,
};

const LOUDNESS: &str = "libloudness.so";
const SAMPLES: usize = 40_000;

fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What the example reports for a piece of audio.
fn loudness_of(audio: &[i16]) -> String {
    let energy: f64 = audio.iter().map(|sample| (f64::from(*sample) / 32_768.0).powi(2)).sum();
    format!("{:.0} dB", 20.0 * ((energy / audio.len() as f64).sqrt() + 1e-9).log10())
}

/// A server with this library, and a preset for the example.
fn host(library: &Path) -> Host {
    Setup::new().plugin(library).preset("loud", &json!({"backend": "loudness-c"})).start()
}

/// Runs a whole stream on the example, with a flush in the middle.
fn streams(host: &Host) {
    let audio = noise(3, SAMPLES);
    let mut client = Client::open(host, "loud", json!({}));
    client.audio(&bytes(&audio[..20_000]));
    client.say(&json!({"type": "flush"}));
    client.audio(&bytes(&audio[20_000..]));
    let pieces = [&audio[..16_000], &audio[16_000..20_000], &audio[20_000..36_000], &audio[36_000..]];
    assert_eq!(client.finish(), pieces.map(loudness_of));
    let times: Vec<_> = client.events("segment").iter().map(|event| event["end"].as_f64().unwrap()).collect();
    assert_eq!(times, [1.0, 1.25, 2.25, 2.5]);
}

/// Why the server refuses a library.
fn refusal(library: &Path) -> String {
    let host = host(library);
    let file = host.wait_for_file(LOUDNESS, |file| file["state"] == "refused");
    file["reason"].as_str().unwrap().to_owned()
}

/// Each structure of the header with its size and the offset of each field, as C sees it, is that of the mirror.
#[test]
fn the_mirror_has_the_layout_of_the_header() {
    let mut program = String::from("#include <auricle.h>\n#include <stdio.h>\nint main(void) {\n");
    let mut expected = Vec::new();
    macro_rules! structure {
        ($name:literal $mirror:ident: $($field:ident)*) => {
            program += &format!("printf(\"{0} %zu\\n\", sizeof({0}));\n", $name);
            expected.push(format!("{} {}", $name, size_of::<c::$mirror>()));
            $(
                program += &format!("printf(\"{0}.{1} %zu\\n\", offsetof({0}, {1}));\n", $name, stringify!($field));
                expected.push(format!("{}.{} {}", $name, stringify!($field), offset_of!(c::$mirror, $field)));
            )*
        };
    }
    structure!("auricle_reply" Reply: size write);
    structure!("auricle_config" Config: size json text number);
    structure!("auricle_host" Host: size api_major api_minor origin_dir resource_dirs log_level log find);
    structure!("auricle_word" Word: start end text confidence extra);
    structure!("auricle_segment" Segment: size start end text confidence language extra words word_count word_size);
    structure!("auricle_sink" Sink: size partial segment speech_started endpoint restart_point cancelled);
    structure!("auricle_batch_item" BatchItem: size stream sink ends status reply);
    structure!("auricle_engine" Engine: size backend schema load unload metadata open close init insert_audio_chunk
        process_iter finish restore process_batch files);
    structure!("auricle_event" Event: size kind change trigger confidence sample segment);
    structure!("auricle_stage_sink" StageSink: size event cancelled);
    structure!("auricle_stage" Stage: size name schema load unload metadata open close init audio event end_turn finish
        save restore files);
    structure!("auricle_plugin" Plugin: size engines engine_count stages stage_count);
    macro_rules! number {
        ($($name:ident)*) => {
            $(
                program += &format!("printf(\"{0} %u\\n\", AURICLE_{0});\n", stringify!($name));
                expected.push(format!("{} {}", stringify!($name), c::$name));
            )*
        };
    }
    number!(EVENT_PARTIAL EVENT_SEGMENT EVENT_SPEECH_STARTED EVENT_ENDPOINT EVENT_TURN);
    number!(TURN_STARTED TURN_UPDATE TURN_EAGER_END TURN_RESUMED TURN_ENDED);
    number!(TRIGGER_MODEL TRIGGER_MANUAL TRIGGER_TIMEOUT);
    program += "return 0; }\n";
    let folder = tempfile::tempdir().unwrap();
    let (file, binary) = (folder.path().join("layout.c"), folder.path().join("layout"));
    fs::write(&file, program).unwrap();
    let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    assert!(compiler.arg("-I").arg(c_headers()).arg("-o").arg(&binary).arg(&file).status().unwrap().success());
    let output = String::from_utf8(Command::new(binary).output().unwrap().stdout).unwrap();
    assert_eq!(output.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn the_example_is_compiled_and_serves_streams() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(&loudness(folder.path(), &[], &[]));
    let file = host.wait_for_file(LOUDNESS, |file| file["state"] == "registered");
    assert_eq!((&file["plugin"], &file["backends"]), (&json!("loudness-c"), &json!(["loudness-c"])), "{file}");
    streams(&host);
    host.wait_for_log(&["the meter is ready"], 1);
    // The schema's default and its choices hold for C engines too.
    host.preset("loud", &json!({"backend": "loudness-c", "unit": "loud"}).to_string());
    host.wait_for_log(&["`unit`", "dB"], 1);
}

/// The tables of an older version are shorter, those of a newer one longer.
#[test]
fn engines_of_earlier_and_later_versions_serve_streams() {
    let folder = tempfile::tempdir().unwrap();
    let header = fs::read_to_string(c_headers().join("auricle.h")).unwrap();
    let start = header.find("    /* Continues, in a new stream, from a restart point.").unwrap();
    let optional = &header[start..header.find("} auricle_engine;").unwrap()];
    let example = [
        ("process_iter, restore, NULL, NULL };", "process_iter };"),
        // Otherwise the compiler warns that nobody uses it.
        ("static auricle_status restore", "auricle_status restore"),
        ("engines, 1, NULL, 0 }", "engines, 1 }"),
    ];
    let stages = "    const auricle_stage *const *stages;\n    size_t stage_count;\n";
    streams(&host(&loudness(folder.path(), &example, &[(optional, ""), (stages, "")])));
    let later = loudness(
        folder.path(),
        &[
            ("restore, NULL, NULL };", "restore, NULL, NULL, NULL, 7 };"),
            ("NULL, NULL, NULL, 0, 0 };", "NULL, NULL, NULL, 0, 0, \"S1\", 1 };"),
            ("engines, 1, NULL, 0 }", "engines, 1, NULL, 0, 7 }"),
            // What a later server has, this one has not.
            (
                "    sink->segment(sink, &segment);",
                "    if (AURICLE_HAS(sink, keyword)) sink->keyword(sink, text);\n    sink->segment(sink, &segment);",
            ),
            (
                "    host->log(host, 3, \"the meter is ready\");",
                "    host->log(host, 3, AURICLE_HAS(host, clock) ? \"too late\" : \"older than the meter\");",
            ),
        ],
        &[
            ("} auricle_engine;", "    void *a_function;\n    uint64_t a_number;\n} auricle_engine;"),
            ("} auricle_segment;", "    const char *speaker;\n    double energy;\n} auricle_segment;"),
            ("} auricle_plugin;", "    uint64_t a_number;\n} auricle_plugin;"),
            (
                "    int (*cancelled)(auricle_sink *sink);\n",
                "    int (*cancelled)(auricle_sink *sink);\n    void (*keyword)(auricle_sink *sink, const char *word);\n",
            ),
            (
                "const char *name, auricle_reply *reply);\n};",
                "const char *name, auricle_reply *reply);\n    uint64_t (*clock)(const auricle_host *host);\n};",
            ),
            ("#define AURICLE_API_MINOR 0", "#define AURICLE_API_MINOR 7"),
        ],
    );
    let host = host(&later);
    streams(&host);
    host.wait_for_log(&["older than the meter"], 1);
}

#[test]
fn invalid_tables_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |edits: &[(&str, &str)], reason: &str| {
        let found = refusal(&loudness(folder.path(), edits, &[]));
        assert!(found.contains(reason), "{found}");
    };
    refused(
        &[("process_iter, process_iter,", "NULL, process_iter,")],
        "engine 1 of its table has no function `process_iter`",
    );
    refused(&[("sizeof engine, \"loudness-c\"", "24, \"loudness-c\"")], "has 24 bytes: the required functions take");
    refused(&[("\"{\\\"properties\\\"", "\"{\\\"properties")], "has a schema that is not valid");
    refused(&[("sizeof plugin, engines, 1", "sizeof plugin, engines, 0")], "exports no engine");
    refused(
        &[("sizeof plugin, engines, 1", "sizeof plugin, engines, 1000")],
        "its table of engines is not valid: 1000 engines",
    );
    refused(
        &[(
            "return &plugin;",
            "(void)&plugin;\n    auricle_fail(reply, 4, \"no licence in %s\", \"a file\");\n    return NULL;",
        )],
        "could not be initialised: no licence in a file",
    );
    refused(
        &[("auricle_plugin *auricle_plugin_open", "auricle_plugin *another_name")],
        "does not export the function auricle_plugin_open",
    );
}

/// `checksum.cpp` with this preset in a worker.
fn checksum(preset: &Value) -> (tempfile::TempDir, Host) {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libchecksum.so");
    compile_engine(&source("c_engines/checksum.cpp"), &c_headers(), &library);
    let host = Setup::new().plugin(&library).preset("sum", preset).start();
    (folder, host)
}

#[test]
fn an_exception_closes_its_stream_and_is_logged() {
    let open = json!({"open": ["fault", "after_chunks"]});
    let (_folder, host) = checksum(&json!({"backend": "checksum", "host": open}));
    let audio = noise(5, SAMPLES);
    let mut beside = Client::open(&host, "sum", json!({}));
    for (fault, code, message) in [
        ("exception", "engine_error", "the exception asked for"),
        ("error", "capacity", "the error asked for"),
        ("number", "engine_error", "an exception that is no std::exception"),
    ] {
        let mut client = Client::open(&host, "sum", json!({"options": {"fault": fault, "after_chunks": 5}}));
        client.audio(&bytes(&audio));
        client.say(&json!({"type": "finish"}));
        client.to_end();
        assert_eq!(client.heard.last().unwrap()["code"], code);
        host.wait_for_log(&[message], 1);
    }
    beside.audio(&bytes(&audio));
    assert_eq!(beside.finish(), tone_segments(&audio, 16_000));
    assert!(host.crash_reports().is_empty());
    host.preset("broken", &json!({"backend": "checksum", "missing": true}).to_string());
    host.wait_for_preset("broken", |_| true);
    Client::start(&host, "broken", json!({})).fails("engine_unavailable", 4503);
    host.wait_for_log(&["access: refused", "no model, as asked for"], 1);
}

#[test]
fn speech_at_once_is_the_speech_one_by_one() {
    let (_folder, host) = checksum(&json!({"backend": "checksum", "host": {"concurrency": 2}}));
    let audios: Vec<_> = (0..20).map(|seed| noise(seed, SAMPLES)).collect();
    let mut clients: Vec<_> = audios.iter().map(|_| Client::open(&host, "sum", json!({}))).collect();
    for at in 0..4 {
        for (client, audio) in clients.iter_mut().zip(&audios) {
            client.audio(&bytes(&audio[at * 10_000..(at + 1) * 10_000]));
        }
    }
    for (mut client, audio) in clients.into_iter().zip(&audios) {
        assert_eq!(client.finish(), tone_segments(audio, 16_000));
    }
}
