//! Why a package is not added. Each message is one line.

use crate::{key::PublicKey, package::PackageError, publishers::PublishersError, records::RecordError};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Why a package is not installed. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The package is not valid.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// It is for another system or another version of the plugin API.
    #[error("the package cannot run here: {0}")]
    Unsuitable(String),
    /// The publisher is unknown, and the key was not confirmed.
    #[error(
        "the publisher `{publisher}` is new: its key is {key}. Compare it with the one that the publisher shows; if it is the same, \
         run the command again with --trust {key}"
    )]
    NewPublisher {
        /// The publisher.
        publisher: String,
        /// The key.
        key: PublicKey,
    },
    /// The publishers are pinned, and this one is not among them.
    #[error("the publisher `{publisher}` with the key {key} is not listed in {}", .file.display())]
    NotPinned {
        /// The publisher.
        publisher: String,
        /// The key.
        key: PublicKey,
        /// The list.
        file: PathBuf,
    },
    /// The publisher has another key.
    #[error(
        "the package is signed with the key {key}, but `{publisher}` has the key {known}: it is not from that publisher, or the \
         publisher has changed its key. If the publisher confirms that, replace the key in {} and run the command again",
        .file.display()
    )]
    OtherKey {
        /// The publisher.
        publisher: String,
        /// The key of the package.
        key: PublicKey,
        /// The key of the publisher.
        known: PublicKey,
        /// Where that is recorded.
        file: PathBuf,
    },
    /// The package is installed from another publisher.
    #[error("`{name}` is installed from the publisher `{installed}`, and this is from `{publisher}`: remove it first")]
    OtherPublisher {
        /// The package.
        name: String,
        /// The publisher of the one that is installed.
        installed: String,
        /// The publisher of the new one.
        publisher: String,
    },
    /// A higher version is installed.
    #[error("version {installed} is installed, which is higher than {version}: --allow-downgrade replaces it")]
    Downgrade {
        /// The installed version.
        installed: String,
        /// The version of the package.
        version: String,
    },
    /// The same version with other files is installed.
    #[error(
        "version {0} is installed with other files: a publisher changes the version with the files; remove it first"
    )]
    SameVersion(String),
    /// The installed files were changed.
    #[error("{} was changed since it was installed: move it away, or remove the package with --force first", .0.display())]
    Changed(PathBuf),
    /// There is something else at a file's place.
    #[error("{} exists and is not of this package: move it away", .0.display())]
    Occupied(PathBuf),
    /// A directory is not named.
    #[error("the package has {what}: say where they go with {option} DIR")]
    NoDirectory {
        /// What needs one.
        what: &'static str,
        /// The option that names it.
        option: &'static str,
    },
    /// A file cannot be written or moved.
    #[error("{}: {error}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The records cannot be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The publishers cannot be read or written.
    #[error(transparent)]
    Publishers(#[from] PublishersError),
}

/// Names the path of a file error.
pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> AddError {
    move |error| AddError::File { path: path.to_owned(), error }
}
