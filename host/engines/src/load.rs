//! How a model is loaded and where.

use super::worker::CrashReports;
use auricle_core::metrics::Metrics;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{path::PathBuf, sync::Arc, time::Duration};

/// Where an engine's code runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// In the server's own process: a crash of the engine is the server's.
    InProcess,
    /// In a process of its own.
    Process,
}

impl Isolation {
    /// Where the code of a plugin runs that nobody trusts; in the server where there are no workers.
    pub const UNTRUSTED: Self = if cfg!(unix) { Self::Process } else { Self::InProcess };
}

/// How a model is loaded and where.
#[derive(Debug, Clone)]
pub struct LoadSpec {
    /// The preset that asked for it, for the log.
    pub preset: String,
    /// The fields it is loaded with.
    pub fields: Map<String, Value>,
    /// Where its code runs. The rest is for a worker process.
    pub isolation: Isolation,
    /// The program that runs as the worker; its first argument is `worker`.
    pub program: PathBuf,
    /// Calls at the same time.
    pub lanes: usize,
    /// The longest a call may take.
    pub call_limit: Duration,
    /// The longest the loading may take.
    pub load_limit: Duration,
    /// Bytes of memory it may have.
    pub memory_limit: Option<u64>,
    /// Whether it gives up what engines do not need.
    pub sandbox: bool,
    /// Where what is known of its death is written.
    pub reports: Arc<CrashReports>,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
}
