//! `auricle plugin`: an engine becomes a package, is signed, and is added to a server that runs; its next versions take over.

mod folder;

use super::tls::issue;
use auricle_tests::{Client, Host, Setup, Variant, auricle, bytes, library, noise, tone_segments};
use folder::HttpsFolder;
use serde_json::{Value, json};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Output,
};
use tempfile::TempDir;

const NAME: &str = "auricle-engine-tone";

/// A publisher with a key, in a folder of its own.
struct Publisher {
    dir: TempDir,
    key: String,
}

/// The result of a command.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    fn succeeds(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out.trim_end().to_owned()
    }

    /// Checks that it failed, and returns its last line.
    fn fails(self) -> String {
        let line = self.err.lines().last().unwrap_or_default().to_owned();
        assert!(self.code == Some(1) && line.starts_with("auricle: "), "{self:?}");
        line
    }
}

fn plugin(args: &[&str]) -> Ran {
    auricle().arg("plugin").args(args).output().unwrap().into()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

impl Publisher {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = plugin(&["key", "generate", text(&dir.path().join("key.pem"))]).succeeds();
        assert_eq!(plugin(&["key", "show", text(&dir.path().join("key.pem"))]).succeeds(), key);
        fs::write(dir.path().join("LICENSE"), "do what you like").unwrap();
        fs::write(dir.path().join("tone.json"), json!({"backend": "tone"}).to_string()).unwrap();
        Self { dir, key }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A signed package of `tone` in this version.
    fn package(&self, version: &str) -> PathBuf {
        let file = format!("{}auricle_engine_tone{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
        let engine = Variant::of(&library("tone")).version(version).save(self.dir.path(), &file);
        let [licence, preset, key] = ["LICENSE", "tone.json", "key.pem"].map(|name| self.path(name));
        let (engine, licence, preset) = (text(&engine), text(&licence), text(&preset));
        let out = text(self.dir.path());
        let args = ["pack", engine, "--publisher", "me", "--licence", licence, "--preset", preset, "--out", out];
        let package = plugin(&args).succeeds();
        assert!(plugin(&["verify", &package]).fails().contains("is not signed"));
        plugin(&["sign", &package, "--key", text(&key)]).succeeds();
        package.into()
    }
}

/// A server without plugins.
fn empty() -> Host {
    Setup::new().start()
}

fn add(host: &Host, args: &[&str]) -> Ran {
    let [plugins, configs] = ["plugins", "configs"].map(|name| host.path(name));
    plugin(&[&["add"], args, &["--plugins", text(&plugins), "--configs", text(&configs)]].concat())
}

fn on_host(host: &Host, args: &[&str]) -> Ran {
    plugin(&[args, &["--plugins", text(&host.path("plugins"))]].concat())
}

/// Waits until this version, and no other, is in service.
fn serves(host: &Host, version: &str) {
    let file = host
        .wait_for_file(&format!("{NAME}.engine"), |file| file["version"] == version && file["state"] == "registered");
    assert_eq!(host.json("/v1/engines")["files"], json!([file]));
}

fn streams(host: &Host) {
    let audio = noise(4, 20_000);
    host.wait_for_preset("tone", |preset| preset["state"] != "unavailable");
    let mut client = Client::open(host, "tone", json!({}));
    client.audio(&bytes(&audio));
    assert_eq!(client.finish(), tone_segments(&audio, 16_000));
}

/// What a directory holds besides the records.
fn entries(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != ".packages").collect()
}

#[test]
fn a_package_is_added_upgraded_and_removed_while_the_server_runs() {
    let (publisher, host) = (Publisher::new(), empty());
    let [first, second] = ["1.0.0", "1.1.0"].map(|version| publisher.package(version));
    let shown = plugin(&["verify", text(&first), "--key", &publisher.key]).succeeds();
    for part in [NAME, "publisher me", &publisher.key, "can partials, endpoints; needs nothing", "engine/LICENSE"] {
        assert!(shown.contains(part), "{shown}");
    }
    let refusal = add(&host, &[text(&first)]).fails();
    assert!(refusal.contains(&format!("--trust {}", publisher.key)), "{refusal}");
    assert_eq!(fs::read_dir(host.path("plugins")).unwrap().count(), 0);
    add(&host, &[text(&first), "--trust", &publisher.key]).succeeds();
    serves(&host, "1.0.0");
    streams(&host);

    // A stream that runs stays on its version.
    let audio = noise(5, 48_000);
    let mut running = Client::open(&host, "tone", json!({}));
    running.audio(&bytes(&audio[..20_000]));
    running.until("segment");
    let added = add(&host, &[text(&second)]).succeeds();
    assert!(added.contains("added auricle-engine-tone 1.1.0 in place of 1.0.0"), "{added}");
    serves(&host, "1.1.0");
    // The old one was in service until the new one was.
    assert!(!host.log().contains("plugin file removed"));
    running.audio(&bytes(&audio[20_000..]));
    assert_eq!(running.finish(), tone_segments(&audio, 16_000));
    streams(&host);
    let refusal = add(&host, &[text(&first)]).fails();
    assert!(refusal.contains("version 1.1.0 is installed, which is higher than 1.0.0: --allow-downgrade"), "{refusal}");
    serves(&host, "1.1.0");
    assert!(add(&host, &[text(&second)]).succeeds().contains("is installed already"));

    let listed = on_host(&host, &["list"]).succeeds();
    assert!(listed.starts_with(&format!("{NAME} 1.1.0  me, key {}  unchanged", publisher.key)), "{listed}");
    fs::write(host.path("configs/presets/tone.json"), json!({"backend": "tone", "separator": "_"}).to_string())
        .unwrap();
    let list = on_host(&host, &["list", "--json"]);
    let listed: Value = serde_json::from_str(&list.out).unwrap();
    assert_eq!(
        (list.code, &listed[0]["state"], &listed[0]["changes"][0]["what"]),
        (Some(1), &json!("changed"), &json!("changed"))
    );
    assert!(on_host(&host, &["remove", NAME]).fails().contains("tone.json was changed"));
    add(&host, &[text(&first), "--allow-downgrade"]).succeeds();
    serves(&host, "1.0.0");
    on_host(&host, &["remove", NAME]).succeeds();
    host.wait_for("the removal", || host.json("/v1/engines")["files"] == json!([]));
    assert_eq!(entries(&host.path("plugins")), [] as [String; 0]);
    // The operator's edit of the preset was kept.
    assert_eq!(entries(&host.path("configs/presets")), ["tone.json"]);
}

#[test]
fn what_was_tampered_with_is_refused_and_nothing_is_written() {
    let (publisher, host) = (Publisher::new(), empty());
    let good = fs::read(publisher.package("1.0.0")).unwrap();
    let other = fs::read(publisher.package("1.1.0")).unwrap();
    let file = publisher.path("changed.auricle");
    let changed = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    for (what, bytes, reason) in [
        ("mark", changed(3), "is not a package"),
        ("key", changed(20), "its signature is not valid"),
        ("signature", changed(60), "its signature is not valid"),
        ("manifest", changed(200), "its signature is not valid"),
        ("library", changed(good.len() / 2), "its signature is not valid"),
        ("appended", [&good[..], b"more"].concat(), "its signature is not valid"),
        ("cut", good[..good.len() / 2].to_vec(), "its signature is not valid"),
        ("head only", good[..90].to_vec(), "is not a package"),
        ("foreign signature", [&other[..112], &good[112..]].concat(), "its signature is not valid"),
    ] {
        fs::write(&file, bytes).unwrap();
        for refused in [plugin(&["verify", text(&file)]), add(&host, &[text(&file), "--yes"])] {
            let line = refused.fails();
            assert!(line.contains(reason) && line.contains("changed.auricle"), "{what}: {line}");
        }
    }
    for dir in ["plugins", "configs/presets", "resources"] {
        assert_eq!(fs::read_dir(host.path(dir)).unwrap().count(), 0);
    }
}

#[test]
fn packages_come_from_a_folder_by_https() {
    let (publisher, host) = (Publisher::new(), empty());
    let first = publisher.package("1.0.0");
    publisher.package("1.1.0");
    for name in ["one", "two"] {
        issue(publisher.dir.path(), name);
    }
    let [ca, other_ca, index] = ["one-ca.pem", "two-ca.pem", "index.json"].map(|name| publisher.path(name));
    plugin(&["index", text(publisher.dir.path())]).succeeds();
    let folder = HttpsFolder::serve(publisher.dir.path(), &publisher.path("one.pem"), &publisher.path("one.key"));
    let from = |name: &str, args: &[&str]| {
        add(&host, &[&[name, "--from", &folder.url, "--trust", &publisher.key][..], args].concat())
    };
    let line = from(NAME, &["--ca", text(&other_ca)]).fails();
    assert!(line.contains("index.json") && line.to_lowercase().contains("certificate"), "{line}");
    let line = from("another", &["--ca", text(&ca)]).fails();
    assert!(line.contains("has no `another`") && line.contains("auricle-engine-tone 1.1.0"), "{line}");
    from(&format!("{NAME}@1.0.0"), &["--ca", text(&ca)]).succeeds();
    serves(&host, "1.0.0");
    from(NAME, &["--ca", text(&ca)]).succeeds();
    serves(&host, "1.1.0");
    streams(&host);
    // An index that lists another file.
    let text_of_index = fs::read_to_string(&index).unwrap();
    fs::write(&first, b"another file").unwrap();
    let line = from(&format!("{NAME}@1.0.0"), &["--ca", text(&ca), "--allow-downgrade"]).fails();
    assert!(line.contains("is not the one that the index lists"), "{line}");
    fs::write(&index, text_of_index.replace(&format!("\"name\": \"{NAME}\""), "\"name\": \"another-name\"")).unwrap();
    let line = from("another-name", &["--ca", text(&ca)]).fails();
    assert!(line.contains("the package is `auricle-engine-tone`, not what its index says"), "{line}");
    fs::write(&index, text_of_index.replace("\"file\": \"", "\"file\": \"../")).unwrap();
    let line = from(NAME, &["--ca", text(&ca)]).fails();
    assert!(line.contains("is not the name of a file in its folder"), "{line}");
    serves(&host, "1.1.0");
}

#[test]
fn another_target_and_another_publisher_are_refused() {
    let (publisher, host) = (Publisher::new(), empty());
    let file = format!("{}auricle_engine_tone{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    let pack = |variant: Variant| {
        let engine = variant.save(publisher.dir.path(), &file);
        let (licence, key) = (publisher.path("LICENSE"), publisher.path("key.pem"));
        let out = text(publisher.dir.path());
        let args = ["pack", text(&engine), "--publisher", "me", "--licence", text(&licence), "--out", out];
        let package = plugin(&args).succeeds();
        plugin(&["sign", &package, "--key", text(&key)]).succeeds();
        package
    };
    let tone = || Variant::of(&library("tone"));
    for (variant, reason) in [
        (tone().target("sparc64-unknown-linux-gnu"), "it is for sparc64-unknown-linux-gnu, and this is "),
        (tone().api_major(2), "it needs plugin API 2.0"),
    ] {
        let line = add(&host, &[&pack(variant), "--yes"]).fails();
        assert!(line.contains("cannot run here") && line.contains(reason), "{line}");
        assert_eq!(fs::read_dir(host.path("plugins")).unwrap().count(), 0);
    }
    let pinned = publisher.path("pinned.toml");
    fs::write(&pinned, format!("[publishers]\nme = \"{}\"\n", "0".repeat(64))).unwrap();
    let package = publisher.package("1.0.0");
    let line = add(&host, &[text(&package), "--publishers", text(&pinned)]).fails();
    assert!(line.contains("but `me` has the key 0000") && line.contains("pinned.toml"), "{line}");
    fs::write(&pinned, format!("[publishers]\nme = \"{}\"\n", publisher.key)).unwrap();
    add(&host, &[text(&package), "--publishers", text(&pinned)]).succeeds();
    serves(&host, "1.0.0");
}
