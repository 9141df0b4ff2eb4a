//! The client module for JavaScript (`clients/javascript`) with a real server, and those parts of the web page that need no
//! browser. Their tests are JavaScript too.

use auricle_tests::{Setup, library, node, output, printed};
use serde_json::json;
use std::path::Path;

/// Runs the tests of a folder with a server at hand; none may be skipped.
fn run(folder: &str) {
    let Some(mut node) = node() else { return };
    let host = Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"})).start();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    node.args(["--test", "--test-reporter=tap", "."]).current_dir(folder);
    let report = printed(output(node.env("AURICLE_URL", format!("http://{}", host.address()))));
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
