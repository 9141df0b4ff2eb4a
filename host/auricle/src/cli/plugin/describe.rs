//! What the commands print about packages.

use auricle_core::wording::count;
use auricle_packages::{Change, Manifest, Package, PublicKey, Record};
use auricle_plugin_api::Claims;
use indicatif::DecimalBytes;
use serde::Serialize;
use std::path::Path;

/// A package, before it is added.
pub(super) fn package(package: &Package) -> String {
    let manifest = package.manifest();
    let Manifest { name, version, description, target, api: (major, minor), publisher, .. } = manifest;
    let claims = manifest.claims.as_ref().map_or_else(|| "nothing".to_owned(), Claims::to_string);
    let mut lines = vec![
        format!("{name} {version} - {}", auricle_core::one_line(description)),
        format!("  plugin API {major}.{minor}, {target}"),
        format!("  publisher {publisher}, key {}", package.key()),
        format!("  claims: {claims}"),
        format!("  {}", contents(manifest)),
    ];
    lines.extend(manifest.files.iter().map(|file| format!("    {} ({})", file.path, DecimalBytes(file.size))));
    lines.join("\n")
}

/// How much is in a package.
pub(super) fn contents(manifest: &Manifest) -> String {
    format!("{}, {} unpacked", count(manifest.files.len(), "file"), DecimalBytes(manifest.bytes()))
}

/// Whether an installed package is as it was installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Installed {
    Unchanged,
    Changed,
    /// The command that added it did not end.
    Incomplete,
}

/// An installed package.
#[derive(Debug, Serialize)]
pub(super) struct Listed<'a> {
    name: &'a str,
    version: &'a str,
    publisher: &'a str,
    key: PublicKey,
    pub(super) state: Installed,
    changes: Vec<Change>,
}

impl<'a> Listed<'a> {
    pub(super) fn new(record: &'a Record, plugins: &Path) -> Self {
        let changes = record.changes(plugins);
        let state = match (record.complete, changes.is_empty()) {
            (false, _) => Installed::Incomplete,
            (true, false) => Installed::Changed,
            (true, true) => Installed::Unchanged,
        };
        let Manifest { name, version, publisher, .. } = &record.manifest;
        Self { name, version, publisher, key: record.key, state, changes }
    }

    pub(super) fn describe(&self) -> String {
        let Self { name, version, publisher, key, .. } = self;
        let state = match self.state {
            Installed::Unchanged => "unchanged",
            Installed::Changed => "changed",
            Installed::Incomplete => "incomplete: add it again",
        };
        let changes = self.changes.iter().map(|Change { file, what }| format!("\n  {what}: {}", file.display()));
        format!("{name} {version}  {publisher}, key {key}  {state}{}", changes.collect::<String>())
    }
}
