//! Systems without workers, because sockets cannot be passed between processes as it is done here. Models run in the
//! server's process there, and a preset that requires a worker fails with an error.

use super::{Quarantine, WorkerSpec};
use auricle_plugin_api::{Error, Metadata};
use auricle_stream::{BatchEntry, CallError, Model, Processor};
use serde_json::{Map, Value};
use std::{process::ExitCode, sync::Arc};

/// Fails, because there are no workers.
pub fn child_main(_: usize) -> ExitCode {
    ExitCode::FAILURE
}

/// Has no values.
#[derive(Debug)]
pub enum Supervisor {}

#[allow(missing_docs, reason = "the same as on systems with workers")]
impl Supervisor {
    pub fn start(_: WorkerSpec, _: Arc<Quarantine>) -> Result<Self, Error> {
        Err(Error::other("there are no worker processes on this system: set `host.isolation` to `in-process`"))
    }
}

impl Model for Supervisor {
    fn metadata(&self) -> &Metadata {
        match *self {}
    }

    fn processor(&self, _: &str, _: &Map<String, Value>) -> Result<Box<dyn Processor>, CallError> {
        match *self {}
    }

    fn process_batch(&self, _: &mut [BatchEntry<'_>]) {
        match *self {}
    }
}
