//! Makes packages of engines and their files.

use super::{
    contents,
    envelope::{HEAD, MARK, beside, keep},
    manifest::{Manifest, ManifestError, PackageFile},
    package::{PackageError, check},
    path::{ENGINE, PRESETS, RESOURCES},
};
use auricle_engines::{LibraryError, locate_library};
use auricle_plugin_api::host::{NotLoadable, claims_in, manifest_in};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// Why a package cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file or folder cannot be read or written.
    #[error("{}: {error}", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The engine folder does not hold one plugin library.
    #[error("{0}")]
    Library(#[from] LibraryError),
    /// The library cannot be read as a plugin.
    #[error("{}: {reason}", .path.display())]
    NotAPlugin {
        /// The library.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A link or a device.
    #[error("{}: a package holds files only, no links", .0.display())]
    NotAFile(PathBuf),
    /// A file name that is not Unicode.
    #[error("{}: its name is not Unicode", .0.display())]
    Name(PathBuf),
    /// A preset is not a JSON object.
    #[error("{}: a preset is a JSON object with `backend`", .0.display())]
    Preset(PathBuf),
    /// The manifest would not be valid.
    #[error("the package {0}")]
    Manifest(#[from] ManifestError),
    /// What was written is not valid.
    #[error("the package {0}")]
    Package(#[from] PackageError),
}

/// What goes into a package.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The plugin file or engine folder.
    pub engine: PathBuf,
    /// The text of its licence.
    pub licence: PathBuf,
    /// Files and folders for the resource directory.
    pub resources: Vec<PathBuf>,
    /// Presets.
    pub presets: Vec<PathBuf>,
    /// The publisher's name.
    pub publisher: String,
}

fn at(path: &Path) -> impl Fn(io::Error) -> PackError {
    move |error| PackError::File { path: path.to_owned(), error }
}

/// Writes a package that is not signed yet into the folder `out`, under the name `NAME-VERSION-TARGET.auricle`. Returns its path and
/// its manifest.
///
/// # Errors
/// A source cannot be read, must not be in a package, or is not a plugin; or the file cannot be written.
pub fn pack(sources: &Sources, out: &Path) -> Result<(PathBuf, Manifest), PackError> {
    let library = locate_library(&sources.engine)?.library;
    let bytes = fs::read(&library).map_err(at(&library))?;
    let read = manifest_in(&bytes).and_then(|manifest| Ok((manifest, claims_in(&bytes)?)));
    let (plugin, claims) = read.map_err(|problem| PackError::NotAPlugin {
        path: library.clone(),
        reason: match problem {
            NotLoadable::NotAPlugin => "is not an Auricle plugin".to_owned(),
            NotLoadable::Refused(reason) => reason,
        },
    })?;
    let files = gather(sources, &library)?;
    let mut listed = Vec::with_capacity(files.len());
    for (path, source) in &files {
        let mut hash = Sha256::new();
        let mut file = File::open(source).map_err(at(source))?;
        let size = io::copy(&mut file, &mut HashWriter(&mut hash)).map_err(at(source))?;
        listed.push(PackageFile { path: path.clone(), size, sha256: hex::encode(hash.finalize()) });
    }
    let manifest = Manifest::new(&plugin, claims, &sources.publisher, listed);
    manifest.check()?;
    let target = out.join(format!("{}-{}-{}.auricle", manifest.name, manifest.version, manifest.target));
    let mut package = beside(&target).map_err(at(out))?;
    package.write_all(MARK).and_then(|()| package.write_all(&[0; HEAD - MARK.len()])).map_err(at(&target))?;
    let mut compressed = GzEncoder::new(package.as_file(), Compression::default());
    let open = |file: &PackageFile| File::open(files.get(&file.path).ok_or(io::ErrorKind::NotFound)?);
    contents::write(&mut compressed, &manifest, open).map_err(at(&target))?;
    compressed.finish().map_err(at(&target))?;
    // A source that changed meanwhile is noticed here.
    package.as_file_mut().seek(SeekFrom::Start(HEAD as u64)).map_err(at(&target))?;
    check(package.as_file_mut())?;
    keep(package, &target).map_err(at(&target))?;
    Ok((target, manifest))
}

/// All files by their paths in the package.
fn gather(sources: &Sources, library: &Path) -> Result<BTreeMap<String, PathBuf>, PackError> {
    let mut files = BTreeMap::new();
    if sources.engine.is_dir() {
        for (name, path) in entries(&sources.engine)? {
            collect(&path, format!("{ENGINE}/{name}"), &mut files)?;
        }
    } else {
        files.insert(format!("{ENGINE}/{}", name_of(library)?), library.to_owned());
    }
    files.insert(format!("{ENGINE}/LICENSE"), sources.licence.clone());
    for resource in &sources.resources {
        collect(resource, format!("{RESOURCES}/{}", name_of(resource)?), &mut files)?;
    }
    for preset in &sources.presets {
        let text = fs::read(preset).map_err(at(preset))?;
        let json: Option<serde_json::Value> = serde_json::from_slice(&text).ok();
        if !json.is_some_and(|json| json["backend"].is_string()) {
            return Err(PackError::Preset(preset.clone()));
        }
        files.insert(format!("{PRESETS}/{}", name_of(preset)?), preset.clone());
    }
    Ok(files)
}

fn collect(path: &Path, name: String, files: &mut BTreeMap<String, PathBuf>) -> Result<(), PackError> {
    let kind = fs::symlink_metadata(path).map_err(at(path))?.file_type();
    if kind.is_file() {
        files.insert(name, path.to_owned());
    } else if kind.is_dir() {
        for (inner, path) in entries(path)? {
            collect(&path, format!("{name}/{inner}"), files)?;
        }
    } else {
        return Err(PackError::NotAFile(path.to_owned()));
    }
    Ok(())
}

/// The entries of a folder that are not hidden.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, PackError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        if !auricle_engines::platform::is_hidden(&path) {
            found.push((name_of(&path)?, path));
        }
    }
    Ok(found)
}

fn name_of(path: &Path) -> Result<String, PackError> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| PackError::Name(path.to_owned()))
}

struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
