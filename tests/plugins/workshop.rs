//! Builds the libraries and programs of the ABI tests with Cargo. Each version of the plugin API has its own small
//! workspace and target directory, so that versions do not share compiled code.
//!
//! `1.0` and `2.0` are complete copies beside this file; `1.0.1` is made from 1.0 by one edit, and `1.1` from the current source by
//! those of `later_version.rs`. A file is written
//! only if it differs, so that a second run builds nothing. One process at a time builds, one version after another.

#![allow(dead_code, reason = "no test binary needs all of it")]

use crate::later_version::{EDITS, Edit, manifest};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The name of the current API among the versions.
pub(crate) const CURRENT: &str = "current";

/// A change that must be detected: two fields are swapped, while all types and sizes stay the same.
const SWAPPED: &str = "1.0.1";

/// The name of the later version.
pub(crate) const LATER: &str = "1.1";

/// What [`SWAPPED`] changes in 1.0.
const SWAP: Edit = (
    "src/abi/types.rs",
    "AbiSegment<'a> {\n    /// First sample.\n    pub start: u64,\n    /// One past the last sample.\n    pub end: u64,",
    "AbiSegment<'a> {\n    /// One past the last sample.\n    pub end: u64,\n    /// First sample.\n    pub start: u64,",
);

/// All versions of the API.
const VERSIONS: [&str; 5] = ["1.0", SWAPPED, LATER, "2.0", CURRENT];

/// The version whose workspace also contains the engines' sibling and the [`BAD`] plugins.
const OLDEST: &str = VERSIONS[0];

/// The plugins of `bad.rs`.
pub(crate) const BAD: &[&str] = &["crash", "hang", "panic", "slow", "undefined"];

/// The build results.
pub(crate) struct Workshop {
    directory: PathBuf,
}

/// Builds everything, once.
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
        self.built(version, &format!("abi-host{}", env::consts::EXE_SUFFIX))
    }

    /// The library of the engine built against a version of the API, in its folder `VERSION.engine`.
    pub(crate) fn engine(&self, version: &str) -> PathBuf {
        self.directory.join(format!("engines/{version}.engine")).join(library("abi-engine"))
    }

    /// The library of one of the [`BAD`] plugins.
    pub(crate) fn bad(&self, fault: &str) -> PathBuf {
        self.built(OLDEST, &library(&format!("abi-bad-{fault}")))
    }

    /// The library of a plugin that has a stage only, built against the current API or a later one.
    pub(crate) fn stage(&self, version: &str) -> PathBuf {
        self.built(version, &library("abi-stage"))
    }

    /// A directory of models and shared runtimes.
    pub(crate) fn resources(&self) -> PathBuf {
        self.directory.join("resources")
    }

    fn built(&self, version: &str, file: &str) -> PathBuf {
        self.directory.join(version).join("target/debug").join(file)
    }

    fn build(&self) {
        VERSIONS.iter().for_each(|version| self.cargo(version));
        put(&self.resources().join("greeting.txt"), b"not this one");
        put(&self.resources().join("shared.txt"), b"shared by all");
        let sibling = library("abi-sibling");
        for version in VERSIONS {
            let engine = self.engine(version);
            put(&engine, &fs::read(self.built(version, &library("abi-engine"))).unwrap());
            put(&engine.with_file_name(&sibling), &fs::read(self.built(OLDEST, &sibling)).unwrap());
            put(&engine.with_file_name("greeting.txt"), b"hello");
        }
    }

    /// The source code of a version of the API.
    fn api(&self, version: &str) -> PathBuf {
        match version {
            CURRENT => source("../plugin-api"),
            SWAPPED => {
                let api = self.directory.join(version).join("plugin-api");
                let version = |text: &str| replace(text, "version = \"1.0.0\"", "version = \"1.0.1\"");
                copy_edited(&source("abi/1.0/plugin-api"), &api, &[SWAP], version);
                api
            }
            LATER => {
                let api = self.directory.join(version).join("plugin-api");
                copy_edited(&source("../plugin-api"), &api, EDITS, manifest);
                api
            }
            kept => source("abi").join(kept).join("plugin-api"),
        }
    }

    /// Writes the workspace of a version and builds it.
    fn cargo(&self, version: &str) {
        let workspace = self.directory.join(version);
        let members = members(version, &self.api(version));
        for (name, manifest) in &members {
            put(&workspace.join(name).join("Cargo.toml"), manifest.as_bytes());
        }
        let names: Vec<_> = members.iter().map(|(name, _)| name).collect();
        let manifest = format!(
            "[workspace]\nresolver = \"3\"\nmembers = {names:?}\n\n[profile.dev]\ndebug = 0\nincremental = false\n"
        );
        put(&workspace.join("Cargo.toml"), manifest.as_bytes());
        // The versions of the whole project, which are available without a network.
        put(&workspace.join("Cargo.lock"), &fs::read(source("../Cargo.lock")).unwrap());
        let output = Command::new(env!("CARGO"))
            .arg("build")
            .current_dir(&workspace)
            .env("CARGO_TARGET_DIR", workspace.join("target"))
            .output()
            .unwrap();
        assert!(output.status.success(), "version {version}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A path relative to the directory of this crate.
fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn library(package: &str) -> String {
    format!("{}{}{}", env::consts::DLL_PREFIX, package.replace('-', "_"), env::consts::DLL_SUFFIX)
}

/// The packages built against a version of the API.
fn members(version: &str, api: &Path) -> Vec<(String, String)> {
    let features: &[&str] = match version {
        LATER => &["v1_1", "claims", "stages"],
        CURRENT => &["claims", "stages"],
        _ => &[],
    };
    // Cargo builds the API once for all of them, with the features that any of them needs.
    let api = format!("auricle-plugin-api = {{ path = '{}', features = [\"host\"] }}", api.display());
    let engine_needs = format!("{api}\nlibloading = \"0.9\"\nserde_json = \"1\"\ntracing = \"0.1\"");
    let host_needs = format!("{api}\nserde_json = \"1\"");
    let mut members = vec![
        package("abi-engine", "lib", "engine.rs", features, &engine_needs),
        package("abi-host", "[bin]", "host.rs", features, &host_needs),
    ];
    if features.contains(&"stages") {
        members.push(package("abi-stage", "lib", "stage.rs", &[], &api));
    }
    if version == OLDEST {
        members.push(package("abi-sibling", "lib", "sibling.rs", &[], ""));
        members.extend(BAD.iter().map(|fault| package(&format!("abi-bad-{fault}"), "lib", "bad.rs", &[fault], &api)));
    }
    members
}

/// A package's name and manifest: one source file in this directory, with these features.
fn package(name: &str, kind: &str, file: &str, features: &[&str], dependencies: &str) -> (String, String) {
    let target = if kind == "lib" { name.replace('-', "_") } else { name.to_owned() };
    let crate_type = if kind == "lib" { "crate-type = [\"cdylib\"]" } else { "" };
    let path = source("abi").join(file);
    let path = path.display();
    let all: String =
        BAD.iter().chain(&["v1_1", "claims", "stages"]).map(|feature| format!("{feature} = []\n")).collect();
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\ndescription = \"for the ABI tests\"\nedition = \"2024\"\n\n\
         [{kind}]\nname = \"{target}\"\npath = '{path}'\n{crate_type}\n\n\
         [features]\ndefault = {features:?}\n{all}\n\
         [dependencies]\n{dependencies}\n"
    );
    (name.to_owned(), manifest)
}

/// Copies the source of a version with edits, and with another manifest.
fn copy_edited(from: &Path, to: &Path, edits: &[Edit], manifest: impl Fn(&str) -> String) {
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(from.join(&directory)).unwrap() {
            let entry = entry.unwrap();
            let path = directory.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                // Others are not built.
                if ["src", "include"].iter().any(|folder| path.starts_with(folder)) {
                    directories.push(path);
                }
                continue;
            }
            let text = fs::read_to_string(entry.path()).unwrap();
            let own = edits.iter().filter(|(file, ..)| path == Path::new(file));
            let text = own.fold(text, |text, (_, old, new)| replace(&text, old, new));
            let text = if path == Path::new("Cargo.toml") { manifest(&text) } else { text };
            put(&to.join(path), text.as_bytes());
        }
    }
}

pub(crate) fn replace(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "must occur once in the copy: {old}");
    text.replace(old, new)
}

/// Writes these bytes to the file, atomically, unless it contains them already.
fn put(path: &Path, bytes: &[u8]) {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return;
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let fresh = path.with_extension("fresh");
    fs::write(&fresh, bytes).unwrap();
    fs::rename(fresh, path).unwrap();
}
