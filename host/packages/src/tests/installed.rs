//! What is installed: a package and its next versions, and what stands in their way.

#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]

use super::made::{Publisher, library};
use crate::{Added, Directories, Package, Policy, Publishers, Records, add, remove};
use auricle_plugin_api::host::read_manifest;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// The directories of a server.
struct ServerDirs {
    dir: TempDir,
}

impl ServerDirs {
    fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        for name in ["plugins", "resources", "presets"] {
            fs::create_dir(place.path(name)).unwrap();
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn add(&self, package: &Path, policy: Policy) -> Result<Added, String> {
        let directories = Directories {
            plugins: self.path("plugins"),
            resources: Some(self.path("resources")),
            presets: Some(self.path("presets")),
        };
        let mut publishers = Publishers::read(&Records::of(&directories.plugins).publishers()).unwrap();
        let mut package = Package::open(package).unwrap();
        add(&mut package, &directories, &mut publishers, policy).map_err(|problem| problem.to_string())
    }

    fn remove(&self, force: bool) -> Result<(), String> {
        remove(&self.path("plugins"), "tone", force).map(drop).map_err(|problem| problem.to_string())
    }

    /// All files but the records, and the hidden entries of the three directories.
    fn files(&self) -> Vec<String> {
        fn collect(dir: &Path, prefix: &str, found: &mut Vec<String>) {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
                match path.is_dir() {
                    _ if name == "plugins/.packages" => {}
                    true => collect(&path, &format!("{name}/"), found),
                    false => found.push(name),
                }
            }
        }
        let mut found = Vec::new();
        collect(self.dir.path(), "", &mut found);
        found.sort();
        found
    }

    /// The version of the library that is installed.
    fn version(&self) -> String {
        read_manifest(&self.path("plugins/tone.engine/libsmall.so")).unwrap().version()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

const TRUSTING: Policy = Policy { trust: None, trust_new: true, pinned: false, downgrade: false };
const PLAIN: Policy = Policy { trust_new: false, ..TRUSTING };

fn all_of(version: &str) -> Vec<String> {
    vec![
        "plugins/tone.engine/LICENSE".to_owned(),
        "plugins/tone.engine/libsmall.so".to_owned(),
        "presets/small.json".to_owned(),
        format!("resources/words/{version}.txt"),
        "resources/words/common.txt".to_owned(),
    ]
}

fn installed(replaced: Option<&str>) -> Result<Added, String> {
    Ok(Added::Installed { replaced: replaced.map(str::to_owned), kept: Vec::new() })
}

/// Packages of two versions. The resources of the second do not include those of the first.
fn two_versions(publisher: &Publisher) -> [PathBuf; 2] {
    let first = publisher.package("1.0.0");
    fs::remove_file(publisher.dir.path().join("words/1.0.0.txt")).unwrap();
    [first, publisher.package("1.1.0")]
}

#[test]
fn a_package_is_added_replaced_and_removed_without_a_trace() {
    let (publisher, place) = (Publisher::new(), ServerDirs::new());
    let [first, second] = two_versions(&publisher);
    assert_eq!(place.add(&first, TRUSTING), installed(None));
    assert_eq!(place.files(), all_of("1.0.0"));
    assert_eq!(place.add(&first, PLAIN), Ok(Added::Same));
    assert_eq!(place.add(&second, PLAIN), installed(Some("1.0.0")));
    assert_eq!(place.files(), all_of("1.1.0"));
    assert!(place.read("presets/small.json").contains("1.1.0") && place.version() == "1.1.0");
    let refusal = place.add(&first, PLAIN).unwrap_err();
    assert!(refusal.contains("1.1.0 is installed") && refusal.contains("--allow-downgrade"), "{refusal}");
    assert_eq!(place.files(), all_of("1.1.0"));
    assert_eq!(place.add(&first, Policy { downgrade: true, ..PLAIN }), installed(Some("1.1.0")));
    assert_eq!((place.files(), place.version()), (all_of("1.0.0"), "1.0.0".to_owned()));
    let records = Records::of(&place.path("plugins"));
    let record = records.get("tone").unwrap().unwrap();
    assert!(record.complete && record.changes(&place.path("plugins")).is_empty());
    place.remove(false).unwrap();
    assert_eq!(place.files(), [] as [String; 0]);
    assert!(
        records.all().unwrap().is_empty()
            && place.path("resources").is_dir()
            && !place.path("resources/words").exists()
    );
    assert!(place.remove(false).unwrap_err().contains("no package `tone`"));
}

#[test]
fn a_publisher_is_confirmed_once_and_keeps_its_key() {
    let (publisher, other, place) = (Publisher::new(), Publisher::new(), ServerDirs::new());
    let [first, second] = two_versions(&publisher);
    let refusal = place.add(&first, PLAIN).unwrap_err();
    let key = publisher.key.public();
    assert!(refusal.contains("is new") && refusal.contains(&format!("--trust {key}")), "{refusal}");
    assert!(place.add(&first, Policy { trust: Some(other.key.public()), ..PLAIN }).unwrap_err().contains("is new"));
    assert!(place.files().is_empty() && !place.path("plugins/.packages").exists());
    assert_eq!(place.add(&first, Policy { trust: Some(key), ..PLAIN }), installed(None));
    // Nothing makes another key acceptable but the operator's own edit.
    let forged = other.package("1.1.0");
    for policy in [PLAIN, TRUSTING, Policy { trust: Some(other.key.public()), downgrade: true, ..PLAIN }] {
        let refusal = place.add(&forged, policy).unwrap_err();
        assert!(
            refusal.contains(&format!("`somebody` has the key {key}")) && refusal.contains("publishers.toml"),
            "{refusal}"
        );
        assert_eq!(place.files(), all_of("1.0.0"));
    }
    let file = place.path("plugins/.packages/publishers.toml");
    let edited = fs::read_to_string(&file).unwrap().replace(&key.to_string(), &other.key.public().to_string());
    fs::write(&file, edited).unwrap();
    assert!(place.add(&second, PLAIN).unwrap_err().contains("somebody"));
    assert_eq!(place.add(&forged, PLAIN), installed(Some("1.0.0")));
}

#[test]
fn pinned_publishers_are_the_only_ones() {
    let (publisher, place) = (Publisher::new(), ServerDirs::new());
    let package = publisher.package("1.0.0");
    let refusal = place.add(&package, Policy { pinned: true, ..TRUSTING }).unwrap_err();
    assert!(refusal.contains("is not listed in"), "{refusal}");
    assert!(place.files().is_empty());
}

#[test]
fn what_is_not_the_packages_stays() {
    let (publisher, place) = (Publisher::new(), ServerDirs::new());
    let [first, second] = two_versions(&publisher);
    for (name, is_refused) in [
        ("resources/words/common.txt", true),
        ("resources/words", true),
        ("plugins/tone.engine/other", true),
        ("presets/small.json", false),
    ] {
        let place = ServerDirs::new();
        let path = place.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "the operator's").unwrap();
        let added = place.add(&first, TRUSTING);
        match is_refused {
            true => {
                let refusal = added.unwrap_err();
                assert!(refusal.contains("exists and is not of this package"), "{refusal}");
                assert_eq!(place.files(), [name]);
            }
            false => assert_eq!(added, Ok(Added::Installed { replaced: None, kept: vec![path.clone()] })),
        }
        assert_eq!(place.read(name), "the operator's");
        // What is not recorded is not removed.
        let _ = place.remove(false);
        assert_eq!(place.read(name), "the operator's");
    }
    place.add(&first, TRUSTING).unwrap();
    fs::write(place.path("presets/small.json"), "edited").unwrap();
    fs::write(place.path("plugins/tone.engine/note"), "the operator's").unwrap();
    let refusal = place.remove(false).unwrap_err();
    assert!(refusal.contains("small.json was changed") && refusal.contains("--force"), "{refusal}");
    assert_eq!(place.files().len(), 6);
    // The engine folder is replaced as a whole.
    let refusal = place.add(&second, PLAIN).unwrap_err();
    assert!(refusal.contains("note exists and is not of this package"), "{refusal}");
    fs::remove_file(place.path("plugins/tone.engine/note")).unwrap();
    fs::write(place.path("plugins/tone.engine/LICENSE"), "edited").unwrap();
    let refusal = place.add(&second, PLAIN).unwrap_err();
    assert!(refusal.contains("LICENSE was changed since it was installed"), "{refusal}");
    assert_eq!((place.version(), place.files().len()), ("1.0.0".to_owned(), 5));
    fs::write(place.path("plugins/tone.engine/LICENSE"), "do what you like").unwrap();
    let kept = vec![place.path("presets/small.json")];
    let added = place.add(&second, PLAIN);
    assert_eq!(added, Ok(Added::Installed { replaced: Some("1.0.0".into()), kept }));
    assert_eq!(place.read("presets/small.json"), "edited");
    fs::write(place.path("plugins/tone.engine/note"), "the operator's").unwrap();
    fs::write(place.path("resources/words/common.txt"), "edited").unwrap();
    assert!(place.remove(false).is_err());
    place.remove(true).unwrap();
    assert_eq!(place.files(), ["plugins/tone.engine/note", "presets/small.json"]);
}

#[test]
fn changed_resources_are_not_overwritten() {
    let (publisher, place) = (Publisher::new(), ServerDirs::new());
    let first = publisher.package("1.0.0");
    place.add(&first, TRUSTING).unwrap();
    publisher.write("words/common.txt", b"another text");
    let second = publisher.package_of("1.1.0", &[&publisher.dir.path().join("words")]);
    fs::write(place.path("resources/words/common.txt"), "edited").unwrap();
    let refusal = place.add(&second, PLAIN).unwrap_err();
    assert!(refusal.contains("common.txt was changed since it was installed"), "{refusal}");
    assert_eq!(place.read("resources/words/common.txt"), "edited");
    fs::write(place.path("resources/words/common.txt"), "the same in all versions").unwrap();
    assert_eq!(place.add(&second, PLAIN), installed(Some("1.0.0")));
    assert_eq!(place.read("resources/words/common.txt"), "another text");
}

#[test]
fn one_version_has_one_content_and_lost_files_come_back() {
    let (publisher, place) = (Publisher::new(), ServerDirs::new());
    let first = publisher.package("1.0.0");
    place.add(&first, TRUSTING).unwrap();
    for lost in ["plugins/tone.engine/LICENSE", "resources/words/common.txt"] {
        fs::remove_file(place.path(lost)).unwrap();
    }
    assert_eq!(Records::of(&place.path("plugins")).all().unwrap()[0].changes(&place.path("plugins")).len(), 2);
    assert_eq!(place.add(&first, PLAIN), installed(Some("1.0.0")));
    assert_eq!(place.files(), all_of("1.0.0"));
    publisher.write("words/more.txt", b"more");
    let refusal = place.add(&publisher.package("1.0.0"), PLAIN).unwrap_err();
    assert!(refusal.contains("1.0.0 is installed with other files"), "{refusal}");
}

/// The command that added a version was killed: the engine is still the old one.
#[test]
fn an_interrupted_installation_is_finished_or_removed() {
    for finishes in [true, false] {
        let (publisher, place) = (Publisher::new(), ServerDirs::new());
        let [first, second] = two_versions(&publisher);
        place.add(&first, TRUSTING).unwrap();
        let record = place.path("plugins/.packages/tone.json");
        let old: serde_json::Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
        place.add(&second, PLAIN).unwrap();
        let mut new: serde_json::Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
        (new["complete"], new["replaces"]) = (false.into(), old);
        fs::write(&record, new.to_string()).unwrap();
        fs::write(place.path("plugins/tone.engine/libsmall.so"), library("1.0.0")).unwrap();
        fs::write(place.path("resources/words/1.0.0.txt"), "words of 1.0.0").unwrap();
        if finishes {
            assert_eq!(place.add(&second, PLAIN), installed(Some("1.1.0")));
            assert_eq!((place.files(), place.version()), (all_of("1.1.0"), "1.1.0".to_owned()));
        } else {
            place.remove(false).unwrap();
            assert_eq!(place.files(), [] as [String; 0]);
        }
    }
}

#[test]
fn what_cannot_run_here_and_what_has_no_place_is_refused() {
    let (publisher, place) = (Publisher::new(), ServerDirs::new());
    let first = publisher.package("1.0.0");
    let mut package = Package::open(&first).unwrap();
    let directories = Directories { plugins: place.path("plugins"), resources: None, presets: None };
    let mut publishers = Publishers::read(&place.path("publishers.toml")).unwrap();
    let refusal = add(&mut package, &directories, &mut publishers, TRUSTING).unwrap_err().to_string();
    assert!(refusal.contains("resources") && refusal.contains("--resources DIR"), "{refusal}");
    assert!(place.files().is_empty());
}
