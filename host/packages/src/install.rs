//! Adds a package to the directories of a server, which may be running.
//!
//! All files are unpacked beside their places first. Then the engine folder takes its place, or that of the old version, in one step.
//! A running server keeps the old version in service until it has opened the new one.

mod error;
mod staged;

pub use error::AddError;

use super::{
    key::PublicKey,
    manifest::{Manifest, PackageFile},
    package::Package,
    path::{PRESETS, RESOURCES},
    publishers::{Publishers, Standing},
    records::{Record, Records, is_as_recorded, lock},
    remove::delete_files,
};
use auricle_plugin_api::Manifest as LibraryManifest;
use error::at;
use staged::{Staged, write};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// Where the files of a package go.
#[derive(Debug, Clone)]
pub struct Directories {
    /// The plugin directory.
    pub plugins: PathBuf,
    /// A resource directory.
    pub resources: Option<PathBuf>,
    /// The directory of presets.
    pub presets: Option<PathBuf>,
}

/// What an operator allows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policy {
    /// This key is trusted, if its publisher is new.
    pub trust: Option<PublicKey>,
    /// Any key is trusted, if its publisher is new.
    pub trust_new: bool,
    /// Publishers are pinned: a new one is not accepted, and the file of publishers is not written.
    pub pinned: bool,
    /// A lower version may replace a higher one.
    pub downgrade: bool,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    /// The same package is installed already, and nothing was changed.
    Same,
    /// It was installed.
    Installed {
        /// The version that it replaces.
        replaced: Option<String>,
        /// Presets that exist already, with another content, and were kept.
        kept: Vec<PathBuf>,
    },
}

/// Adds a package. Until everything about it is checked, nothing is written.
///
/// # Errors
/// The package is not accepted, or a file cannot be written. After an error the command can be run again.
pub fn add(
    package: &mut Package,
    directories: &Directories,
    publishers: &mut Publishers,
    policy: Policy,
) -> Result<Added, AddError> {
    let (manifest, key, plugins) = (package.manifest().clone(), package.key(), directories.plugins.clone());
    check_suitable(&manifest)?;
    let is_new = check_publisher(&manifest, key, publishers, policy)?;
    let _lock = lock(&plugins).map_err(at(&plugins))?;
    let records = Records::of(&plugins);
    let old = records.get(&manifest.name)?;
    if let Some(old) = &old
        && check_version(&manifest, old, &plugins, policy)?
    {
        return Ok(Added::Same);
    }
    let mut record = Record {
        key,
        complete: false,
        files: Vec::new(),
        resources: directory(&manifest, RESOURCES, directories.resources.as_deref(), "resources", "--resources")?,
        presets: directory(&manifest, PRESETS, directories.presets.as_deref(), "presets", "--configs")?,
        replaces: old.clone().map(Box::new),
        manifest,
    };
    let kept = check_places(&mut record, old.as_ref(), &plugins)?;
    let staged = Staged::new(&record, &plugins)?;
    package.unpack(|file, content| match staged.place(file) {
        Some(place) => write(&place, content),
        None => Ok(()),
    })?;
    records.make_folder()?;
    if is_new {
        publishers.trust(&record.manifest.publisher, key)?;
    }
    // From here on each file that may be at its place is recorded: those of the new version, and those of the old one.
    records.write(&record)?;
    staged.move_into_place(&record, &plugins)?;
    for old in old.iter().flat_map(Record::versions) {
        clean_up(old, &record, &plugins)?;
    }
    (record.complete, record.replaces) = (true, None);
    records.write(&record)?;
    Ok(Added::Installed { replaced: old.map(|old| old.manifest.version), kept })
}

fn check_suitable(manifest: &Manifest) -> Result<(), AddError> {
    let (major, minor) = manifest.api;
    let ours = LibraryManifest::API_MAJOR;
    if manifest.target != LibraryManifest::TARGET {
        let reason = format!("it is for {}, and this is {}", manifest.target, LibraryManifest::TARGET);
        return Err(AddError::Unsuitable(reason));
    }
    if major != ours {
        let reason = format!("it needs plugin API {major}.{minor}, and this program has {ours}");
        return Err(AddError::Unsuitable(reason));
    }
    Ok(())
}

/// Whether the publisher is new, and accepted.
fn check_publisher(
    manifest: &Manifest,
    key: PublicKey,
    publishers: &Publishers,
    policy: Policy,
) -> Result<bool, AddError> {
    let (publisher, file) = (manifest.publisher.clone(), publishers.file().to_owned());
    match publishers.standing(&publisher, key) {
        Standing::Known => Ok(false),
        Standing::Other(known) => Err(AddError::OtherKey { publisher, key, known, file }),
        Standing::New if policy.pinned => Err(AddError::NotPinned { publisher, key, file }),
        Standing::New if policy.trust_new || policy.trust == Some(key) => Ok(true),
        Standing::New => Err(AddError::NewPublisher { publisher, key }),
    }
}

/// Whether the package is installed already as it is.
fn check_version(manifest: &Manifest, old: &Record, plugins: &Path, policy: Policy) -> Result<bool, AddError> {
    if old.manifest.publisher != manifest.publisher {
        return Err(AddError::OtherPublisher {
            name: manifest.name.clone(),
            installed: old.manifest.publisher.clone(),
            publisher: manifest.publisher.clone(),
        });
    }
    let (version, installed) = (manifest.version.clone(), old.manifest.version.clone());
    if version == installed {
        return match old.manifest == *manifest {
            false => Err(AddError::SameVersion(version)),
            true => Ok(old.complete && old.changes(plugins).is_empty()),
        };
    }
    if manifest.semantic() < old.manifest.semantic() && !policy.downgrade {
        return Err(AddError::Downgrade { installed, version });
    }
    Ok(false)
}

/// The directory for the files below a folder of the package, if there are any.
fn directory(
    manifest: &Manifest,
    folder: &str,
    named: Option<&Path>,
    what: &'static str,
    option: &'static str,
) -> Result<Option<PathBuf>, AddError> {
    if manifest.below(folder).next().is_none() {
        return Ok(None);
    }
    let dir = named.ok_or(AddError::NoDirectory { what, option })?;
    fs::canonicalize(dir).map(Some).map_err(at(dir))
}

/// Checks that nothing else is at the places of the files. Fills the list of files to install; returns the presets to keep.
fn check_places(record: &mut Record, old: Option<&Record>, plugins: &Path) -> Result<Vec<PathBuf>, AddError> {
    let versions = old.map(Record::versions).unwrap_or_default();
    let before: Vec<_> = versions.iter().flat_map(|old| old.places(plugins)).collect();
    let mut kept = Vec::new();
    for file in &record.manifest.files {
        let Some(place) = record.place(plugins, file) else { continue };
        let mut ours = before.iter().filter(|(ours, _)| *ours == place).map(|(_, file)| *file).peekable();
        let is_ours = ours.peek().is_some();
        let is = |file: &PackageFile| is_as_recorded(&place, file).unwrap_or(false);
        let is_free = fs::symlink_metadata(&place).is_err();
        let is_preset = file.below(PRESETS).is_some();
        // An interrupted installation left the new file.
        if is_free
            && let Some(above) = place.ancestors().skip(1).find(|above| above.exists()).filter(|above| !above.is_dir())
        {
            return Err(AddError::Occupied(above.to_owned()));
        }
        if is_free || ours.any(is) || (is_ours && is(file)) {
            record.files.push(file.clone());
        } else if is_preset {
            // A preset is the operator's: it may have been edited, or be another one of that name.
            kept.push(place);
        } else if is_ours {
            return Err(AddError::Changed(place));
        } else {
            return Err(AddError::Occupied(place));
        }
    }
    check_folder(&plugins.join(record.folder()), &before)?;
    Ok(kept)
}

/// Checks that the engine folder, which is replaced as a whole, holds only unchanged files of this package.
fn check_folder(folder: &Path, ours: &[(PathBuf, &PackageFile)]) -> Result<(), AddError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(at(folder))?,
    };
    for entry in entries {
        let place = entry.map_err(at(folder))?.path();
        let mut recorded = ours.iter().filter(|(ours, _)| *ours == place).map(|(_, file)| *file).peekable();
        if place.is_dir() && !place.is_symlink() {
            check_folder(&place, ours)?;
        } else if recorded.peek().is_none() {
            return Err(AddError::Occupied(place));
        } else if !recorded.any(|file| is_as_recorded(&place, file).unwrap_or(false)) {
            return Err(AddError::Changed(place));
        }
    }
    Ok(())
}

/// Deletes resources and presets that the old version has and the new one has not; what was changed stays.
fn clean_up(old: &Record, new: &Record, plugins: &Path) -> Result<(), AddError> {
    let places: BTreeSet<PathBuf> = new.places(plugins).into_iter().map(|(place, _)| place).collect();
    for (folder, dir) in [(RESOURCES, &old.resources), (PRESETS, &old.presets)] {
        let Some(dir) = dir else { continue };
        let mut gone = old.places(plugins);
        gone.retain(|(place, file)| {
            file.below(folder).is_some() && !places.contains(place) && is_as_recorded(place, file).unwrap_or(false)
        });
        delete_files(&gone, dir, dir).map_err(|(path, error)| at(&path)(error))?;
    }
    Ok(())
}
