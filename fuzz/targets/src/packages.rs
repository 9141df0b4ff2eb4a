//! Reads a package: as a file, and as the archive behind a signature that is valid.
//!
//! Checks: a file with any change is refused with a one-line error; an archive is refused with one, or every file in it has a path
//! below a folder of its own.

use crate::assert_one_line;
use auricle_packages::{Package, contents};
use std::{
    collections::BTreeSet,
    io::{self, Cursor},
    path::{Component, Path},
};

/// The target; see the module.
pub fn packages(bytes: &[u8]) {
    if let Err(problem) = Package::read(Cursor::new(bytes)) {
        assert_one_line(problem);
    }
    let mut paths = BTreeSet::new();
    let read = contents::read(bytes, |file, content| {
        assert!(paths.insert(file.path.clone()), "{} comes twice", file.path);
        io::copy(content, &mut io::sink()).map(drop)
    });
    match read {
        Ok(manifest) => {
            assert_eq!(paths.len(), manifest.files.len());
            for path in paths {
                let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
                assert!(Path::new(&path).components().all(is_plain), "{path}");
                assert!(["engine/", "resources/", "presets/"].iter().any(|folder| path.starts_with(folder)), "{path}");
            }
        }
        Err(problem) => assert_one_line(problem),
    }
}
