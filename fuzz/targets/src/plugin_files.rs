//! Reads a file of the plugin directory: a shared library for any system, a damaged one, or another file.
//!
//! Checks: it is refused with a one-line error, or its manifest is found without running any of its code.

use crate::{assert_one_line, manifests};
use auricle_plugin_api::host::{NotLoadable, manifest_in};

/// The target; see the module.
pub fn plugin_files(bytes: &[u8]) {
    match manifest_in(bytes) {
        Ok(manifest) => manifests::check(&manifest),
        Err(NotLoadable::NotAPlugin) => {}
        Err(NotLoadable::Refused(problem)) => assert_one_line(&problem),
    }
}
