//! Reads the bytes at a plugin's manifest symbol.
//!
//! Checks: they are refused with a one-line error, or describe a plugin with a printable name, and whether this host can load it.

use crate::assert_one_line;
use auricle_plugin_api::Manifest;

/// The target; see the module.
pub fn manifests(bytes: &[u8]) {
    match Manifest::parse(bytes) {
        Ok(manifest) => check(&manifest),
        Err(problem) => assert_one_line(&problem),
    }
}

pub(crate) fn check(manifest: &Manifest) {
    for text in [manifest.id(), manifest.version(), manifest.target(), manifest.description()] {
        assert_one_line(&text);
    }
    match manifest.check() {
        Ok(()) => assert_eq!((manifest.target().as_str(), manifest.api().0), (Manifest::TARGET, Manifest::API_MAJOR)),
        Err(problem) => assert_one_line(&problem),
    }
}
