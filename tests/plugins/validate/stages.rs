//! Stages: those of this repository and an example in C pass, and a stage that breaks a clause fails the case of that clause.

use super::{Row, check, in_parallel, problems, validate};
use auricle_tests::{auricle, compile_level, library, stage_library};
use std::{fs, path::Path};

/// Fields of the stage `faulty-stage`.
type Fields = &'static [&'static str];

/// What it must do to fail each case.
pub(super) const BROKEN_STAGES: &[Row<Fields>] = &[
    ("stage-load.loads", "fail", &["neglect=load-error"], "the error asked for"),
    ("stage-load.loads", "fail", &["neglect=load-panic"], "the panic asked for"),
    ("stage-load.loads", "crashed", &["neglect=load-exit"], "ended with status 3"),
    ("stage-load.loads", "fail", &["neglect=delay"], "delay_seconds is -1"),
    ("stage-load.metadata-stable", "fail", &["neglect=metadata"], "differ"),
    ("stage-load.rate", "fail", &["neglect=rate"], "sample_rate is 7"),
    ("stage-load.capabilities", "fail", &["neglect=capabilities"], "two words"),
    ("stage-load.twice", "fail", &["neglect=second"], "there is a stage already"),
    ("stage-load.wrong-values", "warning", &["neglect=errors"], "does not name the field"),
    ("stage-load.unknown-field", "fail", &["neglect=unknown-field"], "an unknown field"),
    ("stage-load.requests", "fail", &["neglect=extension"], "an answer of 0 bytes"),
    ("stage-load.files", "fail", &["neglect=files"], "a/relative/path"),
    ("stage-stream.runs", "fail", &["fault=error"], "the error asked for"),
    ("stage-stream.runs", "fail", &["fault=panic"], "the panic asked for"),
    ("stage-stream.runs", "crashed", &["fault=sigsegv"], "in event of a stage"),
    ("stage-stream.empty", "fail", &["neglect=empty"], "`nothing`"),
    ("stage-stream.any-audio", "fail", &["neglect=silence"], "with silence"),
    ("stage-stream.nan", "warning", &["neglect=not-finite"], "not finite"),
    ("stage-stream.pieces", "fail", &["neglect=pieces"], "in pieces of"),
    ("stage-stream.again", "fail", &["neglect=again"], "in a second stream"),
    ("stage-stream.interleaved", "fail", &["neglect=others"], "beside another stream"),
    ("stage-stream.threads", "fail", &["neglect=thread"], "on a new thread"),
    ("stage-stream.init-resets", "fail", &["neglect=reset"], "after a reset"),
    ("stage-stream.offset", "fail", &["neglect=offset"], "starts at sample 1000003"),
    ("stage-stream.end-turn", "fail", &["neglect=end-turn"], "no turn is open"),
    ("stage-stream.dropped", "fail", &["neglect=dropped"], "after streams that were dropped"),
    ("stage-events.inside", "fail", &["neglect=ahead"], "when the stage had heard"),
    ("stage-events.order", "fail", &["neglect=order"], "after a segment"),
    ("stage-events.utf8", "fail", &["neglect=utf8"], "is not UTF-8"),
    ("stage-events.size", "fail", &["neglect=size"], "a text of 100000 bytes"),
    ("stage-events.kept", "fail", &["neglect=changes"], "became `hello there!`"),
    ("stage-events.delay", "warning", &["hold=true"], "1.0 s late, and the metadata say 0 s"),
    ("stage-events.turns", "fail", &["neglect=turns"], "its capabilities do not have `turns`"),
    ("stage-state.save-changes-nothing", "fail", &["neglect=save", "hold=true"], "with `save` before each call"),
    ("stage-state.resumes-from-each", "fail", &["neglect=restore", "hold=true"], "continued before call"),
    ("stage-state.loaded-again", "fail", &["neglect=other-stage"], "another stage's state"),
    ("stage-state.size", "fail", &["neglect=state-size"], "a state of 2097152 bytes"),
    ("stage-state.spoilt", "fail", &["neglect=spoilt-state"], "a state is not empty"),
    ("stage-resources.prints", "warning", &["neglect=prints"], "the plugin printed"),
    ("stage-resources.sandbox", "fail", &["neglect=socket"], "in the sandbox"),
    ("stage-resources.log", "warning", &["neglect=log"], "lines for one stream"),
    ("stage-resources.cost", "warning", &["neglect=slow"], "besides what the engine takes"),
    ("stage-resources.hour", "fail", &["neglect=leak"], "each hour"),
    ("stage-resources.leaves-nothing", "fail", &["neglect=leftovers"], "MiB behind"),
];

/// What is replaced in the example in C, and by what.
type Edits = &'static [(&'static str, &'static str)];

/// Cases that need another table of stages.
pub(super) const EDITED_STAGES: &[Row<Edits>] = &[(
    "stage-load.names",
    "fail",
    &[("{ &stage };", "{ &stage, &stage };"), ("NULL, 0, stages, 1 }", "NULL, 0, stages, 2 }")],
    "the same name",
)];

#[test]
fn a_stage_that_breaks_a_clause_fails_its_case() {
    in_parallel(BROKEN_STAGES, |row| {
        let mut args = vec!["--stage", "faulty-stage", "--timeout", "8"];
        row.2.iter().for_each(|field| args.extend(["--set", field]));
        check(&library("faulty"), &args, row)
    });
}

#[test]
fn the_example_after_an_edit_fails_a_case() {
    in_parallel(EDITED_STAGES, |row| {
        let folder = tempfile::tempdir().unwrap();
        check(&compile_level(folder.path(), row.2, &[]), &["--stage", "level"], row)
    });
}

fn passes(plugin: &Path, args: &[&str]) {
    let (output, cases) = validate(plugin, args);
    assert_eq!((output.status.code(), problems(&cases)), (Some(0), Vec::new()), "{}", plugin.display());
    let passed = cases.iter().filter(|(_, case)| case["outcome"] == "pass").count();
    assert!(passed > 45, "{passed} cases passed");
    assert!(cases.iter().all(|(name, _)| ["file", "config", "stage"].iter().any(|group| name.starts_with(group))));
}

#[test]
fn stages_of_this_repository_pass() {
    // The cases that look for growth use up to half of the time.
    passes(&library("faulty"), &["--stage", "faulty-stage", "--timeout", "10"]);
    passes(&stage_library("silence-turn"), &["--set", "vad=energy", "--timeout", "10"]);
    let folder = tempfile::tempdir().unwrap();
    passes(&compile_level(folder.path(), &[], &[]), &["--timeout", "10"]);
}

#[test]
fn a_stage_is_chosen_by_name_or_by_the_preset() {
    let folder = tempfile::tempdir().unwrap();
    let preset = folder.path().join("marked.json");
    fs::write(&preset, r#"{"backend": "tone", "stages": [{"stage": "faulty-stage", "neglect": "changes"}]}"#).unwrap();
    let preset = preset.to_str().unwrap();
    let args = ["--stage", "faulty-stage", "--preset", preset, "--only", "stage-events.kept"];
    let (output, cases) = validate(&library("faulty"), &args);
    assert_eq!((output.status.code(), cases[0].1["outcome"].as_str()), (Some(1), Some("fail")), "{cases:?}");
    let refused = |args: &[&str], problem: &str| {
        let output = auricle().arg("validate").arg(library("faulty")).args(args).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(problem), "{said}");
    };
    refused(&["--stage", "faulty-stage", "--backend", "faulty"], "cannot be used with");
    refused(&["--stage", "nobody"], "has no stage `nobody`; it has `faulty-stage`");
    refused(&["--stage", "faulty-stage", "--fuzz", "1"], "--fuzz is for engines only");
}
