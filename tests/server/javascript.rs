//! The client module for JavaScript (`clients/javascript`) with a real server. Its tests are JavaScript too.

use auricle_tests::{Setup, library, node, output, printed};
use serde_json::json;
use std::path::Path;

#[test]
fn the_client_module_passes_its_tests_with_a_real_server() {
    let Some(mut node) = node() else { return };
    let host = Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"})).start();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients/javascript");
    node.args(["--test", "--test-reporter=tap", "test/"]).current_dir(folder);
    let report = printed(output(node.env("AURICLE_URL", format!("http://{}", host.address()))));
    assert!(report.contains("\n# fail 0\n") && report.contains("\n# skipped 0\n"), "{report}");
}
