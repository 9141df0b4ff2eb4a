//! The client for Python (`clients/python`), installed from its wheel, with a real server. Its tests are Python too.

use crate::tls::issue;
use auricle_tests::{Setup, auricle, library, models, output, printed, python_client, runtime};
use serde_json::json;
use std::path::Path;

#[test]
fn the_client_passes_its_tests_with_a_real_server() {
    let Some(mut python) = python_client() else { return };
    let host = Setup::new()
        .plugin(&library("tone"))
        .plugin(&library("onnx"))
        .resource(&runtime())
        .resource(&models())
        .preset("tone", &json!({"backend": "tone"}))
        .preset("digits", &json!({"backend": "onnx", "model": "digits"}))
        .start();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients/python/tests");
    python.args(["-m", "unittest", "discover", "-s"]).arg(tests);
    python.env("AURICLE_URL", format!("http://{}", host.address())).env("PYTHONDONTWRITEBYTECODE", "1");
    let ran = output(&mut python);
    let report = String::from_utf8_lossy(&ran.stderr);
    // Without a server they would be skipped.
    assert!(ran.status.success() && report.ends_with("\nOK\n"), "{report}");
}

/// Prints the text of silence, or the failure's code.
const RUN: &str = "
import sys
from auricle_client import Failure, Stream
server, key, ca = sys.argv[1:]
try:
    with Stream(server, 'tone', key=key or None, ca=ca or None) as stream:
        stream.send(bytes(32000))
        stream.finish()
        print(*(event.text for event in stream if event.type == 'segment'))
except Failure as failure:
    print(failure.code, 'CERTIFICATE' in str(failure))
";

#[test]
fn the_client_checks_certificates_and_shows_its_key() {
    if python_client().is_none() {
        return;
    }
    let setup = Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"}));
    let setup = setup.settings("keys = \"keys.toml\"\n[tls]\ncertificate = \"own.pem\"\nkey = \"own.key\"");
    let configs = setup.path("configs");
    issue(&configs, "own");
    let added = auricle().args(["key", "add", "alice", "--file"]).arg(configs.join("keys.toml")).output().unwrap();
    let (key, ca) = (printed(added), configs.join("own-ca.pem"));
    let (key, ca) = (key.trim(), ca.to_str().unwrap());
    let host = setup.start();
    let server = format!("https://{}", host.address());
    let run = |key: &str, ca: &str| {
        let mut python = python_client().unwrap();
        printed(output(python.args(["-c", RUN, &server, key, ca])))
    };
    assert_eq!(run(key, ca), "16000:00000000\n");
    assert_eq!(run("wrong", ca), "unauthorized False\n");
    assert_eq!(run("", ca), "unauthorized False\n");
    assert_eq!(run(key, ""), "unreachable True\n");
}
