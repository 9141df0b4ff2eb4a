//! Cases about the plugin file: a copy of `tone` with other bytes, and files that are no plugins, fail each of them.

use super::{Row, check, in_parallel, problems, validate};
use auricle_tests::library;
use std::fs;

/// A change of the file.
pub(super) enum Change {
    /// These bytes at this place of the manifest. Its fields follow one another: magic, size, major, minor, interface, target, id,
    /// version, description.
    Manifest(usize, &'static [u8]),
    /// A text of the claims, which is replaced by another one.
    Claims(&'static str, &'static str),
    /// Bytes that are replaced wherever they occur.
    Bytes(&'static [u8], &'static [u8]),
    /// Another name of the file.
    Name(&'static str),
    /// A text instead of the file.
    Text,
}

/// The table: the change takes the place of fields.
pub(super) const CHANGED: &[Row<Change>] = &[
    ("file.manifest", "fail", Change::Manifest(16, &[1, 0]), "cut short"),
    ("file.manifest", "fail", Change::Text, "is not a shared library"),
    ("file.name", "fail", Change::Name("tone.txt"), "does not end in .so"),
    ("file.name", "fail", Change::Name(".tone.so"), "is hidden"),
    ("file.target", "fail", Change::Manifest(32, b"sparc64"), "built for sparc64"),
    ("file.api", "fail", Change::Manifest(20, &[2]), "plugin API 2.0"),
    ("file.version", "fail", Change::Manifest(144, b"one.two"), "`one.two"),
    ("file.identity", "fail", Change::Manifest(80, &[0]), "the id is empty"),
    ("file.identity", "warning", Change::Manifest(192, &[0]), "the description is empty"),
    ("file.claims", "warning", Change::Claims("\"partials\"", "\"partialz\""), "hosts ignore `partialz`"),
    ("file.claims", "fail", Change::Claims("\"can\":", "\"can\" "), "the claims are not valid"),
    ("file.claims", "fail", Change::Claims("\"needs\":", "\"needs\":["), "the claims are not valid"),
    // The compiler refuses the export of an engine that aborts, so what such a library lacks is taken out of a sound one.
    ("file.unwinds", "fail", Change::Bytes(b"_Unwind_Raise", b"_Unwind_Abort"), "its panics end the process"),
];

/// The bytes of the file after the change.
fn changed(change: &Change) -> Vec<u8> {
    let file = fs::read(library("tone")).unwrap();
    let mut copy = file.clone();
    let mut put = |at: usize, bytes: &[u8]| copy[at..at + bytes.len()].copy_from_slice(bytes);
    let places =
        |bytes: &[u8]| -> Vec<_> { (0..file.len() - 400).filter(|at| file[*at..].starts_with(bytes)).collect() };
    match change {
        Change::Manifest(at, bytes) => {
            // The program text has the magic too, without a manifest behind it.
            let is_manifest = |place: &usize| file[place + 16..place + 20] == 384u32.to_le_bytes();
            places(b"auricle plugin\r\n").into_iter().filter(is_manifest).for_each(|place| put(place + at, bytes));
        }
        Change::Claims(from, to) => {
            let claims = places(b"{\"can\":")[0];
            let at = (claims..claims + 200).find(|at| file[*at..].starts_with(from.as_bytes())).unwrap();
            put(at, to.as_bytes());
        }
        Change::Bytes(from, to) => places(from).into_iter().for_each(|place| put(place, to)),
        Change::Name(_) => {}
        Change::Text => return b"a text".to_vec(),
    }
    copy
}

#[test]
fn a_file_that_is_no_plugin_of_this_host_fails() {
    in_parallel(CHANGED, |row| {
        let dir = tempfile::tempdir().unwrap();
        let copy = dir.path().join(if let Change::Name(name) = row.2 { name } else { "libcopy.so" });
        fs::write(&copy, changed(&row.2)).unwrap();
        check(&copy, &[], row)
    });
}

#[test]
fn after_a_file_that_is_no_plugin_nothing_else_is_tried() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("other.txt");
    fs::write(&text, "a text").unwrap();
    let (output, cases) = validate(&text, &[]);
    assert_eq!((output.status.code(), problems(&cases).len()), (Some(1), 1));
}
