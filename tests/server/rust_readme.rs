//! The example of the Rust client's README, as a program of its own.

use auricle_tests::{Setup, library, long, output, printed, skip};
use serde_json::json;
use std::{fs, path::Path, process::Command};

#[test]
fn the_example_of_the_readme_prints_the_text() {
    if !long() {
        return skip("the example of the Rust client's README: it compiles the client and its libraries again");
    }
    let host = Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"})).start();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let readme = fs::read_to_string(root.join("host/client/README.md")).unwrap();
    let (_, example) = readme.split_once("```rust,no_run\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let program = example.replace("127.0.0.1:8770", host.address()).replace("\"digits\"", "\"tone\"");
    assert!(program.contains(host.address()) && program.contains("\"tone\""), "{program}");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("src")).unwrap();
    fs::write(folder.join("src/main.rs"), program).unwrap();
    fs::write(folder.join("speech.raw"), [0; 48_000]).unwrap();
    let manifest = format!(
        "[package]\nname = \"example\"\nedition = \"2024\"\n\n[dependencies]\nauricle-client = {{ path = '{}' }}\n\
         tokio = {{ version = \"1\", features = [\"full\"] }}\n",
        root.join("host/client").display()
    );
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    // The versions of the whole project, which are available without a network.
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rust_readme");
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet"]).current_dir(folder);
    command.env("CARGO_TARGET_DIR", target).env("CARGO_PROFILE_DEV_DEBUG", "0");
    assert_eq!(printed(output(&mut command)), "0 16000:00000000\n1 8000:00000000\n");
}
