//! A crate outside this repository, with only the example from the first page of the plugin API's documentation,
//! becomes a plugin that a running server can use.

use auricle_tests::{Client, Setup, bytes};
use serde_json::json;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The code blocks on the first page of the plugin API's documentation: the engine, and its `Cargo.toml`.
fn front_page() -> (String, String) {
    let source = fs::read_to_string(root().join("plugin-api/src/lib.rs")).unwrap();
    let page = source.lines().map_while(|line| line.strip_prefix("//!"));
    let mut blocks = Vec::new();
    let mut inside = false;
    for line in page.map(|line| line.strip_prefix(' ').unwrap_or(line)) {
        if line.starts_with("```") {
            inside = !inside;
            if inside {
                blocks.push(String::new());
            }
        } else if let Some(block) = blocks.last_mut().filter(|_| inside) {
            // Lines that the documentation hides are only for its own tests.
            if !line.starts_with("# ") {
                block.push_str(line);
                block.push('\n');
            }
        }
    }
    let [engine, manifest] = blocks.try_into().unwrap();
    (engine, manifest)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Writes the crate.
fn write(dir: &Path) {
    let (engine, manifest) = front_page();
    let published = "auricle-plugin-api = \"1\"";
    assert_eq!(manifest.matches(published).count(), 1, "{manifest}");
    let here = format!("auricle-plugin-api = {{ path = '{}' }}", root().join("plugin-api").display());
    let package = "[package]\nname = \"loudness\"\nversion = \"3.2.1\"\nedition = \"2024\"\n\n";
    fs::create_dir(dir.join("src")).unwrap();
    fs::write(dir.join("src/lib.rs"), engine).unwrap();
    fs::write(dir.join("Cargo.toml"), package.to_owned() + &manifest.replace(published, &here)).unwrap();
    // The versions of the whole project, which are available without a network.
    fs::copy(root().join("Cargo.lock"), dir.join("Cargo.lock")).unwrap();
}

/// Builds the crate, with these flags for the crate itself. The dependencies are built once for all directories.
fn build(dir: &Path, flags: &[&str]) -> (Output, PathBuf) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("outside_crate");
    let output = Command::new(env!("CARGO"))
        .args(["rustc", "--lib", "--"])
        .args(flags)
        .current_dir(dir)
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .output()
        .unwrap();
    (output, target.join(format!("debug/{}loudness{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX)))
}

#[test]
fn the_example_of_the_front_page_becomes_an_engine_of_a_running_server() {
    let dir = tempfile::tempdir().unwrap();
    let host = Setup::new().preset("loudness", &json!({"backend": "loudness", "host": {"open": ["unit"]}})).start();
    write(dir.path());
    let (output, library) = build(dir.path(), &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let name = library.file_name().unwrap().to_str().unwrap();
    host.drop_in(&library, name);
    let file = host.wait_for_file(name, |file| file["state"] == "registered");
    assert_eq!((&file["plugin"], &file["version"]), (&json!("loudness"), &json!("3.2.1")));
    host.wait_for_preset("loudness", |preset| preset["state"] != "unavailable");

    // Two and a half seconds: half of full scale, a twentieth, a quarter.
    let audio = [[16_384; 16_000].as_slice(), &[1_638; 16_000], &[8_192; 8_000]].concat();
    let heard = |options| {
        let mut client = Client::open(&host, "loudness", json!({"options": options}));
        client.audio_in_frames(&bytes(&audio), 640);
        client.finish()
    };
    assert_eq!(heard(json!({})), ["-6 dB", "-26 dB", "-12 dB"]);
    assert_eq!(heard(json!({"unit": "rms"})), ["0.500", "0.050", "0.250"]);
    Client::start(&host, "loudness", json!({"options": {"unit": "sone"}})).fails("invalid_option", 4405);
}

#[test]
fn an_engine_that_would_abort_on_panic_does_not_compile() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let (output, _) = build(dir.path(), &["-C", "panic=abort"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("an engine must be built with panic = \"unwind\""), "{said}");
}
