//! The index of a folder of packages, `index.json`, so that a server's operator can name a package instead of a file.

use super::{
    envelope::{beside, keep},
    package::{Package, PackageError},
    path::is_name,
};
use auricle_engines::plugins::digest;
use semver::Version;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The name of the index in its folder.
pub const INDEX: &str = "index.json";

/// Why an index cannot be made or used. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A file cannot be read or written.
    #[error("{}: {error}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// A package is not valid.
    #[error("{}: {error}", .path.display())]
    Package {
        /// The package.
        path: PathBuf,
        /// What is wrong with it.
        error: PackageError,
    },
    /// It is not JSON of the expected form.
    #[error("the index is not valid: {0}")]
    Json(String),
    /// A file name leads elsewhere.
    #[error("the index is not valid: {0:?} is not the name of a file in its folder")]
    Name(String),
    /// There is no such package.
    #[error("the index has no `{name}` for {target}; it has {known}")]
    Absent {
        /// What was asked for.
        name: String,
        /// The target.
        target: String,
        /// What there is.
        known: String,
    },
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// The packages, in any order.
    pub packages: Vec<IndexEntry>,
}

/// A package in an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// The plugin's id.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The target triple.
    pub target: String,
    /// The name of the file, in the folder of the index.
    pub file: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256, in hex.
    pub sha256: String,
}

impl Index {
    /// Reads an index.
    ///
    /// # Errors
    /// It is not valid.
    pub fn from_json(text: &[u8]) -> Result<Self, IndexError> {
        let index: Self =
            serde_json::from_slice(text).map_err(|error| IndexError::Json(auricle_core::one_line(error)))?;
        let is_file = |file: &str| {
            file.strip_suffix(".auricle").is_some_and(|stem| stem.split('.').all(|part| !part.is_empty()))
                && file.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte))
        };
        match index.packages.iter().find(|entry| !is_file(&entry.file)) {
            Some(entry) => Err(IndexError::Name(entry.file.clone())),
            None => Ok(index),
        }
    }

    /// The package of this name and target with the highest version, or with this version.
    ///
    /// # Errors
    /// There is none.
    pub fn find(&self, name: &str, version: Option<&str>, target: &str) -> Result<&IndexEntry, IndexError> {
        let fits = |entry: &&IndexEntry| {
            entry.name == name && entry.target == target && version.is_none_or(|v| v == entry.version)
        };
        let found = self.packages.iter().filter(fits).max_by_key(|entry| Version::parse(&entry.version).ok());
        found.ok_or_else(|| {
            let known: Vec<_> = self.packages.iter().filter(|entry| is_name(&entry.name)).collect();
            let known = known
                .iter()
                .map(|entry| auricle_core::one_line(format!("{} {} ({})", entry.name, entry.version, entry.target)));
            let version = version.map(|version| format!(" {version}")).unwrap_or_default();
            IndexError::Absent {
                name: format!("{name}{version}"),
                target: target.to_owned(),
                known: known.reduce(|all, one| all + ", " + &one).unwrap_or_else(|| "no packages".to_owned()),
            }
        })
    }
}

/// Checks all packages in a folder, and writes their index.
///
/// # Errors
/// A package is not valid, or a file cannot be read or written.
pub fn index_of(folder: &Path) -> Result<Index, IndexError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| IndexError::File { path: path.clone(), error }
    };
    let mut packages = Vec::new();
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if !file.ends_with(".auricle") || file.starts_with('.') {
            continue;
        }
        let package = Package::open(&path).map_err(|error| IndexError::Package { path: path.clone(), error })?;
        let manifest = package.manifest();
        packages.push(IndexEntry {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            target: manifest.target.clone(),
            file,
            size: fs::metadata(&path).map_err(at(&path))?.len(),
            sha256: digest(&path).map_err(at(&path))?,
        });
    }
    packages.sort_by(|one, other| one.file.cmp(&other.file));
    let index = Index { packages };
    let text = serde_json::to_vec_pretty(&index).map_err(|error| IndexError::Json(error.to_string()))?;
    let file = folder.join(INDEX);
    let mut written = beside(&file).map_err(at(&file))?;
    written.write_all(&text).and_then(|()| keep(written, &file)).map_err(at(&file))?;
    // What is written must be readable: a file's name may not fit.
    Index::from_json(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn index(entries: &[(&str, &str, &str)]) -> Result<Index, IndexError> {
        let entries = entries.iter().map(|(name, version, file)| {
            json!({"name": name, "version": version, "target": "t", "file": file, "size": 1, "sha256": "", "later": 1})
        });
        Index::from_json(json!({"packages": entries.collect::<Vec<_>>()}).to_string().as_bytes())
    }

    #[test]
    fn the_highest_version_for_the_target_is_found() {
        let index =
            index(&[("x", "1.9.0", "a.auricle"), ("x", "1.10.0", "b.auricle"), ("y", "2.0.0", "c.auricle")]).unwrap();
        assert_eq!(index.find("x", None, "t").unwrap().file, "b.auricle");
        assert_eq!(index.find("x", Some("1.9.0"), "t").unwrap().file, "a.auricle");
        let absent = index.find("x", Some("3.0.0"), "t").unwrap_err().to_string();
        assert!(absent.contains("no `x 3.0.0` for t; it has x 1.9.0 (t), "), "{absent}");
        assert!(index.find("y", None, "other").is_err());
    }

    #[test]
    fn a_file_of_an_index_is_in_its_folder() {
        for file in
            ["../a.auricle", "/a.auricle", "a/b.auricle", "..auricle", ".auricle", "a.tar", "a?.auricle", "a..auricle"]
        {
            assert!(matches!(index(&[("x", "1.0.0", file)]), Err(IndexError::Name(_))), "{file}");
        }
        assert!(matches!(Index::from_json(b"[]"), Err(IndexError::Json(_))));
    }
}
