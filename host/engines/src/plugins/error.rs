//! Why a file or folder of a plugin directory is not taken. Each is one line.

use super::trust::TrustError;
use crate::{library::LibraryError, platform::describe_exit};
use jsonschema::ValidationError;
use std::{io, process::ExitStatus, time::Duration};

/// Why a plugin is not taken. In the order in which a file is tried.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// Its library has no manifest, or one that this server cannot take.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// There is no private copy of it.
    #[error("cannot be copied: {0}")]
    Copy(io::Error),
    /// It may not run here.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The child process that tries it cannot be started, or not be waited for.
    #[error("could not be tried in a child process: {0}")]
    Child(io::Error),
    /// The child process had to be killed.
    #[error("did not finish loading within {} s", .0.as_secs_f64())]
    Slow(Duration),
    /// The child process ended without a report.
    #[error("{} while being loaded", describe_exit(*.0))]
    Died(ExitStatus),
    /// What the child process says of it.
    #[error("{0}")]
    Refused(String),
    /// An engine's schema is no JSON Schema.
    #[error("the schema of its engine `{backend}` is not valid: {error}")]
    Schema {
        /// The engine.
        backend: String,
        /// What is wrong.
        error: Box<ValidationError<'static>>,
    },
    /// An engine's schema does not list fields.
    #[error("{0}")]
    Fields(serde_json::Error),
}
