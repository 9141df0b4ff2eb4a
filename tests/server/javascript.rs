//! The client module for JavaScript (`clients/javascript`) with a real server, its types with a real compiler, and those parts of
//! the web page that need no browser. Their tests are JavaScript too.

use crate::restart::STORE;
use auricle_tests::{
    Host, PublishedClients, Relay, Setup, bytes, library, node, noise, output, printed, stored_point, tone_segments,
};
use serde_json::{Value, json};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Sends what comes on its standard input, and prints each event as a line.
const SPEAKER: &str = r#"
const { Stream } = await import(process.env.AURICLE_MODULE);
const stream = new Stream(process.env.AURICLE_URL, { preset: "tone", pace: "file" });
stream.on("*", (event) => console.log(JSON.stringify(event)));
await stream.open();
let rest = Buffer.alloc(0);
for await (const bytes of process.stdin) {
  rest = Buffer.concat([rest, bytes]);
  const samples = Int16Array.from({ length: rest.length >> 1 }, (_, at) => rest.readInt16LE(2 * at));
  rest = rest.subarray(2 * samples.length);
  stream.send(samples);
}
await stream.finish();
"#;

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
fn a_stream_goes_on_as_if_its_server_had_not_been_killed() {
    let Some(mut node) = node() else { return };
    let setup = Setup::new().settings(STORE).plugin(&library("tone")).preset("tone", &json!({"backend": "tone"}));
    let samples = noise(56, 8 * 16_000);
    let (before, after) = samples.split_at(70_000);
    let host = setup.start();
    let relay = Relay::new(host.address());
    let module = path("../clients/javascript/src/index.js").canonicalize().unwrap();
    node.args(["--input-type=module", "--eval", SPEAKER]).env("AURICLE_MODULE", module);
    node.env("AURICLE_URL", format!("http://{}", relay.address()));
    let mut speaker = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = speaker.stdin.take().unwrap();
    input.write_all(&bytes(before)).unwrap();
    host.wait_for("a stored point", || stored_point(&host) > Some(0));
    host.signal_all("KILL");
    let host = host.again();
    relay.move_to(host.address());
    input.write_all(&bytes(after)).unwrap();
    drop(input);
    let printed = printed(speaker.wait_with_output().unwrap());
    let events: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| events.iter().filter(|event| event["type"] == kind).collect::<Vec<_>>();
    let [resumed] = of("resumed")[..] else { panic!("{printed}") };
    assert!(resumed["isExact"] == true && resumed["from"].as_f64() > Some(0.0), "{resumed}");
    let texts: Vec<_> = of("segment").into_iter().map(|segment| segment["text"].as_str().unwrap()).collect();
    assert_eq!(texts, tone_segments(&samples, 16_000));
    host.wait_for_log(&["INFO", "continued from its stored point", "Exact"], 1);
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
