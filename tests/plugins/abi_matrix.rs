//! The compatibility of the plugin ABI: engines and hosts of one major version work together, whichever is older. Those
//! of another are refused with one line, and so is an engine whose types differ despite its version number.
//!
//! Real libraries, built against versions of the API (`workshop.rs`) and opened by programs built against others.

use crate::workshop::{CURRENT, LATER, workshop};
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// Opens libraries in one process of the host built against `host`, and returns its description of each.
fn look(host: &str, libraries: &[PathBuf]) -> Vec<Value> {
    let mut command = Command::new(workshop().host(host));
    let output = command.arg(workshop().resources()).args(libraries).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "host {host}: {}\n{errors}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Hosts of major version 1, and the compatible engines, with their minor version.
const COMPATIBLE: [(&str, u32); 3] = [("1.0", 0), (LATER, 1), (CURRENT, 0)];

/// Those that have claims and stages.
const GROWN: [&str; 2] = [LATER, CURRENT];

/// The log of a panic on an engine's own thread, without its location.
const PANIC_ALONE: &str = "Error auricle_plugin_api::logging: a thread of the engine panicked at ...: alone";

fn hide_place(line: &mut Value) {
    let text = line.as_str().unwrap();
    if let Some((before, after)) = text.split_once(" panicked at ") {
        let message = after.rsplit(": ").next().unwrap();
        *line = format!("{before} panicked at ...: {message}").into();
    }
}

/// The expected description of an engine of minor version `engine` by a host of minor version `host`.
fn seen(name: &str, engine: u32, host: u32) -> Value {
    let both_grown = engine >= 1 && host >= 1;
    let mut extra = json!({
        "origin": format!("{name}.engine"),
        "resources": ["resources"],
        "own file": "hello",
        "shared file": "shared by all",
        "no file": null,
        "sibling": 42,
        "service": null,
    });
    if engine >= 1 {
        // A new service: an older host does not offer it.
        extra["clock"] = if both_grown { json!(1_234) } else { json!(null) };
    }
    let mut kinds = vec!["model", "stream"];
    if host >= 1 {
        // A new method: an older engine uses the default.
        kinds.push(if both_grown { "hint taken: true" } else { "hint taken: false" });
    }
    let run = |start: u64, end: u64, note: &str| {
        let mut events = vec![format!("speech started at {start}"), format!("partial {start}..{end} hm")];
        if both_grown {
            // A new event: an older host ignores it.
            events.push(format!("keyword abracadabra at {end}"));
        }
        events.push(format!(
            "segment {start}..{end} ann: {note} Some(0.5) Some(\"en\") \
             [\"{start}..{end} ann Some(0.25) {{\\\"rank\\\":1}}\", \"{end}..{end} c\u{fffd} None {{}}\"] {{\"k\":\"v\"}}"
        ));
        events.push(format!("endpoint at {end}"));
        events.push(format!("restart point at {end} [0, 115, 116, 97, 116, 101, 255]"));
        events
    };
    let mut events = run(100, 108, "+4");
    events.extend(run(200, 204, "restored from [1, 255]+1"));
    events.push("segment 204..204 cancelled: true None None [] {}".into());
    let events_of_a_stream = if both_grown { 6 } else { 5 };
    json!({
        "api": [1, engine],
        "backend": "probe",
        "fields": ["name", "tries"],
        "extensions": ["hello", null, "true"],
        "metadata": {
            "separator": "_", "sample_rate": 8_000, "chunk_samples": 800, "max_streams": 7, "max_batch": 2,
            "replay": "lossless", "languages": ["en"], "capabilities": ["partials"], "extra": extra,
        },
        "kinds": kinds,
        "events": events,
        "batch": [["ok", "ok"], ["panic", "panic"], [events_of_a_stream, events_of_a_stream]],
        "after": "poisoned",
        "bystander": "ok",
        "full": "capacity",
        "log": [PANIC_ALONE, "Info probe: loading tries=3"],
    })
}

/// What the current engine claims, as far as hosts know it.
fn claims() -> Value {
    json!({"can": ["partials", "batches"], "languages": ["en"], "needs": ["files"]})
}

/// The expected description of the stage of an engine or of a plugin without one.
fn stage() -> Value {
    json!({
        "name": "probe-stage",
        "fields": ["mark"],
        "metadata": {"sample_rate": 8_000, "delay_seconds": 0.5, "changes_text": true, "capabilities": ["turns"]},
        "events": [
            "partial 100..100 3",
            "segment 100..103 hi? None None [] {}",
            "partial 100..103 hm",
            "speech started at 100",
            "endpoint at 103",
            "turn started at 101 of 0",
            "turn ended by manual at 103 of 0",
            "segment 103..103 held [104, 105] None None [] {}",
        ],
        "restored": ["segment 103..103 held [1, 255] None None [] {}"],
        "panic": ["panic", "poisoned"],
    })
}

#[test]
fn a_plugin_of_stages_is_taken_by_hosts_that_know_them_and_refused_by_others_in_one_line() {
    for version in GROWN {
        let library = [workshop().stage(version)];
        assert_eq!(refusals("1.0", &library), ["exports no engine"], "a stage of {version}");
        for host in GROWN {
            let seen = &look(host, &library)[0];
            assert_eq!((&seen["stages"], &seen["backend"]), (&json!([stage()]), &json!(null)), "{version} on {host}");
        }
    }
}

#[test]
fn old_and_new_work_together_in_both_directions() {
    for (host, host_minor) in COMPATIBLE {
        // In both orders, because a host process compares the layouts of all libraries that it opens.
        for backwards in [false, true] {
            let mut engines = COMPATIBLE;
            if backwards {
                engines.reverse();
            }
            let libraries = engines.map(|(name, _)| workshop().engine(name));
            for ((engine, minor), mut found) in engines.into_iter().zip(look(host, &libraries)) {
                hide_place(&mut found["log"][0]);
                let mut expected = seen(engine, minor, host_minor);
                if GROWN.contains(&host) {
                    // Older engines claim nothing and have no stages, and older hosts do not look for them.
                    let has = GROWN.contains(&engine);
                    expected["claims"] = json!([if has { claims() } else { json!(null) }, null]);
                    expected["stages"] = if has { json!([stage()]) } else { json!([]) };
                }
                assert_eq!(found, expected, "engine {engine} on host {host}");
            }
        }
    }
}

/// The reasons why `host` refuses these libraries; each is one line.
fn refusals(host: &str, libraries: &[PathBuf]) -> Vec<String> {
    let reason = |seen: Value| {
        let reason = seen["refused"].as_str().unwrap_or_else(|| panic!("host {host} takes it: {seen}")).to_owned();
        assert!(reason.lines().count() == 1 && reason.len() < 400, "{reason}");
        reason
    };
    look(host, libraries).into_iter().map(reason).collect()
}

#[test]
fn another_major_version_is_refused_by_name() {
    let numbers = |minor: u32| format!("1.{minor}");
    for (host, minor) in COMPATIBLE {
        let expected = format!(
            "built for plugin API 2.0, this host has {}; rebuild it against auricle-plugin-api 1",
            numbers(minor)
        );
        assert_eq!(refusals(host, &[workshop().engine("2.0")]), [expected]);
    }
    for (engine, minor) in COMPATIBLE {
        let expected = format!(
            "built for plugin API {}, this host has 2.0; rebuild it against auricle-plugin-api 2",
            numbers(minor)
        );
        assert_eq!(refusals("2.0", &[workshop().engine(engine)]), [expected]);
    }
}

#[test]
fn a_change_behind_the_version_number_is_refused() {
    let workshop = workshop();
    for (host, minor) in COMPATIBLE {
        let expected = format!(
            "built for plugin API 1.0.1, which differs from this host's 1.{minor} though the numbers allow it; rebuild it"
        );
        assert_eq!(refusals(host, &[workshop.engine("1.0.1")]), [expected]);
        // Inspecting it does not affect the others.
        let seen_after = &look(host, &[workshop.engine("1.0.1"), workshop.engine(LATER)])[1];
        assert_eq!(seen_after["backend"], "probe");
    }
}

#[test]
fn a_plugin_that_fails_while_opened_says_why() {
    let reasons = refusals(CURRENT, &[workshop().bad("panic"), workshop().bad("undefined")]);
    let [panic, undefined] = reasons.as_slice() else { panic!("{reasons:?}") };
    assert!(panic.starts_with("could not be initialised: panicked at "), "{panic}");
    assert!(panic.ends_with(": no engine today"), "{panic}");
    assert!(undefined.starts_with("cannot be opened: "), "{undefined}");
    assert!(undefined.contains("auricle_symbol_that_nobody_defines"), "{undefined}");
}

/// The plugins that cannot be opened safely behave as the server's tests assume.
#[test]
fn some_plugins_can_only_be_opened_by_a_process_that_may_die() {
    let open = |fault: &str| {
        let mut command = Command::new(workshop().host(CURRENT));
        command.arg(workshop().resources()).arg(workshop().bad(fault)).stdout(Stdio::null()).spawn().unwrap()
    };
    let mut crashing = open("crash");
    assert!(!crashing.wait().unwrap().success());

    let mut hanging = open("hang");
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(500) {
        assert_eq!(hanging.try_wait().unwrap(), None);
        sleep(Duration::from_millis(20));
    }
    hanging.kill().unwrap();
    hanging.wait().unwrap();
}
