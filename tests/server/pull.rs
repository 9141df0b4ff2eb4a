//! `auricle pull` against a hub on this machine: its downloads, their results, and its errors.

mod hub;

use auricle_tests::{Client, Setup, auricle, bytes, fixture, library, limit, runtime, wav};
use hub::{COMMIT, Hub, Manner, Then};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const ENCODER: &str = "onnx/encoder_model.onnx";

/// A hub with `me/nano`, and a working directory for the command.
struct Room {
    hub: Hub,
    dir: TempDir,
}

/// The result of the command, and its output.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Room {
    fn new() -> Self {
        let room = Self { hub: Hub::start(), dir: tempfile::tempdir().unwrap() };
        room.hub.publish("me/nano", nano());
        room
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = auricle();
        command.arg("pull").args(args).current_dir(self.dir.path()).env("HF_ENDPOINT", &self.hub.url);
        // Without a login or proxy of this machine's user.
        command.env("HF_HOME", self.path("home")).env("NO_PROXY", "*").env_remove("HF_TOKEN");
        command
    }

    fn pull(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    /// Checks that the command fails with one line, its last, and leaves no new files.
    fn refused(&self, args: &[&str]) -> String {
        let ran = self.pull(args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
        assert!(!self.path("models/nano").exists());
        ran.last_line()
    }

    /// Checks that the model's files are those that were published, without others.
    fn has(&self, folder: &str, published: &BTreeMap<String, Vec<u8>>) {
        let mut there = BTreeMap::new();
        collect(&self.path(folder), "", &mut there);
        let source: Value = serde_json::from_slice(&there.remove("pulled.json").unwrap()).unwrap();
        assert_eq!(source["commit"], COMMIT);
        assert!(there == *published, "{:?}", there.keys());
        let parent = self.path(folder).parent().unwrap().to_owned();
        assert_eq!(fs::read_dir(parent).unwrap().count(), 1);
    }
}

impl Ran {
    fn last_line(&self) -> String {
        let line = self.err.lines().last().unwrap().to_owned();
        assert!(line.starts_with("auricle: "), "{self:?}");
        line
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

fn collect(folder: &Path, prefix: &str, into: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), into);
        } else {
            into.insert(name, fs::read(entry.path()).unwrap());
        }
    }
}

/// A model of `plugins/whisper/testdata`, with its networks in the subfolder `onnx`.
fn testdata(name: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    collect(&whisper_testdata().join(name), "", &mut files);
    let subfolder = |name: String| if name.ends_with(".onnx") { format!("onnx/{name}") } else { name };
    files.into_iter().map(|(name, bytes)| (subfolder(name), bytes)).collect()
}

fn nano() -> BTreeMap<String, Vec<u8>> {
    testdata("nano")
}

fn whisper_testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/whisper/testdata")
}

// Downloads

#[test]
fn a_pulled_model_is_heard_with() {
    let room = Room::new();
    let ran = room.pull(&["me/nano"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("me/nano, commit 0123456789") && ran.err.contains("models/nano is complete"), "{ran:?}");
    assert!(ran.err.contains("\nonnx/encoder_model.onnx: 68.15 kB\n"), "{ran:?}");
    room.has("models/nano", &nano());
    let preset: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(preset, json!({"backend": "whisper", "model": "nano"}));

    let host = Setup::new()
        .plugin(&library("whisper"))
        .resource(&runtime())
        .resource(&room.path("models"))
        .resource(&room.path("committed"))
        .preset("pulled", &preset);
    fs::create_dir(room.path("committed")).unwrap();
    let committed = room.path("committed/same");
    fs::create_dir(&committed).unwrap();
    for entry in fs::read_dir(whisper_testdata().join("nano")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), committed.join(entry.file_name())).unwrap();
    }
    let host = host.preset("committed", &json!({"backend": "whisper", "model": "same"})).start();
    let (_, audio) = wav(&fixture("digits.wav"));
    let heard = ["pulled", "committed"].map(|preset| {
        let mut client = Client::open(&host, preset, json!({"pace": "file"}));
        client.audio_in_frames(&bytes(&audio[..4 * 16_000]), 6_400);
        client.finish()
    });
    assert_eq!(heard[0], heard[1]);
}

#[test]
fn a_short_name_a_precision_and_data_outside_of_the_networks() {
    let room = Room::new();
    let mut files = testdata("nano.en");
    for (name, text) in [("onnx/encoder_model.onnx_data", "weights"), ("onnx/encoder_model.onnx_data_1", "more")] {
        files.insert(name.into(), text.into());
    }
    let mut published = files.clone();
    for name in ["README.md", "vocab.json", "onnx/model.onnx", "onnx/encoder_model_int8.onnx"] {
        published.insert(name.into(), name.into());
    }
    room.hub.publish("onnx-community/whisper-tiny", published.clone());
    let ran = room.pull(&["tiny", "--into", "deep/models"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    room.has("deep/models/tiny", &files);
    assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap()["model"], "tiny");

    let name = |name: &str| name.replace(".onnx", "_int8.onnx");
    let int8 = testdata("nano").into_iter().map(|(file, bytes)| (name(&file), bytes)).collect::<BTreeMap<_, _>>();
    room.hub.publish("me/small", int8.clone().into_iter().chain(nano()).collect());
    let ran = room.pull(&["me/small", "--precision", "int8", "--revision", "v2"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    room.has("models/small", &int8);
    let preset = json!({"backend": "whisper", "model": "small", "precision": "int8"});
    assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap(), preset);
}

#[test]
fn a_streaming_model_of_the_catalogue_becomes_a_preset_of_a_running_server() {
    let room = Room::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/onnx/testdata/zipformer2-transducer-small");
    let mut published = BTreeMap::new();
    collect(&source, "", &mut published);
    let files = published.clone().into_iter().filter(|(name, _)| name.contains("int8") || !name.ends_with(".onnx"));
    let files: BTreeMap<_, _> = files.collect();
    published.insert("test_wavs/0.wav".into(), b"speech".to_vec());
    room.hub.publish("k2-fsa/sherpa-onnx-streaming-zipformer-korean-2024-06-16", published);

    fs::create_dir(room.path("models")).unwrap();
    let setup = Setup::new().plugin(&library("onnx")).resource(&runtime()).resource(&room.path("models"));
    let committed = json!({"backend": "onnx", "model": "zipformer2-transducer-small", "precision": "int8"});
    let host = setup.resource(source.parent().unwrap()).preset("committed", &committed).start();
    let configs = host.path("configs");
    let pulled = room.pull(&["zipformer-ko", "--precision", "int8", "--configs", configs.to_str().unwrap()]);
    assert_eq!(pulled.code, Some(0), "{pulled:?}");
    room.has("models/zipformer-ko", &files);
    let preset = json!({"backend": "onnx", "model": "zipformer-ko", "precision": "int8"});
    assert_eq!(serde_json::from_str::<Value>(&pulled.out).unwrap(), preset);

    host.wait_for_preset("zipformer-ko", |preset| preset["state"] != "unavailable");
    let (_, audio) = wav(&fixture("digits.wav"));
    let texts = ["zipformer-ko", "committed"].map(|preset| {
        let mut client = Client::open(&host, preset, json!({"pace": "file"}));
        client.audio_in_frames(&bytes(&audio[..4 * 16_000]), 6_400);
        client.finish()
    });
    assert_eq!(texts[0], texts[1]);
}

#[test]
fn the_catalogue_is_printed_and_the_command_explains_itself() {
    let room = Room::new();
    let ran = room.pull(&["--list"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(ran.out.contains("\ntiny                     onnx-community/whisper-tiny "), "{}", ran.out);
    let help = room.pull(&["--help"]).out;
    assert!(help.contains("Example") && help.contains("auricle pull ") && help.contains("Exit status"), "{help}");
    for wrong in [&[][..], &["huge"], &["../x"], &["me/nano", "--precision", "a/b"], &["me/nano", "--revision", ".."]] {
        assert_eq!(room.pull(wrong).code, Some(2), "{wrong:?}");
    }
    assert!(room.hub.asked().is_empty());
}

// Existing folders

#[test]
fn a_folder_that_is_there_is_kept_unless_it_is_to_be_fetched_again() {
    let room = Room::new();
    let first = room.pull(&["me/nano"]);
    let config = room.path("models/nano/config.json");
    fs::write(&config, "mine").unwrap();
    room.hub.asked();
    let kept = room.pull(&["me/nano"]);
    assert_eq!((kept.code, &kept.out), (Some(0), &first.out), "{kept:?}");
    assert!(kept.err.contains("models/nano already exists (me/nano, commit 0123"), "{kept:?}");
    assert_eq!((fs::read(&config).unwrap(), room.hub.asked().len()), (b"mine".to_vec(), 0));
    // Another model with the same name, or another precision of it, must not be accepted instead.
    for other in [&["you/nano"][..], &["me/nano", "--precision", "int8"]] {
        let ran = room.pull(other);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
        assert!(ran.last_line().contains("me/nano at main in the plain export; --again replaces it"), "{ran:?}");
    }
    assert_eq!(fs::read(&config).unwrap(), b"mine");
    assert_eq!(room.pull(&["me/nano", "--again"]).code, Some(0));
    room.has("models/nano", &nano());
    // A failed download replaces nothing.
    room.hub.behave(Manner { damage: true, ..Manner::default() });
    assert_eq!(room.pull(&["me/nano", "--again"]).code, Some(1));
    assert!(config.exists());
}

// Errors

#[test]
fn what_the_repository_does_not_have_is_said_with_what_it_has() {
    let room = Room::new();
    let line = room.refused(&["me/nano", "--precision", "int8"]);
    assert!(line.contains("me/nano has no encoder_model_int8.onnx with a decoder"), "{line}");
    assert!(line.ends_with("only the plain export is available: omit --precision"), "{line}");
    room.hub.publish("me/none", BTreeMap::from([("README.md".into(), vec![])]));
    assert!(room.refused(&["me/none"]).ends_with("it has no JSON files"));
}

#[test]
fn a_hub_that_says_no_is_quoted_and_told_from_one_that_says_nothing() {
    let room = Room::new();
    let has = |line: String, parts: &[&str]| assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    has(room.refused(&["me/nono"]), &["has no me/nono at revision main (404)", "check the name"]);
    has(room.refused(&["me/nano", "--revision", "v3"]), &["me/nano", "has no revision v3 (404)"]);
    let refusing = |status, code| room.hub.behave(Manner { refusal: Some((status, code)), ..Manner::default() });
    refusing(401, "RepoNotFound");
    has(room.refused(&["me/nano"]), &["has no public me/nano (401)", "HF_TOKEN"]);
    refusing(401, "GatedRepo");
    has(room.refused(&["me/nano"]), &["me/nano is gated (401)", &format!("{}/me/nano", room.hub.url)]);
    refusing(403, "");
    has(room.refused(&["me/nano"]), &["me/nano is gated (403)", "HF_TOKEN"]);
    refusing(503, "");
    has(room.refused(&["me/nano"]), &["returned 503", "try again later"]);

    let nobody = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let line = room.refused(&["me/nano", "--precision", "int8", "--endpoint", &nobody]);
    has(
        line,
        &[&format!("{nobody} cannot be reached: Connection refused"), "by hand: put config.json, ", "into models/nano"],
    );
    let line = room.refused(&["me/nano", "--precision", "int8", "--endpoint", &nobody]);
    has(
        line,
        &["of me/nano", "onnx/encoder_model_int8.onnx and onnx/decoder_model_merged_int8.onnx", "models/nano/onnx"],
    );
    has(room.refused(&["me/nano", "--endpoint", "hub"]), &["--endpoint", "\"hub\"", "not an address"]);
}

#[test]
fn a_token_opens_a_private_repository_and_goes_nowhere_else() {
    let room = Room::new();
    room.hub.behave(Manner { token: Some("hf_secret"), ..Manner::default() });
    let with = |token: &str| Ran::from(room.command(&["me/nano"]).env("HF_TOKEN", token).output().unwrap());
    let wrong = with("hf_other").last_line();
    assert!(wrong.contains("that this token may read (401)") && !wrong.contains("hf_other"), "{wrong}");
    assert!(with("hf\nother").last_line().contains("characters that are not allowed in a token"));
    room.hub.asked();
    assert_eq!(with("hf_secret").code, Some(0));
    for asked in room.hub.asked() {
        let elsewhere = asked.path.starts_with("/cdn/");
        assert_eq!(asked.token.is_none(), elsewhere, "{asked:?}");
    }
    // The token of a previous login works too.
    fs::create_dir(room.path("home")).unwrap();
    fs::write(room.path("home/token"), "hf_secret\n").unwrap();
    assert_eq!(room.pull(&["me/nano", "--again"]).code, Some(0));
}

#[test]
fn a_list_with_hostile_names_is_refused_whole() {
    let room = Room::new();
    for name in ["../../escaped.onnx", "/tmp/escaped.onnx", "onnx/../../escaped.onnx", "..\\escaped.onnx", "\u{1b}[2J"]
    {
        let mut files = nano();
        files.insert(name.to_owned(), b"escaped".to_vec());
        room.hub.publish("me/nano", files);
        let line = room.refused(&["me/nano"]);
        assert!(line.contains("outside its folder") && line.contains("nothing was downloaded"), "{line}");
        assert!(!line.contains('\u{1b}'), "{line}");
        assert_eq!(fs::read_dir(room.dir.path()).unwrap().count(), 0, "{name}");
    }
}

// Interrupted downloads

#[test]
fn a_file_that_breaks_off_is_taken_up_again_and_then_by_the_next_pull() {
    let room = Room::new();
    // The encoder has 68,150 bytes: five connections are not enough for it.
    room.hub.behave(Manner { most: Some((10_000, Then::Closes)), ..Manner::default() });
    let line = room.refused(&["me/nano"]);
    assert!(line.contains("was lost: onnx/encoder_model.onnx stopped at byte 50000 of 68150"), "{line}");
    assert!(line.ends_with("run the same command again to resume"), "{line}");
    room.hub.asked();
    room.hub.behave(Manner::default());
    let ran = room.pull(&["me/nano"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("onnx/encoder_model.onnx: 68.15 kB, of which 50.00 kB were downloaded before"), "{ran:?}");
    room.has("models/nano", &nano());
    let asked: Vec<_> = room.hub.asked().into_iter().filter(|asked| asked.path.contains("/cdn/")).collect();
    assert_eq!(asked.iter().map(|asked| asked.range.as_deref()).collect::<Vec<_>>(), [Some("bytes=50000-"), None]);
}

#[test]
fn a_pull_that_is_killed_leaves_nothing_that_looks_whole() {
    let room = Room::new();
    for no_ranges in [false, true] {
        room.hub.behave(Manner { most: Some((30_000, Then::Stalls)), ..Manner::default() });
        let mut child = room.command(&["me/nano"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let part = room.path("models/.nano.pulling").join(format!("{ENCODER}.part"));
        let begun = Instant::now();
        while fs::metadata(&part).map_or(0, |file| file.len()) < 30_000 {
            assert!(begun.elapsed() < limit(), "nothing comes");
            thread::sleep(Duration::from_millis(10));
        }
        // Two at once would disturb each other.
        assert!(room.refused(&["me/nano"]).contains("another `auricle pull` is running"));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!room.path("models/nano").exists());
        room.hub.behave(Manner { no_ranges, ..Manner::default() });
        assert_eq!(room.pull(&["me/nano"]).code, Some(0));
        room.has("models/nano", &nano());
        fs::remove_dir_all(room.path("models")).unwrap();
    }
}

#[test]
fn a_damaged_file_is_not_taken() {
    let room = Room::new();
    room.hub.behave(Manner { damage: true, ..Manner::default() });
    let line = room.refused(&["me/nano"]);
    assert!(line.contains("onnx/encoder_model.onnx: the downloaded file has SHA-256 "), "{line}");
    room.hub.behave(Manner::default());
    assert_eq!(room.pull(&["me/nano"]).code, Some(0));
    room.has("models/nano", &nano());
}
