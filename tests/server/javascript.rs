//! The client module for JavaScript (`clients/javascript`) with a real server, its types with a real compiler, and those parts of
//! the web page that need no browser. Their tests are JavaScript too.

use auricle_tests::{Host, PublishedClients, Setup, library, node, output, printed};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn start() -> (Host, String) {
    let host = Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"})).start();
    let url = format!("http://{}", host.address());
    (host, url)
}

/// A path below `tests`.
fn path(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below)
}

/// Runs the tests of a folder with a server at hand; none may be skipped.
fn run(folder: &str) {
    let Some(mut node) = node() else { return };
    let (_host, url) = start();
    node.args(["--test", "--test-reporter=tap", "."]).current_dir(path(folder));
    let report = printed(output(node.env("AURICLE_URL", url)));
    assert!(report.contains("\n# fail 0\n") && report.contains("\n# skipped 0\n"), "{report}");
}

#[test]
fn the_client_module_passes_its_tests_with_a_real_server() {
    run("../clients/javascript/test");
}

#[test]
fn the_logic_of_the_page_passes_its_tests() {
    run("page");
}

/// Runs a command in a folder. Its output is shown if it fails: compilers write to standard output.
fn succeed(command: &mut Command, folder: &Path) -> String {
    let ran = output(command.current_dir(folder));
    let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{command:?}: {printed}{}", String::from_utf8_lossy(&ran.stderr));
    printed
}

#[test]
fn the_package_is_typed_and_runs_where_it_is_installed() {
    let (Some(compiler), Some(mut node)) = (PublishedClients("typescript").packages(), node()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let pack = ["pack", "--silent", "--pack-destination", folder.to_str().unwrap()];
    let package = succeed(Command::new("npm").args(pack), &path("../clients/javascript"));
    fs::write(folder.join("package.json"), r#"{"type": "module"}"#).unwrap();
    let install = ["install", "--silent", "--offline", "--no-audit", "--no-fund"];
    succeed(Command::new("npm").args(install).arg(format!("./{}", package.trim())), folder);
    for file in ["example.ts", "tsconfig.json"] {
        fs::copy(path("clients/typescript").join(file), folder.join(file)).unwrap();
    }
    succeed(&mut Command::new(compiler.join("node_modules/.bin/tsc")), folder);
    let (_host, url) = start();
    let printed = succeed(node.args(["example.js", &url]), folder);
    let (told, code) = printed.split_once('\n').unwrap();
    let told: Value = serde_json::from_str(told).unwrap();
    let said = ["16000:00000000", "8000:00000000"];
    let expected = json!({"epoch": 0, "separator": " ", "sample": 16_000, "seconds": 0.5, "said": said, "lines": 8});
    assert_eq!((told, code), (expected, "unknown_preset\n"));
}
