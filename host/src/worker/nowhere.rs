//! Systems without workers: their sockets cannot be handed from process to process as it is done here. Models run in the
//! server's own process there, and a preset that asks for a worker is told so.
//!
//! Neither type has a value.

use super::{Death, WorkerSpec};
use crate::{
    model::{CallError, Turn},
    plugins::Quarantine,
};
use auricle_plugin_api::{Error, Metadata, host::EventSink};
use serde_json::{Map, Value};
use std::{process::ExitCode, sync::Arc};

/// There is nothing to run.
pub fn child_main(_: usize) -> ExitCode {
    ExitCode::FAILURE
}

/// Of no model.
#[derive(Debug)]
pub enum Supervisor {}

#[allow(missing_docs, reason = "as where there are workers")]
impl Supervisor {
    pub fn start(_: WorkerSpec, _: Arc<Quarantine>) -> Result<Self, Error> {
        Err(Error::other("there are no worker processes on this system: set `host.isolation` to `in-process`"))
    }

    pub fn apart(&self) -> Self {
        match *self {}
    }

    pub fn metadata(&self) -> &Metadata {
        match *self {}
    }

    pub fn quarantine(&self) -> &Quarantine {
        match *self {}
    }

    pub fn processor(&self, _: &str, _: &Map<String, Value>) -> Result<RemoteProcessor, CallError> {
        match *self {}
    }
}

/// Of no worker.
#[derive(Debug)]
pub enum RemoteProcessor {}

#[allow(missing_docs, reason = "as where there are workers")]
impl RemoteProcessor {
    pub fn is_dead(&self) -> bool {
        match *self {}
    }

    pub fn init(&mut self, _: u64) -> Result<(), CallError> {
        match *self {}
    }

    pub fn restore(&mut self, _: u64, _: &[u8]) -> Result<(), CallError> {
        match *self {}
    }

    pub fn hear(&mut self, _: &[f32], _: bool, _: &mut dyn EventSink) -> Result<(), CallError> {
        match *self {}
    }

    pub(crate) fn hear_together(batch: &mut [Turn<'_>]) -> Vec<Result<(), CallError>> {
        let death = || Death::new(0, "never lived".to_owned());
        batch.iter().map(|_| Err(CallError::Died(death()))).collect()
    }
}
