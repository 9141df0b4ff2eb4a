//! `auricle new`: each project builds outside of this repository, passes its own tests and `auricle validate`, and serves
//! streams.

#![cfg(target_os = "linux")]

mod workflow;

use auricle_tests::{Client, PublishedClients, Setup, auricle, bytes, host_program, library, wav};
use serde_json::{Value, json};
use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

const NUMBERS: [&str; 2] = ["1 2 3 4 5 6", "7 8 9 0 * #"];
const KINDS: [&str; 2] = ["streaming", "buffer"];

/// A project in a folder of its own.
struct Project {
    parent: TempDir,
    name: &'static str,
}

impl Project {
    fn new(name: &'static str, args: &[&str]) -> Self {
        let parent = tempfile::tempdir().unwrap();
        let mut command = auricle();
        succeeds(command.args(["new", name]).args(args).current_dir(parent.path()));
        Self { parent, name }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.parent.path().join(self.name).join(path)
    }

    /// A program that runs in the project's folder.
    fn run(&self, program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> String {
        succeeds(Command::new(program).args(args).current_dir(self.path("")))
    }

    fn cargo(&self, args: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO"));
        command.args(args).env_remove("CARGO_TARGET_DIR").env("CARGO_PROFILE_DEV_DEBUG", "0");
        succeeds(command.current_dir(self.path("")))
    }

    fn preset(&self) -> Value {
        let text = fs::read_to_string(self.path(&format!("configs/presets/{}.json", self.name))).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().canonicalize().unwrap()
}

fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    out
}

/// Has a project build where the others do, with the versions of the whole project, which are available without a network.
fn in_shared_target(project: &Project) -> PathBuf {
    fs::copy(root().join("Cargo.lock"), project.path("Cargo.lock")).unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("outside_crate");
    fs::create_dir_all(&target).unwrap();
    symlink(&target, project.path("target")).unwrap();
    target
}

/// The project's recording is streamed to a server; the texts are those of its keys, and words have times.
fn serves(project: &Project, setup: Setup) {
    let host = setup.preset(project.name, &project.preset()).start();
    let (rate, samples) = wav(&project.path("audio/keys.wav"));
    let mut client = Client::open(&host, project.name, json!({"pace": "file", "sample_rate": rate}));
    client.audio_in_frames(&bytes(&samples), 3_000);
    assert_eq!(client.finish().join(" "), NUMBERS.join(" "), "{}", project.name);
    let first = &client.events("segment")[0]["words"][0];
    assert_eq!((&first["text"], &first["start"], &first["end"]), (&json!("1"), &json!(0.3), &json!(0.42)), "{first}");
}

/// No case fails, crashes or warns.
fn passes(project: &Project, plugin: &Path, args: &[&str]) {
    let output = succeeds(
        auricle()
            .arg("validate")
            .arg(plugin)
            .args(args)
            .args(["--audio", "audio/keys.wav", "--json"])
            .current_dir(project.path("")),
    );
    let report: Value = serde_json::from_str(&output).unwrap();
    let is_bad = |case: &&Value| !matches!(case["outcome"].as_str(), Some("pass" | "skipped"));
    let bad: Vec<_> = report["cases"].as_array().unwrap().iter().filter(is_bad).collect();
    assert!(bad.is_empty(), "{}: {bad:#?}", project.name);
}

#[test]
fn projects_in_rust_are_tested_validated_and_serve() {
    let names = ["keys-streaming", "keys-buffer"];
    for (kind, name) in KINDS.into_iter().zip(names) {
        let api = root();
        let project = Project::new(name, &["--lang", "rust", "--kind", kind, "--api", api.to_str().unwrap()]);
        let target = in_shared_target(&project);
        if kind == KINDS[0] {
            workflow::succeeds_in(&project);
        }
        project.cargo(&["fmt", "--check"]);
        project.cargo(&["clippy", "--offline", "--quiet", "--all-targets", "--", "-D", "warnings"]);
        project.cargo(&["test", "--offline", "--quiet", "--test", "engine"]);
        project.cargo(&["build", "--offline", "--quiet"]);
        let plugin = target.join(format!("debug/lib{}.so", name.replace('-', "_")));
        // Without optimization an hour takes long. `beeps` is checked with it.
        passes(&project, &plugin, &["--skip", "resources.hour"]);
        serves(&project, Setup::new().plugin(&plugin));
    }
}

#[test]
fn a_stage_in_rust_is_tested_and_changes_texts() {
    let api = root();
    let project = Project::new("words", &["--lang", "rust", "--kind", "stage", "--api", api.to_str().unwrap()]);
    let target = in_shared_target(&project);
    project.cargo(&["fmt", "--check"]);
    project.cargo(&["clippy", "--offline", "--quiet", "--all-targets", "--", "-D", "warnings"]);
    project.cargo(&["test", "--offline", "--quiet", "--test", "stage"]);
    project.cargo(&["build", "--offline", "--quiet"]);
    let plugin = target.join("debug/libwords.so");
    stage_passes(&project, &plugin, &[]);
    replaces(&project, &plugin, |word| json!({"words.words": {(word): "nothing"}}));
}

/// No case fails, crashes or warns. The stage has its fields from the project's preset.
fn stage_passes(project: &Project, plugin: &Path, args: &[&str]) {
    let preset = project.path(&format!("configs/presets/{}.json", project.name));
    let mut command = auricle();
    command.arg("validate").arg(plugin).arg("--preset").arg(preset).args(["--timeout", "10", "--json"]).args(args);
    let report: Value = serde_json::from_str(&succeeds(command.current_dir(project.path("")))).unwrap();
    let cases = report["cases"].as_array().unwrap();
    let is_bad = |case: &&Value| !matches!(case["outcome"].as_str(), Some("pass" | "skipped"));
    let bad: Vec<_> = cases.iter().filter(is_bad).collect();
    assert!(bad.is_empty() && cases.iter().any(|case| case["case"] == "stage-stream.pieces"), "{bad:#?}");
}

/// The stage replaces a word of an engine on a server, with the options of a client.
fn replaces(project: &Project, plugin: &Path, options: impl Fn(&str) -> Value) {
    let mut preset = project.preset();
    preset["backend"] = json!("tone");
    let setup = Setup::new().plugin(&library("tone")).plugin(plugin).resource(&project.path(""));
    let host = setup.preset(project.name, &preset).start();
    let run = |options: Value| {
        let mut client = Client::open(&host, project.name, json!({"options": options}));
        client.audio(&[0; 32_000]);
        client.finish()
    };
    let text = run(json!({})).remove(0);
    assert_eq!(run(options(&text)), ["nothing"], "{}", project.name);
}

#[test]
fn stages_in_c_and_cpp_are_validated_and_change_texts() {
    for (lang, name) in [("c", "words-c"), ("cpp", "words-cpp")] {
        let project = Project::new(name, &["--lang", lang, "--kind", "stage"]);
        let flags = "-O2 -Wall -Wextra -Wpedantic -Werror";
        let tool = format!("AURICLE={}", host_program().display());
        let flags = [format!("CFLAGS={flags}"), format!("CXXFLAGS={flags}")];
        project.run("make", &[&flags[0], &flags[1], &tool, "VALIDATE=--only stage-stream", "test"]);
        let plugin = project.path(&format!("build/lib{name}.so"));
        stage_passes(&project, &plugin, &[]);
        replaces(&project, &plugin, |word| json!({(format!("{name}.words")): format!("other=7 {word}=nothing")}));
    }
}

#[test]
fn a_stage_in_python_is_tested_validated_and_changes_texts() {
    let Some(venv) = PublishedClients("python-engines").environment() else { return };
    let project = Project::new("words-python", &["--lang", "python", "--kind", "stage"]);
    // What `pip` would install.
    symlink(&venv, project.path("words-python/venv")).unwrap();
    workflow::succeeds_in(&project);
    // A case takes a third of a second, because it starts Python.
    let args = ["--stage", "python", "--resources", ".", "--only", "stage-stream,stage-events,stage-state"];
    stage_passes(&project, &library("python"), &args);
    replaces(&project, &library("python"), |word| json!({"python.options": {"words": {(word): "nothing"}}}));
}

#[test]
fn projects_in_c_and_cpp_are_tested_validated_and_serve() {
    for (lang, kind, name) in [
        ("c", KINDS[0], "keys-c"),
        ("c", KINDS[1], "passages-c"),
        ("cpp", KINDS[0], "keys-cpp"),
        ("cpp", KINDS[1], "passages-cpp"),
    ] {
        let project = Project::new(name, &["--lang", lang, "--kind", kind]);
        let flags = "-O2 -Wall -Wextra -Wpedantic -Werror";
        let tool = format!("AURICLE={}", host_program().display());
        project.run(
            "make",
            &[&format!("CFLAGS={flags}"), &format!("CXXFLAGS={flags}"), &tool, "VALIDATE=--only stream", "test"],
        );
        if kind == KINDS[0] {
            project.run("make", &["clean"]);
            workflow::succeeds_in(&project);
        }
        let plugin = project.path(&format!("build/lib{name}.so"));
        passes(&project, &plugin, &[]);
        serves(&project, Setup::new().plugin(&plugin));
    }
}

#[test]
fn projects_in_python_are_tested_validated_and_serve() {
    let Some(venv) = PublishedClients("python-engines").environment() else { return };
    for (kind, name) in KINDS.into_iter().zip(["keys-python", "passages-python"]) {
        let project = Project::new(name, &["--lang", "python", "--kind", kind]);
        // What `pip` would install.
        let folder = project.path(name);
        symlink(&venv, folder.join("venv")).unwrap();
        workflow::succeeds_in(&project);
        let preset = project.path(&format!("configs/presets/{name}.json"));
        // A case takes a third of a second, because it starts Python. The engine `python` itself is validated elsewhere.
        let args = ["--preset", preset.to_str().unwrap(), "--resources", ".", "--only", "stream,state,events"];
        passes(&project, &library("python"), &args);
        serves(&project, Setup::new().plugin(&library("python")).resource(&project.path("")));
    }
}

#[test]
fn a_name_that_cannot_be_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    for (name, problem) in [("../keys", "use lower-case letters"), ("fn", "choose another name")] {
        let output = auricle().args(["new", name, "--lang", "c"]).current_dir(folder.path()).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && text.contains(problem), "{text}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
