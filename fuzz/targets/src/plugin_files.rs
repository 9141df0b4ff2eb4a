//! Reads a file of the plugin directory: a shared library for any system, a damaged one, or another file.
//!
//! Checks: it is refused with a one-line error, or its manifest and claims are found without running any of its code.

use crate::{assert_one_line, manifests};
use auricle_plugin_api::host::{NotLoadable, claims_in, manifest_in};

/// The target; see the module.
pub fn plugin_files(bytes: &[u8]) {
    match claims_in(bytes) {
        Ok(claims) => drop(claims.map(|claims| assert_one_line(&claims))),
        Err(NotLoadable::NotAPlugin) => {}
        Err(NotLoadable::Refused(problem)) => assert_one_line(&problem),
    }
    match manifest_in(bytes) {
        Ok(manifest) => manifests::check(&manifest),
        Err(NotLoadable::NotAPlugin) => {}
        Err(NotLoadable::Refused(problem)) => assert_one_line(&problem),
    }
}
