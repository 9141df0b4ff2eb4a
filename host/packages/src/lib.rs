//! Packages: an engine for one target, with its data, presets and licence, in one signed file.
//!
//! `pack` writes a package and `envelope` signs it. [`Package::open`] checks everything that can be known without running code: the
//! signature, the manifest, the hash of every file, and that the library is what the manifest says. `install` moves the files into
//! the directories of a server, and `records` remembers them. A signature proves who made a package, not that it is safe.
//!
//! Invariant: until a package is checked as a whole, nothing is written. Threads: the caller's.
#![forbid(unsafe_code)]

mod away;
pub mod contents;
mod envelope;
mod index;
mod install;
mod key;
mod manifest;
mod pack;
mod package;
mod path;
mod publishers;
mod records;
mod remove;
#[cfg(test)]
mod tests;

pub use away::move_away;
pub use contents::ContentError;
pub use envelope::{EnvelopeError, sign};
pub use index::{INDEX, Index, IndexEntry, IndexError, index_of};
pub use install::{AddError, Added, Directories, Policy, add};
pub use key::{KeyError, PublicKey, SigningKey};
pub use manifest::{Manifest, ManifestError, PackageFile};
pub use pack::{PackError, Sources, pack};
pub use package::{Package, PackageError};
pub use publishers::{Publishers, PublishersError, Standing};
pub use records::{Change, Record, RecordError, Records};
pub use remove::{RemoveError, remove};
