//! Why a file or folder of a plugin directory is refused. Each message is one line.

use super::{grants::NotGranted, kind::Kind, trust::TrustError};
use crate::{library::LibraryError, platform::describe_exit};
use jsonschema::ValidationError;
use std::{io, process::ExitStatus, time::Duration};

/// Why a plugin is refused. The variants are in the order of the checks.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The library has no manifest, or one that this server does not support.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// It claims to need what it is not granted.
    #[error(transparent)]
    Needs(#[from] NotGranted),
    /// It cannot be copied.
    #[error("cannot be copied: {0}")]
    Copy(io::Error),
    /// It is not trusted.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The child process that probes it cannot be started or waited for.
    #[error("could not be probed in a child process: {0}")]
    Child(io::Error),
    /// The child process took too long and was killed.
    #[error("did not finish loading within {} s", .0.as_secs_f64())]
    Slow(Duration),
    /// The child process ended without a report.
    #[error("{} while being loaded", describe_exit(*.0))]
    Died(ExitStatus),
    /// The child process reported an error.
    #[error("{0}")]
    Refused(String),
    /// An engine's schema is not a valid JSON Schema.
    #[error("the schema of its {kind} `{backend}` is not valid: {error}")]
    Schema {
        /// Whether it is a stage's.
        kind: Kind,
        /// The engine's backend name.
        backend: String,
        /// The error in the schema.
        error: Box<ValidationError<'static>>,
    },
    /// An engine's schema does not have the expected form.
    #[error("{0}")]
    Fields(serde_json::Error),
}
