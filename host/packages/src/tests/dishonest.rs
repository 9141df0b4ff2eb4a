//! Packages with a valid signature that are not as `pack` makes them: their publisher wrote them by hand.

use super::made::{Archive, Publisher, library, listed, manifest, open, refusal};
use crate::Manifest;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use tar::EntryType;

fn refused(archive: Archive, reason: &str) {
    let found = refusal(&Publisher::new().signed(&archive.done()));
    assert!(found.contains(reason), "{found} is not {reason}");
}

fn with(change: impl FnOnce(&mut Manifest)) -> Manifest {
    let mut changed = manifest(&[]);
    change(&mut changed);
    changed
}

#[test]
fn a_package_made_by_hand_is_accepted_if_it_is_sound() {
    let archive = Archive::of(&manifest(&[("engine/data/a", b"x")])).file("engine/data/a", b"x").done();
    let package = Publisher::new().signed(&archive);
    assert_eq!(open(&package).unwrap().manifest().files.len(), 2);
}

#[test]
fn paths_stay_in_their_folders() {
    for (path, reason) in [
        ("engine/../../escape", "`..`"),
        ("/tmp/escape", "is absolute"),
        ("resources/../escape", "`..`"),
        ("presets/a/b.json", "is no preset"),
        ("escape", "is not below"),
        ("engine/a\\b", "has characters"),
    ] {
        let listing = manifest(&[(path, b"x")]);
        refused(Archive::of(&listing).entry(path, EntryType::Regular, b"x"), reason);
        // Also if the manifest does not have it.
        refused(Archive::of(&manifest(&[])).entry(path, EntryType::Regular, b"x"), "holds more than its manifest says");
        refused(
            Archive::of(&manifest(&[("engine/a", b"x")])).entry(path, EntryType::Regular, b"x"),
            "where its manifest has \"engine/a\"",
        );
    }
}

#[test]
fn there_are_files_and_nothing_else() {
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Directory,
        EntryType::Char,
        EntryType::Fifo,
        EntryType::GNULongName,
        EntryType::XHeader,
        EntryType::GNUSparse,
    ] {
        refused(
            Archive::of(&manifest(&[("engine/a", b"")])).entry("engine/a", kind, b""),
            "which is a link or something else",
        );
    }
}

#[test]
fn files_are_those_of_the_manifest_once_and_in_order() {
    let two = manifest(&[("engine/a", b"x"), ("engine/b", b"y")]);
    refused(Archive::of(&two).file("engine/b", b"y").file("engine/a", b"x"), "holds \"engine/b\" where");
    refused(Archive::of(&two).file("engine/a", b"x").file("engine/a", b"x"), "holds \"engine/a\" where");
    refused(Archive::of(&two).file("engine/a", b"x"), "lacks \"engine/b\"");
    refused(Archive::of(&two).file("engine/a", b"x").file("engine/b", b"z"), "its \"engine/b\" is not the one");
    refused(Archive::of(&two).file("engine/a", b"xx").file("engine/b", b"y"), "its \"engine/a\" is not the one");
    refused(Archive::of(&manifest(&[])).file("package.json", b"{}"), "holds more");
    let twice = with(|manifest| manifest.files.push(manifest.files[0].clone()));
    refused(Archive::of(&twice).file("engine/libsmall.so", &library("1.0.0")), "twice");
    let huge = with(|manifest| manifest.files[0].size = 17 << 30);
    refused(Archive::of(&huge), "its files have more than");
}

#[test]
fn the_manifest_is_the_librarys() {
    for (change, what) in [
        (with(|manifest| manifest.version = "2.0.0".into()), "its version"),
        (with(|manifest| manifest.name = "another".into()), "its name"),
        (with(|manifest| manifest.target = "sparc64-unknown-linux-gnu".into()), "its target"),
        (with(|manifest| manifest.api = (1, 7)), "the plugin API"),
        (with(|manifest| manifest.claims = Some(Default::default())), "its claims"),
        (with(|manifest| manifest.description = "harmless".into()), "itself"),
    ] {
        refused(Archive::of(&change), &format!("says something else of {what} than"));
    }
    let text = b"no library";
    let none = with(|manifest| manifest.files = vec![listed("engine/data", text)]);
    refused(Archive::bare(&none).file("engine/data", text), "holds 0 plugin libraries");
    let two = manifest(&[("engine/libother.so", &library("1.0.0"))]);
    refused(Archive::of(&two).file("engine/libother.so", &library("1.0.0")), "holds 2 plugin libraries");
    let broken = with(|manifest| manifest.files = vec![listed("engine/libx.so", text)]);
    refused(Archive::bare(&broken).file("engine/libx.so", text), "its library \"engine/libx.so\": ");
}

#[test]
fn nothing_follows_the_archive() {
    let publisher = Publisher::new();
    let sound = Archive::of(&manifest(&[])).done();
    let compress = |bytes: &[u8]| {
        let mut compressed = GzEncoder::new(Vec::new(), Compression::fast());
        compressed.write_all(bytes).unwrap();
        compressed.finish().unwrap()
    };
    assert!(open(&publisher.signed(&sound)).is_ok());
    assert!(refusal(&publisher.signed(&[&sound[..], b"more"].concat())).contains("holds more"));
    let second = [compress(&sound), compress(b"a second stream")].concat();
    assert!(refusal(&publisher.signed_compressed(&second)).contains("holds more"));
    assert!(refusal(&publisher.signed_compressed(&[compress(&sound), b"x".to_vec()].concat())).contains("holds more"));
    assert!(refusal(&publisher.signed_compressed(b"no gzip")).contains("cannot be unpacked"));
    // A bomb: what is unpacked beyond the manifest is not unpacked.
    let bomb = Archive::of(&manifest(&[])).file("engine/zeros", &vec![0; 64 << 20]).done();
    assert!(refusal(&publisher.signed(&bomb)).contains("holds more"));
}

#[test]
fn a_damaged_archive_is_refused_in_one_line() {
    for (field, place) in [("name", 0), ("size", 124), ("checksum", 148)] {
        let mut archive = Archive::of(&manifest(&[])).done();
        archive[place..place + 8].copy_from_slice(b"\x01\n\x1b[2Jxy");
        let found = refusal(&Publisher::new().signed(&archive));
        assert!(found.starts_with("cannot be unpacked: "), "{field}: {found}");
    }
}
