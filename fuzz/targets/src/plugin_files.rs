//! Meets a file that lies in the plugin directory: a shared library of any system, damaged, or something else.
//!
//! Holds: it is refused in one line, or its manifest is found without running any of it.

use crate::{assert_one_line, manifests};
use auricle_plugin_api::host::{NotLoadable, manifest_in};

/// See the module.
pub fn plugin_files(bytes: &[u8]) {
    match manifest_in(bytes) {
        Ok(manifest) => manifests::check(&manifest),
        Err(NotLoadable::NotAPlugin) => {}
        Err(NotLoadable::Refused(problem)) => assert_one_line(&problem),
    }
}
