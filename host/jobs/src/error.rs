//! What goes wrong with jobs.

use crate::store::StoreError;
use std::{io, path::PathBuf};

/// Jobs cannot be submitted, done or listed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobsError {
    /// The broker's address cannot be used.
    #[error("the broker {url} cannot be used: {reason}")]
    Address {
        /// As it was given.
        url: String,
        /// What to do.
        reason: String,
    },
    /// The credentials cannot be read.
    #[error("cannot read the credentials {}: {error}", .path.display())]
    Credentials {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// There is no connection to the broker.
    #[error("cannot connect to the broker {url}: {reason}")]
    Connect {
        /// Its address.
        url: String,
        /// The cause.
        reason: String,
    },
    /// The broker refused or did not answer.
    #[error("the broker failed to {what}: {reason}")]
    Broker {
        /// What was asked for.
        what: &'static str,
        /// The cause.
        reason: String,
    },
    /// An object cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be read.
    #[error("cannot read {name}: {error}")]
    Read {
        /// Its name.
        name: String,
        /// The cause.
        error: io::Error,
    },
    /// The server does not let the worker in, so no job can be done.
    #[error("{0}")]
    Server(String),
}

impl JobsError {
    /// The broker's own error.
    pub(crate) fn broker(what: &'static str, error: impl std::fmt::Display) -> Self {
        Self::Broker { what, reason: error.to_string() }
    }
}
