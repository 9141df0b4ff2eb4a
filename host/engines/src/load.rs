//! How and where a model is loaded.

use super::{voice_gate::VoiceGate, worker::CrashReports};
use auricle_core::metrics::Metrics;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{path::PathBuf, sync::Arc, time::Duration};

/// Where an engine's code runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// In the server's process. A crash of the engine ends the server.
    InProcess,
    /// In a worker process.
    Process,
}

impl Isolation {
    /// Where the code of an untrusted plugin runs: in a worker, or in the server on systems without workers.
    pub const UNTRUSTED: Self = if cfg!(unix) { Self::Process } else { Self::InProcess };
}

/// How and where a model is loaded.
#[derive(Debug, Clone)]
pub struct LoadSpec {
    /// The preset for which the model is loaded, for the log.
    pub preset: String,
    /// The load fields.
    pub fields: Map<String, Value>,
    /// Where the engine's code runs. The fields below are for worker processes.
    pub isolation: Isolation,
    /// The program to run as worker. Its first argument is `worker`.
    pub program: PathBuf,
    /// The number of concurrent calls.
    pub lanes: usize,
    /// The longest a call may take.
    pub call_limit: Duration,
    /// The longest that loading may take.
    pub load_limit: Duration,
    /// The memory limit of the worker, in bytes.
    pub memory_limit: Option<u64>,
    /// Whether the worker enters the sandbox.
    pub sandbox: bool,
    /// The voice gate in front of the engine.
    pub voice_gate: Option<VoiceGate>,
    /// Where crash reports are written.
    pub reports: Arc<CrashReports>,
    /// The metrics that count restarts.
    pub metrics: Arc<Metrics>,
}
