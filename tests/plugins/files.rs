//! Engines are added and removed while the server runs, and invalid ones only cause an error message.
//!
//! Real plugin files in a real plugin directory. Versions of the same engine are copies with a changed manifest
//! (`Variant`). `MARK` is a string of the engine that appears in `ready`, so that a stream shows which file it uses.

#![cfg(target_os = "linux")]

use crate::workshop::workshop;
use auricle_tests::{Client, Host, Setup, Variant, auricle, bytes, library, noise, tone_segments};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::Write,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

const TONE: &str = "libauricle_engine_tone.so";
const TONE_ID: &str = "auricle-engine-tone";

/// A capability of `tone`, and its replacement in a changed copy.
const MARK: (&str, &str) = ("endpoints", "endpointz");

fn tone() -> Variant {
    Variant::of(&library("tone"))
}

/// A later version of `tone`.
fn later(version: &str) -> Variant {
    tone().version(version).replace(MARK.0, MARK.1)
}

/// A host with a preset for `tone`, but not yet the engine.
fn empty() -> Setup {
    Setup::new().preset("tone", &json!({"backend": "tone"}))
}

fn with_tone() -> Setup {
    empty().plugin(&library("tone"))
}

fn registered(file: &Value) -> bool {
    file["state"] == "registered"
}

fn not_a_plugin(file: &Value) -> bool {
    file["state"] == "not_a_plugin"
}

fn refused(file: &Value) -> bool {
    file["state"] == "refused"
}

fn reason(file: &Value) -> String {
    file["reason"].as_str().unwrap_or_default().to_owned()
}

/// Writes a file to the plugin directory, atomically.
fn drop_bytes(host: &Host, bytes: &[u8], name: &str) {
    let beside = host.path(name);
    fs::write(&beside, bytes).unwrap();
    fs::rename(beside, host.path("plugins").join(name)).unwrap();
}

/// Runs a whole stream on `tone`.
fn streams(host: &Host) {
    let audio = noise(9, 20_000);
    let mut client = Client::open(host, "tone", json!({}));
    client.audio(&bytes(&audio));
    assert_eq!(client.finish(), tone_segments(&audio, 16_000));
}

/// Whether a new stream on `tone` uses a changed copy.
fn marked(host: &Host) -> bool {
    let mut client = Client::open(host, "tone", json!({}));
    let capabilities = client.heard[0]["capabilities"].to_string();
    client.finish();
    assert_ne!(capabilities.contains(MARK.0), capabilities.contains(MARK.1), "{capabilities}");
    capabilities.contains(MARK.1)
}

/// A stream on `tone` that has sent half a second, in the middle of a segment.
struct Halfway {
    client: Client,
    audio: Vec<i16>,
}

impl Halfway {
    fn open(host: &Host) -> Self {
        let audio = noise(10, 40_000);
        let mut client = Client::open(host, "tone", json!({}));
        client.audio(&bytes(&audio[..8_000]));
        client.until("partial");
        Self { client, audio }
    }

    /// Sends the rest: no word may differ.
    fn finish(mut self) {
        self.client.audio(&bytes(&self.audio[8_000..]));
        assert_eq!(self.client.finish(), tone_segments(&self.audio, 16_000));
    }
}

#[test]
fn a_file_dropped_in_is_registered_while_the_server_runs() {
    let host = empty().start();
    assert_eq!(host.json("/v1/engines"), json!({"backends": [], "files": []}));
    let message = Client::start(&host, "tone", json!({})).fails("engine_unavailable", 4503);
    assert!(message.contains("`tone`"), "{message}");
    host.drop_in(&library("tone"), TONE);
    let file = host.wait_for_file(TONE, registered);
    assert_eq!((&file["plugin"], &file["backends"]), (&json!(TONE_ID), &json!(["tone"])));
    assert_eq!(file["reason"], Value::Null);
    streams(&host);
}

/// Checks the text of the ABI tests' engine for half a second at 8 kHz, in five chunks.
fn probe_texts(host: &Host) {
    host.wait_for_preset("probe", |preset| preset["state"] != "unavailable");
    let mut client = Client::open(host, "probe", json!({"sample_rate": 8_000, "options": {"name": "ann"}}));
    assert_eq!((&client.heard[0]["backend"], &client.heard[0]["separator"]), (&json!("probe"), &json!("_")));
    client.audio(&bytes(&[16_384; 4_000]));
    let mut expected = vec!["ann: +400"; 5];
    expected.push("cancelled: false");
    assert_eq!(client.finish(), expected);
}

#[test]
fn engine_folders_of_old_and_new_api_versions_serve() {
    for (version, api) in [("1.0", "1.0"), ("1.1", "1.1"), ("current", "1.0")] {
        let host = Setup::new().preset("probe", &json!({"backend": "probe", "host": {"open": ["name"]}})).start();
        // The file that is not in the folder. The engine must find the others beside its library, or it does not load.
        fs::copy(workshop().resources().join("shared.txt"), host.path("resources/shared.txt")).unwrap();
        let folder = format!("{version}.engine");
        host.drop_in(workshop().engine(version).parent().unwrap(), &folder);
        let file = host.wait_for_file(&folder, registered);
        assert_eq!((&file["api"], &file["backends"]), (&json!(api), &json!(["probe"])));
        probe_texts(&host);
    }
}

/// Creates a folder with these files, by name and content.
fn folder(dir: &Path, name: &str, files: &[(&str, &[u8])]) -> PathBuf {
    let folder = dir.join(name);
    fs::create_dir(&folder).unwrap();
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).unwrap();
    }
    folder
}

/// Invalid files, each with its name and a part of the expected reason.
fn bad_files(dir: &Path) -> Vec<(PathBuf, String)> {
    let real = tone();
    let whole = real.bytes.len();
    let workshop = workshop();
    let text = |name: &str, content: &str| {
        let path = dir.join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let named = |source: PathBuf, name: &str| {
        let path = dir.join(name);
        fs::copy(source, &path).unwrap();
        path
    };
    let mut foreign_machine = real.clone();
    // `e_machine` of the ELF header: 183 is AArch64, 62 x86-64.
    foreign_machine.bytes[18] = if cfg!(target_arch = "x86_64") { 183 } else { 62 };
    let no_folder_library = folder(dir, "hollow.engine", &[("model.bin", b"weights")]);
    let two = folder(dir, "two.engine", &[("liba.so", &real.bytes), ("libb.so", &later("9.0.0").bytes)]);
    let junk_inside = folder(dir, "junk.engine", &[("libjunk.so", b"junk")]);
    let mut files: Vec<(PathBuf, &str)> = vec![
        (text("junk.so", "not a library at all"), "is not a shared library"),
        (text("empty.so", ""), "is empty"),
        (foreign_machine.save(dir, "machine.so"), "cannot be opened"),
        (real.clone().target("mips-unknown-none").save(dir, "target.so"), "built for mips-unknown-none, this host is"),
        (
            real.clone().api_major(9).save(dir, "major.so"),
            "built for plugin API 9.0, this host has 1.0; rebuild it against auricle-plugin-api 1",
        ),
        (
            workshop.engine("2.0").parent().unwrap().to_owned(),
            "built for plugin API 2.0, this host has 1.0; rebuild it against auricle-plugin-api 1",
        ),
        (
            workshop.engine("1.0.1").parent().unwrap().to_owned(),
            "built for plugin API 1.0.1, which differs from this host's 1.0 though the numbers allow it; rebuild it",
        ),
        (named(workshop.bad("crash"), "crash.so"), "crashed (SIGSEGV) while being loaded"),
        (named(workshop.bad("panic"), "panic.so"), "could not be initialised: panicked at"),
        (named(workshop.bad("undefined"), "undefined.so"), "auricle_symbol_that_nobody_defines"),
        (no_folder_library, "holds no plugin library"),
        (two, "holds two plugins, liba.so and libb.so"),
        (junk_inside, "libjunk.so: the file is not a shared library"),
    ];
    for cut in [1, 16, 63, 64, 100, 4_096, whole / 2, whole - 1_000, whole - 1] {
        files.push((real.clone().cut(cut).save(dir, &format!("cut-{cut}.so")), "cut short"));
    }
    files.into_iter().map(|(path, reason)| (path, reason.to_owned())).collect()
}

#[test]
fn a_bad_file_is_refused_in_one_line_and_harms_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let files = bad_files(dir.path());
    let host = with_tone().start();
    let running = Halfway::open(&host);
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    for (path, _) in &files {
        host.drop_in(path, &name(path));
    }
    let mut wrong = Vec::new();
    for (path, expected) in &files {
        let reason = reason(&host.wait_for_file(&name(path), refused));
        if !reason.contains(expected) || reason.lines().count() != 1 || reason.len() > 400 {
            wrong.push(format!("{}: {reason}", name(path)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    running.finish();
    streams(&host);
    assert_eq!(host.json("/v1/engines")["backends"], json!(["tone"]));

    let output = auricle().args(["engines", "--url", &format!("http://{}", host.address())]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let shown = String::from_utf8(output.stdout).unwrap();
    for (path, reason) in &files {
        assert!(shown.contains(&name(path)) && shown.contains(reason), "{}: {reason} in {shown}", name(path));
    }
}

#[test]
fn a_file_that_hangs_is_given_up_and_delays_no_other() {
    let host = empty().settings("[timeouts]\nprobe_seconds = 1.0").start();
    host.drop_in(&workshop().bad("hang"), "hang.so");
    let file = host.wait_for_file("hang.so", refused);
    assert!(reason(&file).contains("did not finish loading within 1 s"), "{file}");

    // A probe that hangs forever: other engines are registered in the meantime, and the server is ready without it.
    let host = empty().plugin(&workshop().bad("hang")).settings("[timeouts]\nprobe_seconds = 86400.0").start();
    host.drop_in(&library("tone"), TONE);
    host.wait_for_file(TONE, registered);
    streams(&host);
    assert_eq!(host.json("/v1/engines")["files"].as_array().unwrap().len(), 1);
}

#[test]
fn a_stream_waits_for_an_engine_that_is_being_probed_at_the_start() {
    // It takes longer than the server waits before it is ready.
    let host = empty().plugin(&workshop().bad("slow")).preset("slow", &json!({"backend": "bad"})).start();
    let mut client = Client::open(&host, "slow", json!({}));
    assert_eq!(client.finish(), Vec::<String>::new());
}

/// The child processes of this process.
fn children(pid: u32) -> Vec<PathBuf> {
    let parent = |process: &Path| -> Option<u32> {
        let stat = fs::read_to_string(process.join("stat")).ok()?;
        // The name before it is in brackets and may contain anything.
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    processes.filter(|process| parent(process) == Some(pid)).collect()
}

#[test]
fn a_file_still_being_tried_outlives_no_server() {
    for signal in ["TERM", "KILL"] {
        let mut host = empty().settings("[timeouts]\nprobe_seconds = 86400.0").start();
        host.drop_in(&workshop().bad("hang"), "hang.so");
        host.wait_for("the child process", || !children(host.pid()).is_empty());
        let child = children(host.pid()).remove(0);
        // A process id may be reused; then the command line differs too.
        let hanging =
            || fs::read(child.join("cmdline")).is_ok_and(|line| line.windows(7).any(|text| text == b"hang.so"));
        host.wait_for("the file's turn", hanging);
        host.signal(signal);
        host.wait();
        host.wait_for("the child's end", || !hanging());
        if signal == "TERM" {
            assert_eq!(fs::read_dir(host.path("cache")).unwrap().count(), 0);
        }
    }
}

#[test]
fn what_is_no_plugin_is_passed_over() {
    let host = empty().log("debug").start();
    let sibling = workshop().engine("1.0").with_file_name("libabi_sibling.so");
    host.drop_in(&sibling, "libhelper.so");
    for name in [".hidden.so", "half.so.part", "old.so~", "notes.txt"] {
        drop_bytes(&host, b"junk", name);
    }
    host.wait_for_log(&["DEBUG", "libhelper.so", "without a plugin manifest"], 1);
    host.drop_in(&library("tone"), TONE);
    host.wait_for_file(TONE, registered);
    let report = host.json("/v1/engines");
    // The library is listed, so that somebody who expects an engine of it finds out; the other files are not.
    let files = report["files"].as_array().unwrap();
    assert_eq!(files.iter().map(|file| &file["file"]).collect::<Vec<_>>(), [TONE, "libhelper.so"], "{report}");
    assert!(not_a_plugin(&files[1]) && reason(&files[1]) == "is not a plugin: the library has no manifest", "{report}");
    assert_eq!(host.logged(&["refused"]), 0);
}

#[test]
fn a_file_that_turns_out_to_be_no_plugin_is_not_blamed_for_the_one_before() {
    let sibling = workshop().engine("1.0").with_file_name("libabi_sibling.so");
    let host = empty().start();
    drop_bytes(&host, b"junk", "x.so");
    host.wait_for_file("x.so", refused);
    host.drop_in(&sibling, "x.so");
    host.wait_for_file("x.so", not_a_plugin);
    // If it replaces a plugin, it is a mistake: the plugin stays, and the mistake is reported.
    host.drop_in(&library("tone"), TONE);
    host.wait_for_file(TONE, registered);
    host.drop_in(&sibling, TONE);
    let file = host.wait_for_file(TONE, |file| !file["reason"].is_null());
    assert!(registered(&file) && reason(&file).contains("is not a plugin"), "{file}");
    streams(&host);
}

/// Writes a file in pieces, with pauses shorter than the time that a file must be unchanged before it is used; returns
/// the longest.
fn write_slowly(path: &Path, bytes: &[u8]) -> Duration {
    let mut file = File::create(path).unwrap();
    let (mut longest, mut last) = (Duration::ZERO, Instant::now());
    for piece in bytes.chunks(bytes.len() / 10 + 1) {
        sleep(Duration::from_millis(50));
        file.write_all(piece).unwrap();
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
    longest
}

#[test]
fn a_file_being_written_is_taken_when_it_has_come_to_rest() {
    let host = empty().start();
    for attempt in 0..20 {
        let name = format!("slow-{attempt}.so");
        let longest = write_slowly(&host.path("plugins").join(&name), &tone().bytes);
        host.wait_for_file(&name, |file| !refused(file));
        // On a busy machine a pause may have been too long; then the attempt proves nothing.
        if longest < Duration::from_millis(150) {
            host.wait_for_log(&["plugin loaded", &name], 1);
            assert_eq!(host.logged(&["refused", &name]), 0);
            streams(&host);
            return;
        }
        fs::remove_file(host.path("plugins").join(&name)).unwrap();
    }
}

#[test]
fn a_file_overwritten_in_place_harms_no_running_stream() {
    let host = with_tone().start();
    let running = Halfway::open(&host);
    let path = host.path("plugins").join(TONE);
    fs::write(&path, later("0.2.0").bytes).unwrap();
    host.wait_for_file(TONE, |file| file["version"] == "0.2.0");
    fs::write(&path, "not a library any more").unwrap();
    let file = host.wait_for_file(TONE, |file| !file["reason"].is_null());
    assert!(registered(&file) && reason(&file).contains("is not a shared library"), "{file}");
    // New streams use the last valid content.
    assert!(marked(&host));
    running.finish();
}

#[test]
fn a_replaced_file_serves_new_streams_and_running_ones_finish_on_the_old() {
    let host = with_tone().start();
    let running = Halfway::open(&host);
    assert!(!marked(&host));
    drop_bytes(&host, &later("0.2.0").bytes, TONE);
    host.wait_for_file(TONE, |file| file["version"] == "0.2.0");
    assert!(marked(&host));
    streams(&host);
    running.finish();
    // Back to the earlier version: the operator's choice, because it is the only file.
    host.drop_in(&library("tone"), TONE);
    host.wait_for_file(TONE, |file| file["version"] == "0.1.0");
    assert!(!marked(&host));
}

#[test]
fn a_bad_replacement_leaves_the_old_in_service() {
    let host = with_tone().start();
    let running = Halfway::open(&host);
    host.drop_in(&workshop().bad("crash"), TONE);
    let file = host.wait_for_file(TONE, |file| !file["reason"].is_null());
    assert!(registered(&file) && reason(&file).contains("crashed (SIGSEGV)"), "{file}");
    assert_eq!(file["version"], "0.1.0");
    streams(&host);
    running.finish();
    drop_bytes(&host, &later("0.2.0").bytes, TONE);
    let file = host.wait_for_file(TONE, |file| file["version"] == "0.2.0");
    assert_eq!(file["reason"], Value::Null);
}

#[test]
fn a_removed_file_serves_no_new_streams_and_running_ones_finish() {
    let host = with_tone().start();
    let running = Halfway::open(&host);
    fs::remove_file(host.path("plugins").join(TONE)).unwrap();
    host.wait_for("the engine to go", || host.json("/v1/engines") == json!({"backends": [], "files": []}));
    let message = Client::start(&host, "tone", json!({})).fails("engine_unavailable", 4503);
    assert!(message.contains("not registered"), "{message}");
    running.finish();
    host.drop_in(&library("tone"), TONE);
    host.wait_for_file(TONE, registered);
    streams(&host);
}

#[test]
fn of_two_versions_the_higher_serves() {
    let host = with_tone().start();
    drop_bytes(&host, &later("0.10.0").bytes, "a.so");
    drop_bytes(&host, &tone().version("0.9.0").bytes, "b.so");
    host.wait_for_file("a.so", registered);
    for name in [TONE, "b.so"] {
        let file = host.wait_for_file(name, |file| file["state"] == "superseded");
        assert!(reason(&file).contains("auricle-engine-tone 0.10.0 in a.so"), "{file}");
    }
    assert!(marked(&host));
    fs::remove_file(host.path("plugins/a.so")).unwrap();
    host.wait_for_file("b.so", registered);
    assert!(!marked(&host));
}

#[test]
fn another_plugin_cannot_take_a_backend_over() {
    let host = with_tone().start();
    drop_bytes(&host, &later("7.0.0").id("impostor").bytes, "a.so");
    let file = host.wait_for_file("a.so", refused);
    let reason = reason(&file);
    assert!(reason.contains("`tone` is already registered by plugin auricle-engine-tone in"), "{reason}");
    assert!(reason.contains("`tone = \"impostor\"` under [backends]"), "{reason}");
    assert!(!marked(&host));
    // Once the backend is free it is registered, and stays.
    fs::remove_file(host.path("plugins").join(TONE)).unwrap();
    host.wait_for_file("a.so", registered);
    assert!(marked(&host));
    host.drop_in(&library("tone"), TONE);
    host.wait_for_file(TONE, refused);
    assert!(marked(&host));
}

#[test]
fn the_operator_chooses_who_serves_a_backend() {
    for (pin, serves, other, impostor) in [
        ("impostor", "a.so", TONE, true),
        ("impostor@7.0.0", "a.so", TONE, true),
        ("auricle-engine-tone@0.1.0", TONE, "b.so", false),
    ] {
        let host = with_tone().settings(&format!("[backends]\ntone = \"{pin}\"")).start();
        drop_bytes(&host, &later("7.0.0").id("impostor").bytes, "a.so");
        drop_bytes(&host, &tone().version("0.2.0").bytes, "b.so");
        host.wait_for_file(serves, registered);
        let file = host.wait_for_file(other, |file| !registered(file));
        assert!(!reason(&file).is_empty(), "{file}");
        assert_eq!(marked(&host), impostor, "{pin}");
    }
    // No other plugin is used, even if the selected one is missing.
    let host = with_tone().settings("[backends]\ntone = \"absent\"").start();
    let file = host.wait_for_file(TONE, refused);
    assert!(reason(&file).contains("reserved for plugin absent"), "{file}");
}

#[test]
fn a_refused_file_is_tried_again_when_it_is_replaced() {
    let host = empty().start();
    for bad in [&b"junk"[..], &tone().cut(5_000).bytes] {
        drop_bytes(&host, bad, TONE);
        host.wait_for_file(TONE, refused);
    }
    host.drop_in(&library("tone"), TONE);
    let file = host.wait_for_file(TONE, registered);
    assert_eq!(file["reason"], Value::Null);
    streams(&host);
}

/// The C runtime library that engines link to on this machine, and a name of the same length.
const RUNTIME: (&str, &str) = ("libgcc_s.so.1", "libgcc_z.so.1");

/// The file of the runtime library that this process has mapped.
fn runtime() -> PathBuf {
    let maps = fs::read("/proc/self/maps").unwrap();
    let line = maps.split(|byte| *byte == b'\n').find(|line| line.ends_with(RUNTIME.0.as_bytes())).unwrap();
    let at = line.iter().position(|byte| *byte == b'/').unwrap();
    PathBuf::from(std::ffi::OsStr::from_bytes(&line[at..]))
}

/// An engine that needs a shared runtime which is installed later.
#[test]
fn a_refused_file_is_tried_again_when_a_resource_comes() {
    let needy = tone().replace(RUNTIME.0, RUNTIME.1);
    let setup = empty();
    let mut command = setup.command();
    command.env("LD_LIBRARY_PATH", setup.path("resources"));
    let host = setup.start_by(command);
    drop_bytes(&host, &needy.bytes, TONE);
    let file = host.wait_for_file(TONE, refused);
    assert!(reason(&file).contains(RUNTIME.1), "{file}");
    fs::copy(runtime(), host.path("resources").join(RUNTIME.1)).unwrap();
    host.wait_for_file(TONE, registered);
    streams(&host);
}
