//! Checks everything that a server reads before and while it runs, without serving: `auricle check`.
//!
//! Invariant: what the server would refuse is an error here, by the same code. No listener is opened and no model loaded;
//! plugins run in child processes only. Blocks while plugins are probed.

mod access;
mod content;
mod finding;

pub use finding::{Finding, Level};

use super::settings::Settings;
use std::path::Path;

/// Checks the settings and all that they name. `program` opens plugins in child processes, as for the server.
pub fn check(settings: &Settings, program: &Path) -> Vec<Finding> {
    let mut findings = vec![Finding::ok("settings", "valid")];
    let keys = access::keys(settings, &mut findings);
    access::origins(settings, &mut findings);
    access::listeners(settings, keys.as_ref(), &mut findings);
    content::resources(settings, &mut findings);
    let registry = content::plugins(settings, program, &mut findings);
    let presets = content::presets(settings, program, registry, &mut findings);
    content::preset_names(settings, &presets, &mut findings);
    content::written(settings, &mut findings);
    findings
}
