//! The manifest of a package, `package.json`: what it is, and every file with its size and hash.
//!
//! It is made from the library's own manifest and claims, so that it says nothing else than the library does.

use super::path;
use auricle_plugin_api::{Claims, Manifest as LibraryManifest};
use semver::Version;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The version of this form.
pub(crate) const FORMAT: u32 = 1;
/// The largest number of files in a package.
pub(crate) const MOST_FILES: usize = 10_000;
/// The largest size of all files together, in bytes.
pub(crate) const MOST_BYTES: u64 = 16 << 30;

/// Why a manifest is not valid. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not JSON of the expected form.
    #[error("its manifest is not valid: {0}")]
    Json(String),
    /// A later version of packages.
    #[error("its format is {0}: a later version of this program may know it")]
    Format(u32),
    /// A name has characters that names must not have.
    #[error("its {field} {value:?} is not a name of letters, digits, dots, dashes and underscores")]
    Name {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
    },
    /// The version is not semantic.
    #[error("its version {0:?} is not a semantic version")]
    Version(String),
    /// A path must not be in a package.
    #[error("holds {path:?}, which {problem}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Two paths are the same on some system, or a file is in another one.
    #[error("holds {0:?} twice, or another file where it needs a folder")]
    Twice(String),
    /// A hash is not one.
    #[error("its hash of {0:?} is not a SHA-256")]
    Hash(String),
    /// There are too many files.
    #[error("holds {0} files: the limit is {MOST_FILES}")]
    Files(usize),
    /// The files are too large.
    #[error("its files have more than {MOST_BYTES} bytes")]
    Size,
}

/// The manifest of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this form.
    pub format: u32,
    /// The plugin's id.
    pub name: String,
    /// Its version (semantic versioning).
    pub version: String,
    /// What it is, one line.
    pub description: String,
    /// The target triple that the library was compiled for.
    pub target: String,
    /// Major and minor version of the plugin API that it was built with.
    pub api: (u32, u32),
    /// The name of who made the package, which belongs to the key of the signature.
    pub publisher: String,
    /// What the library claims to do and need.
    pub claims: Option<Claims>,
    /// All files, in the order of the package.
    pub files: Vec<PackageFile>,
}

/// A file of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageFile {
    /// Its path in the package, below `engine`, `resources` or `presets`.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 of its content, in hex.
    pub sha256: String,
}

impl Manifest {
    /// The manifest of a package with this library.
    pub(crate) fn new(
        library: &LibraryManifest,
        claims: Option<Claims>,
        publisher: &str,
        files: Vec<PackageFile>,
    ) -> Self {
        Self {
            format: FORMAT,
            name: library.id(),
            version: library.version(),
            description: library.description(),
            target: library.target(),
            api: library.api(),
            publisher: publisher.to_owned(),
            claims,
            files,
        }
    }

    /// Reads a manifest, and checks it.
    ///
    /// # Errors
    /// It is not valid.
    pub fn from_json(text: &[u8]) -> Result<Self, ManifestError> {
        let invalid = |error: serde_json::Error| ManifestError::Json(auricle_core::one_line(error));
        #[derive(Deserialize)]
        struct Versioned {
            format: u32,
        }
        // The format first: a later one may have other fields.
        let Versioned { format } = serde_json::from_slice(text).map_err(invalid)?;
        if format != FORMAT {
            return Err(ManifestError::Format(format));
        }
        let manifest: Self = serde_json::from_slice(text).map_err(invalid)?;
        manifest.check()?;
        Ok(manifest)
    }

    pub(crate) fn check(&self) -> Result<(), ManifestError> {
        for (field, value) in [("name", &self.name), ("publisher", &self.publisher), ("target", &self.target)] {
            if !path::is_name(value) {
                return Err(ManifestError::Name { field, value: value.clone() });
            }
        }
        if Version::parse(&self.version).is_err() {
            return Err(ManifestError::Version(self.version.clone()));
        }
        if self.files.len() > MOST_FILES {
            return Err(ManifestError::Files(self.files.len()));
        }
        if self.files.iter().try_fold(0u64, |sum, file| sum.checked_add(file.size)).is_none_or(|sum| sum > MOST_BYTES) {
            return Err(ManifestError::Size);
        }
        // Names that differ by case are one file on some systems.
        let mut taken = BTreeSet::new();
        let mut folders = BTreeSet::new();
        for PackageFile { path, sha256, .. } in &self.files {
            if let Some(problem) = path::problem(path) {
                return Err(ManifestError::Path { path: path.clone(), problem });
            }
            if sha256.len() != 64 || !sha256.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
                return Err(ManifestError::Hash(path.clone()));
            }
            let lower = path.to_lowercase();
            folders.extend(lower.match_indices('/').map(|(at, _)| lower[..at].to_owned()));
            if !taken.insert(lower) {
                return Err(ManifestError::Twice(path.clone()));
            }
        }
        match taken.intersection(&folders).next() {
            Some(path) => Err(ManifestError::Twice(path.clone())),
            None => Ok(()),
        }
    }

    /// The size of all files together, in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// Its semantic version.
    pub(crate) fn semantic(&self) -> Version {
        // Checked when it was read.
        Version::parse(&self.version).unwrap_or_else(|_| Version::new(0, 0, 0))
    }

    /// The files below one of the folders, with the rest of their paths.
    pub(crate) fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a PackageFile)> {
        self.files.iter().filter_map(move |file| Some((file.below(folder)?, file)))
    }
}

impl PackageFile {
    /// Its path below one of the folders.
    pub(crate) fn below(&self, folder: &str) -> Option<&str> {
        self.path.strip_prefix(folder)?.strip_prefix('/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn file(path: &str) -> Value {
        json!({"path": path, "size": 1, "sha256": "0".repeat(64)})
    }

    fn with(field: &str, value: Value) -> Result<Manifest, String> {
        let mut manifest = json!({
            "format": 1, "name": "an-engine", "version": "1.0.0", "description": "", "target": "x86_64-unknown-linux-gnu",
            "api": [1, 0], "publisher": "somebody", "claims": null, "files": [file("engine/libx.so")], "later": 1,
        });
        manifest[field] = value;
        Manifest::from_json(manifest.to_string().as_bytes()).map_err(|problem| problem.to_string())
    }

    #[test]
    fn what_is_wrong_is_named() {
        with("description", json!("two words")).unwrap();
        let large = json!({"path": "engine/x", "size": u64::MAX, "sha256": "0".repeat(64)});
        for (field, value, problem) in [
            ("format", json!(2), "its format is 2"),
            ("name", json!("../x"), "its name \"../x\" is not a name"),
            ("publisher", json!("a\nb"), "its publisher \"a\\nb\" is not a name"),
            ("version", json!("1.0"), "\"1.0\" is not a semantic version"),
            ("files", json!([file("/etc/x")]), "holds \"/etc/x\", which is absolute"),
            ("files", json!([file("engine/../x")]), "which has a part that is empty, `..` or hidden"),
            ("files", json!([file("engine/a"), file("engine/A")]), "holds \"engine/A\" twice"),
            ("files", json!([file("engine/a/b"), file("engine/a")]), "holds \"engine/a\" twice"),
            ("files", json!([large, large]), "more than"),
            ("files", json!([{"path": "engine/x", "size": 1, "sha256": "xyz"}]), "is not a SHA-256"),
            ("files", json!(vec![file("engine/x"); 10_001]), "holds 10001 files"),
            ("files", json!({}), "its manifest is not valid"),
            ("claims", json!({"needs": ["camera"]}), "unknown variant `camera`"),
        ] {
            let found = with(field, value).unwrap_err();
            assert!(found.contains(problem) && !found.contains(char::is_control), "{found}");
        }
    }
}
