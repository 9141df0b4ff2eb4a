//! `auricle validate`: the engines of this repository pass, and an engine that breaks a clause fails the case of that clause.

#![cfg(target_os = "linux")]

mod broken;
mod edited;
mod files;
mod stages;

use auricle_tests::{PublishedClients, auricle, c_headers, compile_engine, fixture, library, models, runtime, staged};
use broken::{BROKEN, WITH_SPEECH};
use edited::EDITED;
use files::CHANGED;
use serde_json::{Value, json};
use stages::{BROKEN_STAGES, EDITED_STAGES};
use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Output,
    sync::Mutex,
    thread,
};

/// A line of a table: the case, its outcome, what is wrong with the engine, and a part of the reason.
type Row<What> = (&'static str, &'static str, What, &'static str);

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

/// Checks a plugin that has what is wrong according to the row; says how the result differs from the row's.
fn check<What>(plugin: &Path, args: &[&str], (case, outcome, _, reason): &Row<What>) -> Option<String> {
    let (output, cases) = validate(plugin, &[&["--only", case], args].concat());
    let [(name, found)] = cases.as_slice() else { panic!("{case}: {cases:?}") };
    let code = if matches!(*outcome, "fail" | "crashed") { 1 } else { 0 };
    let is_as_expected = name == case
        && found["outcome"] == *outcome
        && found["reason"].as_str().unwrap().contains(reason)
        && output.status.code() == Some(code);
    (!is_as_expected).then(|| format!("{case} with {args:?}: {found}, not {outcome}: {reason}"))
}

/// Checks the rows, four at once. Panics with all differences.
fn in_parallel<What: Sync>(rows: &[Row<What>], check: impl Fn(&Row<What>) -> Option<String> + Sync) {
    let rest = Mutex::new(rows.iter());
    let wrong = Mutex::new(Vec::new());
    let work = || {
        loop {
            // The lock is released before the check.
            let Some(row) = rest.lock().unwrap().next() else { return };
            let difference = check(row);
            wrong.lock().unwrap().extend(difference);
        }
    };
    thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn passes(plugin: &Path, args: &[&str]) {
    let (output, cases) = validate(plugin, args);
    assert_eq!((output.status.code(), problems(&cases)), (Some(0), Vec::new()), "{}", plugin.display());
    let passed = cases.iter().filter(|(_, case)| case["outcome"] == "pass").count();
    assert!(passed > 90, "{passed} cases passed");
}

#[test]
fn an_engine_in_c_passes() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libloudness.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-api/examples/loudness.c");
    compile_engine(&source, &c_headers(), &library);
    let (output, cases) = validate(&library, &[]);
    assert_eq!((output.status.code(), problems(&cases)), (Some(0), Vec::new()));
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
fn the_python_example_starts_anew() {
    let Some(venv) = PublishedClients("python-engines").environment() else { return };
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/python/examples").canonicalize().unwrap();
    let fields = [format!("venv={}", text(venv)), format!("path={}", text(examples))];
    let audio = text(fixture("weather.wav"));
    let mut args = vec!["--only", "stream.runs,state.init-resets,state.flush", "--audio", &audio];
    for field in ["module=my_engine.loader", "loader=MyEngineLoader", &fields[0], &fields[1]] {
        args.extend(["--set", field]);
    }
    let (_, cases) = validate(&library("python"), &args);
    let passed: Vec<_> = cases.iter().filter(|(_, case)| case["outcome"] == "pass").collect();
    assert_eq!((problems(&cases), passed.len()), (Vec::new(), 3), "{cases:?}");
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
}

#[test]
fn every_case_is_failed_by_an_engine() {
    let output = auricle().args(["validate", "--list", "--json"]).output().unwrap();
    let sections: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let cases = sections.iter().flat_map(|section| section["cases"].as_array().unwrap());
    let listed: BTreeSet<_> = cases.map(|case| case["case"].as_str().unwrap()).collect();
    fn names<What>(rows: &[Row<What>]) -> Vec<&str> {
        rows.iter().map(|row| row.0).collect()
    }
    let of_stages = [names(BROKEN_STAGES), names(EDITED_STAGES)].concat();
    let failed = [names(BROKEN), names(WITH_SPEECH), names(EDITED), names(CHANGED), of_stages].concat();
    assert_eq!(listed, failed.into_iter().collect());
}
