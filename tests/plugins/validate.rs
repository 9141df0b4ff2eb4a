//! `auricle validate`: the engines of this repository pass, and an engine that breaks a clause fails the case of that clause.
//! `auricle run`: the text is that of a server.

#![cfg(target_os = "linux")]

use auricle_tests::{auricle, fixture, library, models, noise, runtime, staged, tone_segments};
use serde_json::{Value, json};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Output,
    sync::Mutex,
    thread,
};

/// A line of the table: the case, its outcome, fields of the engine, and a part of the reason.
type Row = (&'static str, &'static str, &'static [&'static str], &'static str);

/// What `faulty` must do to fail each case.
const BROKEN: &[Row] = &[
    ("config.given", "fail", &["sample_rate=fast"], "\"fast\""),
    ("model.loads", "fail", &["model_fault=panic"], "the panic asked for in Load"),
    ("model.loads", "fail", &["model_fault=error"], "the error asked for in Load"),
    ("model.loads", "fail", &["model_fault=bad-metadata", "model_at=metadata"], "sample_rate is 0"),
    ("model.loads", "fail", &["model_fault=panic", "model_at=metadata"], "the panic asked for in Metadata"),
    ("model.loads", "fail", &["model_fault=hang"], "did not end within"),
    ("model.loads", "crashed", &["model_fault=sigsegv"], "SIGSEGV at 0x40 in load"),
    ("model.loads", "crashed", &["model_fault=exit"], "ended with status 3"),
    ("model.loads", "crashed", &["model_fault=sigabrt", "model_at=model-drop"], "SIGABRT in drop of a model"),
    ("model.twice", "fail", &["neglect=second-model"], "there is a model already"),
    ("model.threads", "fail", &["neglect=second-model"], "there is a model already"),
    ("model.unloads", "warning", &["neglect=unload"], "16 MiB"),
    ("model.metadata-stable", "fail", &["neglect=metadata"], "differ"),
    ("model.chunk", "warning", &["chunk_samples=16"], "1.0 ms"),
    ("model.limits", "fail", &["neglect=limits"], "max_batch is 0"),
    ("model.languages", "fail", &["neglect=languages"], "the English one"),
    ("model.capabilities", "fail", &["neglect=capabilities"], "two words"),
    ("model.wrong-values", "warning", &["neglect=errors"], "does not name the field"),
    ("model.unknown-field", "fail", &["neglect=unknown-field"], "panicked"),
    ("model.missing-file", "warning", &["model=/proc/self/status"], "is not noticed"),
    ("stream.runs", "fail", &["fault=panic", "at=init"], "the panic asked for in Init"),
    ("stream.runs", "fail", &["fault=panic", "at=process_iter"], "the panic asked for in ProcessIter"),
    ("stream.runs", "fail", &["fault=error", "at=finish"], "the error asked for in Finish"),
    ("stream.runs", "fail", &["fault=hang"], "did not end within"),
    ("stream.runs", "crashed", &["fault=sigsegv", "at=insert_audio_chunk"], "in insert_audio_chunk of plugin"),
    ("stream.runs", "crashed", &["fault=sigkill"], "crashed (SIGKILL)"),
    ("stream.runs", "crashed", &["fault=exit", "at=finish"], "ended with status 3"),
    ("stream.runs", "crashed", &["fault=thread-exit"], "ended with status 3"),
    ("stream.runs", "crashed", &["fault=stack-overflow"], "SIGSEGV"),
    ("stream.runs", "crashed", &["fault=sigabrt", "at=drop"], "in drop of a processor"),
    ("stream.empty", "fail", &["neglect=empty"], "reports `nothing`"),
    ("stream.one-sample", "fail", &["neglect=short"], "not what it expects"),
    ("stream.short-end", "fail", &["neglect=short"], "not what it expects"),
    ("stream.whole-chunks", "fail", &["neglect=whole-chunks"], "no audio to finish"),
    ("stream.silence", "fail", &["neglect=silence"], "not what it expects"),
    ("stream.noise", "fail", &["fault=error", "after_chunks=90"], "the error asked for"),
    ("stream.clipped", "fail", &["neglect=loud"], "not what it expects"),
    ("stream.constant", "fail", &["neglect=loud"], "not what it expects"),
    ("stream.nan", "warning", &["neglect=not-finite"], "not finite"),
    ("stream.infinite", "warning", &["neglect=not-finite"], "not finite"),
    ("stream.any-chunks", "warning", &["neglect=any-chunks"], "chunks of 3201 samples"),
    ("stream.pieces", "fail", &["neglect=again"], "in packets of"),
    ("state.init-resets", "fail", &["neglect=reset"], "after a reset"),
    ("state.init-twice", "fail", &["neglect=init-twice"], "init was called before"),
    ("state.flush", "fail", &["neglect=offset"], "after a flush"),
    ("state.offset", "fail", &["neglect=offset"], "from offset 1000003"),
    ("state.far-offset", "fail", &["neglect=far-offset"], "from offset 1099511627776"),
    ("state.after-finish", "warning", &["neglect=calls"], "audio at the wrong time"),
    ("state.no-audio", "warning", &["neglect=calls"], "without new audio"),
    ("state.before-init", "warning", &["neglect=calls"], "audio at the wrong time"),
    ("state.dropped", "fail", &["neglect=dropped"], "beside streams that are dropped"),
    ("state.model-dropped", "crashed", &["model_fault=sigabrt", "model_at=model-drop"], "drop of a"),
    ("state.cancelled", "warning", &["neglect=cancelled"], "cannot be cancelled"),
    ("together.interleaved", "fail", &["neglect=others"], "beside another stream"),
    ("together.threads", "fail", &["neglect=thread"], "on another thread"),
    ("together.many", "fail", &["neglect=thread"], "16 streams at once"),
    ("together.moves", "fail", &["neglect=thread"], "on a new thread"),
    ("together.all-streams", "fail", &["neglect=one-stream"], "max_streams is 2"),
    ("together.again", "fail", &["neglect=again"], "in a second stream"),
    ("together.new-model", "fail", &["neglect=loads"], "loaded again"),
    ("batch.one", "fail", &["neglect=batch-ends", "segment_chunks=30", "max_batch=4"], "in a batch of one"),
    ("batch.two", "fail", &["neglect=batch", "max_batch=4"], "only the first stream"),
    ("batch.full", "fail", &["neglect=batch", "max_batch=4"], "only the first stream"),
    ("batch.lengths", "fail", &["neglect=batch", "max_batch=4"], "only the first stream"),
    ("batch.ends", "fail", &["neglect=batch-ends", "segment_chunks=30", "max_batch=4"], "without new audio"),
    ("events.times-in-order", "fail", &["fault=disordered", "after_chunks=12"], "after a segment"),
    ("events.words-in-order", "fail", &["fault=not-a-number"], "the word `backwards`"),
    ("events.inside", "fail", &["fault=outside"], "was reported when the engine had"),
    ("events.partials-follow", "fail", &["fault=disordered", "after_chunks=12"], "starts before the last segment"),
    ("events.utf8", "fail", &["fault=invalid-utf8"], "is not UTF-8"),
    ("events.control", "fail", &["neglect=control"], "control characters"),
    ("events.size", "fail", &["fault=huge-text", "megabytes=1"], "a text of 1048576 bytes"),
    ("events.count", "fail", &["fault=flood"], "events in one call: servers accept"),
    ("events.blank", "warning", &["neglect=blank"], "has no text"),
    ("events.language", "fail", &["lan=the English one"], "not a BCP 47 tag"),
    ("events.moments", "fail", &["fault=disordered", "after_chunks=12"], "comes after"),
    ("events.last-words", "warning", &["neglect=last-words", "segment_chunks=30"], "never followed by a segment"),
    ("events.claims", "warning", &["neglect=claims"], "word-times"),
    ("restart.claim", "fail", &["neglect=replay-claim"], "claim none"),
    ("restart.resumes-from-each", "fail", &["neglect=restore"], "from sample"),
    ("restart.another-model", "fail", &["neglect=other-model"], "this is not its state"),
    ("restart.state-size", "fail", &["fault=bad-state"], "1048577 bytes"),
    ("restart.order", "fail", &["neglect=point-order"], "follows a later one"),
    ("restart.offset", "fail", &["neglect=point-offset"], "a point at sample"),
    ("restart.spoilt-state", "fail", &["neglect=spoilt-state"], "a state is not empty"),
    ("restart.unsupported", "fail", &["neglect=supported"], "succeeds"),
    ("options.wrong-values", "warning", &["neglect=errors"], "does not name the field"),
    ("options.unknown", "fail", &["neglect=unknown-field"], "panicked"),
    ("options.per-stream", "fail", &["neglect=others"], "another option"),
    ("extension.model", "fail", &["neglect=extension"], "an answer of 0 bytes"),
    ("extension.stream", "fail", &["neglect=extension"], "an answer of 0 bytes"),
    ("extension.files", "fail", &["neglect=files"], "a/relative/path"),
    ("resources.prints", "warning", &["fault=print"], "the engine printed"),
    ("resources.sandbox", "fail", &["neglect=socket"], "in the sandbox"),
    ("resources.directory", "warning", &["neglect=directory"], "another working directory"),
    ("resources.log", "warning", &["neglect=log"], "lines for one stream"),
    ("resources.call-time", "warning", &["fault=sleep", "seconds=3.1"], "a call took 3."),
    ("resources.hour", "fail", &["fault=leak", "megabytes=1", "times=1000000", "chunk_samples=160000"], "each hour"),
    ("resources.memory", "fail", &["fault=leak", "megabytes=1", "at=drop"], "MiB behind"),
    ("resources.descriptors", "fail", &["fault=descriptors"], "open files"),
    ("resources.threads", "fail", &["neglect=threads"], "threads behind"),
];

/// Runs the command; returns its result and its cases by name.
fn validate(plugin: &Path, args: &[&str]) -> (Output, Vec<(String, Value)>) {
    let output = auricle().arg("validate").arg(plugin).args(args).arg("--json").output().unwrap();
    let out = String::from_utf8(output.stdout.clone()).unwrap();
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|problem| panic!("{problem}: {out} {output:?}"));
    let cases = report["cases"].as_array().unwrap().iter();
    let cases = cases.map(|case| (case["case"].as_str().unwrap().to_owned(), case.clone())).collect();
    (output, cases)
}

/// The cases that are neither passed nor skipped.
fn problems(cases: &[(String, Value)]) -> Vec<String> {
    let is_bad = |case: &Value| !matches!(case["outcome"].as_str(), Some("pass" | "skipped"));
    cases.iter().filter(|(_, case)| is_bad(case)).map(|(name, case)| format!("{name}: {}", case["reason"])).collect()
}

fn passes(plugin: &Path, args: &[&str]) {
    let (output, cases) = validate(plugin, args);
    assert_eq!((output.status.code(), problems(&cases)), (Some(0), Vec::new()), "{}", plugin.display());
    let passed = cases.iter().filter(|(_, case)| case["outcome"] == "pass").count();
    assert!(passed > 90, "{passed} cases passed");
}

fn text(path: PathBuf) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn engines_of_arithmetic_pass() {
    for engine in ["tone", "faulty", "beeps"] {
        passes(&library(engine), &[]);
    }
}

#[test]
fn the_streaming_network_passes() {
    let (models, runtime, audio) = (text(models()), text(runtime()), text(fixture("digits.wav")));
    let args = ["--set", "model=digits", "--resources", &models, "--resources", &runtime, "--audio", &audio];
    // Long cases use about half of the time.
    passes(&staged("libauricle_engine_onnx.so"), &[&args[..], &["--timeout", "20"]].concat());
}

#[test]
fn clauses_that_engines_once_broke_hold() {
    let (fixtures, runtime, audio) = (text(fixture("")), text(runtime()), text(fixture("digits.wav")));
    let mut args = vec![
        "--only",
        "restart",
        "--timeout",
        "20",
        "--resources",
        &fixtures,
        "--resources",
        &runtime,
        "--audio",
        &audio,
    ];
    for field in ["model=whisper-digits", "lan=en", "vac=true", "vad=silero"] {
        args.extend(["--set", field]);
    }
    let (_, cases) = validate(&staged("libauricle_engine_whisper.so"), &args);
    assert_eq!(problems(&cases), Vec::<String>::new());
    assert!(cases.iter().any(|(name, case)| name == "restart.order" && case["outcome"] == "pass"), "{cases:?}");
    let audio = text(fixture("weather.wav"));
    let args = ["--only", "state.after-finish", "--set", "model=en-us", "--audio", &audio];
    let (_, cases) = validate(&staged("pocketsphinx.engine"), &args);
    assert_eq!(cases[0].1["outcome"], "pass", "{cases:?}");
}

#[test]
fn an_engine_that_breaks_a_clause_fails_its_case() {
    let rows = Mutex::new(BROKEN.iter());
    let wrong = Mutex::new(Vec::new());
    let work = || {
        loop {
            let Some((case, outcome, fields, reason)) = rows.lock().unwrap().next() else { return };
            let mut args = vec!["--only", case, "--timeout", "8"];
            fields.iter().for_each(|field| args.extend(["--set", field]));
            let hangs = fields.iter().any(|field| field.ends_with("=hang"));
            if hangs {
                args[3] = "0.5";
            }
            let (output, cases) = validate(&library("faulty"), &args);
            let [(name, found)] = cases.as_slice() else { panic!("{case}: {cases:?}") };
            let code = if matches!(*outcome, "fail" | "crashed") { 1 } else { 0 };
            let is_as_expected = name == case
                && found["outcome"] == *outcome
                && found["reason"].as_str().unwrap().contains(reason)
                && output.status.code() == Some(code);
            if !is_as_expected {
                wrong.lock().unwrap().push(format!("{case} with {fields:?}: {found}, not {outcome}: {reason}"));
            }
        }
    };
    thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_gate_that_does_not_pass_skips_the_rest() {
    let args = ["--set", "model_fault=sigsegv", "--only", "stream", "--skip", "stream.runs,stream.noise"];
    let (output, cases) = validate(&library("faulty"), &args);
    // Without the gate, each case finds it out by itself.
    assert_eq!((output.status.code(), cases.len()), (Some(1), problems(&cases).len()));
    assert!(cases.len() > 5 && cases.iter().all(|(name, _)| name.starts_with("stream.") && name != "stream.noise"));
    let (_, cases) = validate(&library("faulty"), &["--set", "model_fault=sigsegv"]);
    let of = |name: &str| &cases.iter().find(|(case, _)| case == name).unwrap().1;
    assert_eq!(of("model.loads")["outcome"], "crashed");
    assert_eq!(of("stream.empty")["reason"], "`model.loads` did not pass");
    assert_eq!(problems(&cases).len(), 1, "{:?}", problems(&cases));
}

/// A copy of `tone` with another manifest: the bytes at this place of it, counted from its start.
fn with_manifest(dir: &Path, at: usize, bytes: &[u8]) -> PathBuf {
    let mut file = fs::read(library("tone")).unwrap();
    let magic = b"auricle plugin\r\n";
    let places: Vec<_> = (0..file.len() - 400).filter(|n| file[*n..].starts_with(magic)).collect();
    for place in places {
        // The program text has the magic too, without a manifest behind it.
        if u32::from_le_bytes(file[place + 16..place + 20].try_into().unwrap()) == 384 {
            file[place + at..place + at + bytes.len()].copy_from_slice(bytes);
        }
    }
    let copy = dir.join("libcopy.so");
    fs::write(&copy, file).unwrap();
    copy
}

#[test]
fn a_file_that_is_no_plugin_of_this_host_fails() {
    let dir = tempfile::tempdir().unwrap();
    let check = |plugin: &Path, case: &str, outcome: &str, reason: &str| {
        let (_, cases) = validate(plugin, &["--only", case]);
        let found = &cases[0].1;
        assert!(found["outcome"] == outcome && found["reason"].as_str().unwrap().contains(reason), "{case}: {found}");
    };
    // The fields follow one another: magic, size, major, minor, reserved, target, id, version, description.
    check(&with_manifest(dir.path(), 20, &[2]), "file.api", "fail", "plugin API 2.0");
    check(&with_manifest(dir.path(), 32, b"sparc64"), "file.target", "fail", "built for sparc64");
    check(&with_manifest(dir.path(), 144, b"one.two"), "file.version", "fail", "`one.two");
    check(&with_manifest(dir.path(), 80, &[0]), "file.identity", "fail", "the id is empty");
    check(&with_manifest(dir.path(), 192, &[0]), "file.identity", "warning", "the description is empty");
    check(&with_manifest(dir.path(), 16, &[1, 0]), "file.manifest", "fail", "cut short");
    let other = dir.path().join("other.txt");
    fs::write(&other, "a text").unwrap();
    check(&other, "file.manifest", "fail", "is not a shared library");
    check(&other, "file.name", "fail", "does not end in .so");
    let hidden = dir.path().join(".hidden.so");
    fs::write(&hidden, "a text").unwrap();
    check(&hidden, "file.name", "fail", "is hidden");
    let (output, cases) = validate(&other, &[]);
    assert_eq!((output.status.code(), problems(&cases).len()), (Some(1), 1));
}

#[test]
fn wrong_command_lines_say_what_to_do() {
    let tone = text(library("tone"));
    for (args, problem) in [
        (&["no-such.so"][..], "no-such.so: No such file"),
        (&[&tone, "--only", "state.flsh"], "there is no case or group `state.flsh`; --list shows all"),
        (&[&tone, "--audio", "no-such.wav"], "no-such.wav: No such file"),
        (&[&tone, "--preset", "no-such.json"], "no-such.json: No such file"),
        (&[&tone, "--resources", "no-such"], "not a directory"),
    ] {
        let output = auricle().arg("validate").args(args).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(problem), "{said}");
    }
}

#[test]
fn build_servers_get_junit_xml() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("results.xml");
    let args = ["--only", "state,events.utf8,batch.one", "--set", "fault=invalid-utf8", "--junit", &text(file.clone())];
    let (output, _) = validate(&library("faulty"), &args);
    assert_eq!(output.status.code(), Some(1));
    let xml = fs::read_to_string(file).unwrap();
    for part in [
        "<testsuite name=\"Texts and times\" tests=\"1\" failures=\"1\" errors=\"0\" skipped=\"0\"",
        "<testcase classname=\"state\" name=\"state.flush\"",
        "<skipped message=\"the model does not support batches\"/>",
        "<failure message=\"`caf",
        "Join the bytes of tokens",
    ] {
        assert!(xml.contains(part), "{part}: {xml}");
    }
}

#[test]
fn random_calls_are_repeatable_and_find_faults() {
    let fuzz = |plugin: &Path, args: &[&str]| {
        let output = auricle().arg("validate").arg(plugin).args(["--fuzz", "1", "--json"]).args(args).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), report)
    };
    let (code, report) = fuzz(&library("tone"), &["--seed", "7"]);
    assert_eq!((code, &report["outcome"], report.get("calls")), (Some(0), &json!("pass"), None), "{report}");
    let seed = ["--seed", "11", "--set", "neglect=others"];
    let [first, second] = [fuzz(&library("faulty"), &seed), fuzz(&library("faulty"), &seed)];
    assert_eq!((first.0, &first.1["calls"]), (Some(1), &second.1["calls"]));
    assert!(first.1["calls"].as_str().unwrap().starts_with("seed "), "{}", first.1);
    let (code, report) = fuzz(&library("faulty"), &["--set", "fault=sigsegv", "--set", "after_chunks=15"]);
    assert_eq!((code, &report["outcome"]), (Some(1), &json!("crashed")), "{report}");
    assert!(report["calls"].as_str().unwrap().contains(":push("), "{report}");
}

/// The tables of `docs/validate.md`, from the program itself.
fn tables() -> String {
    let output = auricle().args(["validate", "--list", "--json"]).output().unwrap();
    let sections: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let mut page = String::new();
    for section in sections {
        page += &format!(
            "\n## {}\n\n| case | contract | what to do |\n| --- | --- | --- |\n",
            section["section"].as_str().unwrap()
        );
        for case in section["cases"].as_array().unwrap() {
            let [name, clause, advice] = ["case", "clause", "advice"].map(|field| case[field].as_str().unwrap());
            page += &format!("| `{name}` | {clause} | {advice} |\n");
        }
    }
    page
}

#[test]
fn the_documentation_has_every_case() {
    const MARK: &str =
        "<!-- `AURICLE_WRITE_CASES=1 cargo test --test plugins the_documentation` writes the rest. -->\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/validate.md");
    let page = fs::read_to_string(&file).unwrap();
    let (beginning, rest) = page.split_once(MARK).unwrap();
    let tables = tables();
    if env::var_os("AURICLE_WRITE_CASES").is_some() {
        fs::write(&file, format!("{beginning}{MARK}{tables}")).unwrap();
    } else {
        assert!(rest == tables, "docs/validate.md is out of date; its comment says how to write it");
    }
    assert!(tables.matches("\n| `").count() > 100);
    let listed: Vec<_> = tables.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    for (case, ..) in BROKEN {
        assert!(listed.contains(case), "{case}");
    }
}

// `auricle run`

/// A WAV file of noise, and its samples.
fn recording(dir: &Path, rate: u32, samples: usize) -> (PathBuf, Vec<i16>) {
    let (path, samples) = (dir.join("noise.wav"), noise(5, samples));
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let mut wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    wav[4..8].copy_from_slice(&(36 + bytes.len() as u32).to_le_bytes());
    wav.extend(rate.to_le_bytes());
    wav.extend((rate * 2).to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend((bytes.len() as u32).to_le_bytes());
    wav.extend(bytes);
    fs::write(&path, wav).unwrap();
    (path, samples)
}

fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let output = auricle().arg("run").args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_recording_is_transcribed_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let (path, samples) = recording(dir.path(), 16_000, 40_100);
    let (tone, path) = (text(library("tone")), text(path));
    let expected = tone_segments(&samples, 16_000);
    let (code, out, err) = run(&[&tone, &path]);
    assert_eq!(
        (code, out.lines().collect::<Vec<_>>()),
        (Some(0), expected.iter().map(String::as_str).collect()),
        "{err}"
    );
    assert_eq!(err, "");
    let (_, in_process, _) = run(&[&tone, &path, "--in-process"]);
    assert_eq!(in_process, out);

    // A preset, a field over it, partial texts, and the cost.
    let preset = dir.path().join("tone.json");
    fs::write(&preset, json!({"backend": "tone", "segment_chunks": 10, "host": {"title": "x"}}).to_string()).unwrap();
    let (preset, plugins) = (text(preset), text(staged("")));
    let mut args = vec![&*preset, &path, "--plugins", &plugins, "--set", "segment_chunks=20"];
    args.extend(["--format", "jsonl", "--show-partials", "--cost"]);
    let (code, out, err) = run(&args);
    assert_eq!(code, Some(0), "{err}");
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let segments: Vec<_> = lines.iter().filter(|line| line["type"] == "segment").collect();
    assert_eq!((segments.len(), &segments[0]["end"]), (2, &json!(2.0)));
    assert!(lines.len() > 5 && lines[0]["type"] == "partial", "{out}");
    assert!(err.contains("2.5 s of audio"), "{err}");

    let (_, srt, _) = run(&[&tone, &path, "--format", "srt"]);
    assert!(srt.starts_with(&format!("1\n00:00:00,000 --> 00:00:01,000\n{}\n\n2\n", expected[0])), "{srt}");
    let (_, vtt, _) = run(&[&tone, &path, "--format", "vtt"]);
    assert!(vtt.starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n"), "{vtt}");
}

#[test]
fn what_cannot_be_run_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = recording(dir.path(), 16_000, 48_000);
    let (tone, faulty, path) = (text(library("tone")), text(library("faulty")), text(path));
    let preset = dir.path().join("other.json");
    fs::write(&preset, json!({"backend": "other"}).to_string()).unwrap();
    let (preset, plugins) = (text(preset), text(staged("")));
    for (args, code, problem) in [
        (&[&*tone, "no-such.wav"][..], 3, "no-such.wav: "),
        (&[&tone, &tone], 3, "not a recognized audio file"),
        (&[&path, &path], 4, "is not a shared library"),
        (&[&tone, &path, "--set", "chunk_samples=0"], 4, "field `chunk_samples`"),
        (&[&tone, &path, "--backend", "other"], 4, "choose one of its engines with --backend: tone"),
        (&[&preset, &path, "--plugins", &plugins], 4, "no plugin in the directories has the engine `other`"),
        (&[&faulty, &path, "--set", "model_fault=error"], 4, "the error asked for in Load"),
        (
            &[&faulty, &path, "--set", "fault=error", "--set", "after_chunks=15"],
            4,
            "the error asked for in ProcessIter",
        ),
    ] {
        let (found, _, err) = run(args);
        assert!(found == Some(code) && err.contains(problem), "{args:?}: {found:?} {err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
    // Text from before a failure is printed; an engine that crashes once loses nothing.
    let (_, out, _) = run(&[&faulty, &path, "--set", "fault=error", "--set", "after_chunks=15"]);
    assert_eq!(out.lines().count(), 1);
    let (code, out, _) = run(&[&faulty, &path, "--set", "fault=sigsegv", "--set", "after_chunks=15"]);
    assert_eq!((code, out.lines().count()), (Some(0), 3));
}
