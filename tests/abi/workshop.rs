//! Builds the libraries and programs of the ABI tests with Cargo, into a target directory of their own.
//!
//! Two small Cargo workspaces are written: one for the kept versions of the plugin API, one for the API as it is now (two
//! packages of one name and version cannot share a lock file). A file is written only where it differs, so that a second
//! run builds nothing; one process at a time does it.

#![allow(dead_code, reason = "no test binary needs all of it")]

use super::versions::{Edit, KEPT};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The name of the API as it is now among the versions.
pub(crate) const CURRENT: &str = "current";

/// The plugins of `bad.rs`.
pub(crate) const BAD: &[&str] = &["crash", "hang", "panic", "undefined"];

/// Where the results are.
pub(crate) struct Workshop {
    directory: PathBuf,
}

/// Everything, built.
pub(crate) fn workshop() -> &'static Workshop {
    static WORKSHOP: OnceLock<Workshop> = OnceLock::new();
    WORKSHOP.get_or_init(|| {
        let workshop = Workshop { directory: Path::new(env!("CARGO_TARGET_TMPDIR")).join("abi") };
        fs::create_dir_all(&workshop.directory).unwrap();
        let lock = fs::File::create(workshop.directory.join("lock")).unwrap();
        lock.lock().unwrap();
        workshop.build();
        workshop
    })
}

impl Workshop {
    /// The host built against a version of the API.
    pub(crate) fn host(&self, version: &str) -> PathBuf {
        self.built(&format!("abi-host-{}{}", dashed(version), env::consts::EXE_SUFFIX))
    }

    /// The library of the engine built against a version of the API, in its folder `VERSION.engine`.
    pub(crate) fn engine(&self, version: &str) -> PathBuf {
        self.directory
            .join(format!("engines/{version}.engine"))
            .join(library(&format!("abi-engine-{}", dashed(version))))
    }

    /// The library of one of the [`BAD`] plugins.
    pub(crate) fn bad(&self, fault: &str) -> PathBuf {
        self.built(&library(&format!("abi-bad-{fault}")))
    }

    /// A directory of models and shared runtimes.
    pub(crate) fn resources(&self) -> PathBuf {
        self.directory.join("resources")
    }

    fn built(&self, file: &str) -> PathBuf {
        self.directory.join("target/debug").join(file)
    }

    fn build(&self) {
        let kept = self.directory.join("kept");
        let mut members = vec![package("abi-sibling", "lib", "sibling.rs", &[], "")];
        for version in KEPT {
            let api = kept.join("api").join(version.name);
            copy_api(&source("abi/1.0/plugin-api"), &api, version.number, version.edits);
            members.extend(pair(version.name, &api));
        }
        let api = format!("auricle-plugin-api = {{ path = '{}' }}", kept.join("api/1.0").display());
        members.extend(BAD.iter().map(|fault| package(&format!("abi-bad-{fault}"), "lib", "bad.rs", &[fault], &api)));
        self.cargo(&kept, &members);
        self.cargo(&self.directory.join(CURRENT), &pair(CURRENT, &source("../plugin-api")));

        put(&self.resources().join("greeting.txt"), b"not this one");
        put(&self.resources().join("shared.txt"), b"shared by all");
        for version in KEPT.iter().map(|version| version.name).chain([CURRENT]) {
            let engine = self.engine(version);
            for file in [engine.as_path(), &engine.with_file_name(library("abi-sibling"))] {
                let name = file.file_name().unwrap().to_str().unwrap();
                put(file, &fs::read(self.built(name)).unwrap());
            }
            put(&engine.with_file_name("greeting.txt"), b"hello");
        }
    }

    /// Writes a workspace of these packages, given by name and manifest, and builds it.
    fn cargo(&self, workspace: &Path, members: &[(String, String)]) {
        for (name, manifest) in members {
            put(&workspace.join(name).join("Cargo.toml"), manifest.as_bytes());
        }
        let names: Vec<_> = members.iter().map(|(name, _)| name).collect();
        let manifest = format!(
            "[workspace]\nresolver = \"3\"\nexclude = [\"api\"]\nmembers = {names:?}\n\n\
             [profile.dev]\ndebug = 0\nincremental = false\n"
        );
        put(&workspace.join("Cargo.toml"), manifest.as_bytes());
        // The versions that the whole project is built with, at hand even without a network.
        put(&workspace.join("Cargo.lock"), &fs::read(source("../Cargo.lock")).unwrap());
        let output = Command::new(env!("CARGO"))
            .arg("build")
            .current_dir(workspace)
            .env("CARGO_TARGET_DIR", self.directory.join("target"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A path given from the directory of this crate.
fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn dashed(version: &str) -> String {
    version.replace('.', "-")
}

fn library(package: &str) -> String {
    format!("{}{}{}", env::consts::DLL_PREFIX, package.replace('-', "_"), env::consts::DLL_SUFFIX)
}

/// The engine and the host of a version of the API.
fn pair(version: &str, api: &Path) -> [(String, String); 2] {
    let features: &[&str] = if version == "1.1" { &["v1_1"] } else { &[] };
    // Cargo builds the API once for both, with what either needs.
    let api = format!("auricle-plugin-api = {{ path = '{}', features = [\"host\"] }}", api.display());
    let version = dashed(version);
    let engine_needs = format!("{api}\nlibloading = \"0.9\"\nserde_json = \"1\"\ntracing = \"0.1\"");
    let host_needs = format!("{api}\nserde_json = \"1\"");
    [
        package(&format!("abi-engine-{version}"), "lib", "engine.rs", features, &engine_needs),
        package(&format!("abi-host-{version}"), "[bin]", "host.rs", features, &host_needs),
    ]
}

/// A package's name and manifest: one source file of this directory, with these features on.
fn package(name: &str, kind: &str, file: &str, features: &[&str], dependencies: &str) -> (String, String) {
    let target = if kind == "lib" { name.replace('-', "_") } else { name.to_owned() };
    let crate_type = if kind == "lib" { "crate-type = [\"cdylib\"]" } else { "" };
    let path = source("abi").join(file);
    let path = path.display();
    let all: String = BAD.iter().chain(&["v1_1"]).map(|feature| format!("{feature} = []\n")).collect();
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\ndescription = \"for the ABI tests\"\nedition = \"2024\"\n\n\
         [{kind}]\nname = \"{target}\"\npath = '{path}'\n{crate_type}\n\n\
         [features]\ndefault = {features:?}\n{all}\n\
         [dependencies]\n{dependencies}\n"
    );
    (name.to_owned(), manifest)
}

/// Copies the source of the plugin API, edited and with another version number.
fn copy_api(from: &Path, to: &Path, number: &str, edits: &[Edit]) {
    let manifest = fs::read_to_string(from.join("Cargo.toml")).unwrap();
    put(
        &to.join("Cargo.toml"),
        replace(&manifest, "version = \"1.0.0\"", &format!("version = \"{number}\"")).as_bytes(),
    );
    put(&to.join("build.rs"), &fs::read(from.join("build.rs")).unwrap());
    let mut directories = vec![PathBuf::from("src")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(from.join(&directory)).unwrap() {
            let entry = entry.unwrap();
            let path = directory.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                directories.push(path);
                continue;
            }
            let text = fs::read_to_string(entry.path()).unwrap();
            let of_this_file = edits.iter().filter(|Edit(file, _, _)| Path::new("src").join(file) == path);
            let text = of_this_file.fold(text, |text, Edit(_, old, new)| replace(&text, old, new));
            put(&to.join(path), text.as_bytes());
        }
    }
}

fn replace(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "in the kept source once: {old}");
    text.replace(old, new)
}

/// Makes the file hold these bytes, all at once and only where it does not yet.
fn put(path: &Path, bytes: &[u8]) {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return;
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let fresh = path.with_extension("fresh");
    fs::write(&fresh, bytes).unwrap();
    fs::rename(fresh, path).unwrap();
}
