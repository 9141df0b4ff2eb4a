//! A processor in a worker, called as if it were here.

use super::{
    Death,
    process::Process,
    reports::CallNote,
    wire::{self, Request},
};
use crate::model::CallError;
use auricle_plugin_api::{Error, host::EventSink};
use serde_bytes::Bytes;
use serde_json::{Map, Value};
use std::sync::Arc;

/// A processor of a worker's model. Bound to that one process: dead when it is.
#[derive(Debug)]
pub struct RemoteProcessor {
    process: Arc<Process>,
    number: u64,
    stream: Arc<str>,
    /// Samples, since it was made.
    heard: u64,
}

impl RemoteProcessor {
    /// Makes one for a stream, with the whole configuration.
    pub(super) fn open(process: Arc<Process>, stream: &str, options: &Map<String, Value>) -> Result<Self, CallError> {
        let (number, options) = (process.next_number(), Value::Object(options.clone()).to_string());
        let processor = Self { process, number, stream: stream.into(), heard: 0 };
        let request = Request::Open { processor: number, stream, options: &options };
        match processor.call("processor", 0, &request, &mut []) {
            Ok(()) => Ok(processor),
            Err(error) => {
                // There is nothing to close.
                let _nothing = std::mem::ManuallyDrop::new(processor);
                Err(error)
            }
        }
    }

    /// Whether its process has died.
    pub fn is_dead(&self) -> bool {
        self.process.is_dead()
    }

    /// See [`crate::model::Processor::init`].
    ///
    /// # Errors
    /// As there.
    pub fn init(&mut self, offset: u64) -> Result<(), CallError> {
        self.call("init", 0, &Request::Init { processor: self.number, offset }, &mut [])
    }

    /// See [`crate::model::Processor::restore`].
    ///
    /// # Errors
    /// As there.
    pub fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), CallError> {
        self.call("restore", 0, &Request::Restore { processor: self.number, sample, state }, &mut [])
    }

    /// See [`crate::model::Processor::hear`].
    ///
    /// # Errors
    /// As there.
    pub fn hear(&mut self, audio: &[f32], ends: bool, sink: &mut dyn EventSink) -> Result<(), CallError> {
        let bytes = wire::to_bytes(audio);
        let request = Request::Hear { processor: self.number, audio: &bytes, ends };
        let what = if ends { "finish" } else { "process_iter" };
        let outcome = self.call(what, audio.len(), &request, &mut [sink]);
        self.heard += audio.len() as u64;
        outcome
    }

    /// Lets several processors of one model hear, each its audio; each gets its result.
    ///
    /// # Errors
    /// How their worker died.
    pub(crate) fn hear_together(
        batch: &mut [(&mut Self, &[f32])],
        sinks: &mut [&mut dyn EventSink],
    ) -> Result<Vec<Result<(), Error>>, Death> {
        let Some((first, _)) = batch.first() else { return Ok(Vec::new()) };
        let process = Arc::clone(&first.process);
        let bytes: Vec<_> = batch.iter().map(|(_, audio)| wire::to_bytes(audio)).collect();
        let numbers = batch.iter().map(|(one, _)| one.number);
        let request = Request::HearTogether(numbers.zip(bytes.iter().map(|bytes| Bytes::new(bytes))).collect());
        let streams: Vec<_> = batch.iter().map(|(one, _)| one.stream.as_ref()).collect();
        let note = CallNote { call: "process_batch", stream: streams.join(" ").into(), heard: first.heard, brought: 0 };
        let outcome = process.call(note, &request, sinks);
        for (one, audio) in batch {
            one.heard += audio.len() as u64;
        }
        outcome
    }

    fn call(
        &self,
        call: &'static str,
        brought: usize,
        request: &Request<'_>,
        sinks: &mut [&mut dyn EventSink],
    ) -> Result<(), CallError> {
        let note = CallNote { call, stream: Arc::clone(&self.stream), heard: self.heard, brought };
        let outcomes = self.process.call(note, request, sinks).map_err(CallError::Died)?;
        outcomes.into_iter().next().unwrap_or(Ok(())).map_err(CallError::Engine)
    }
}

impl Drop for RemoteProcessor {
    fn drop(&mut self) {
        if !self.is_dead() {
            // A worker that dies of it is in the log; nobody needs this processor any more.
            let _ = self.call("drop", 0, &Request::Close { processor: self.number }, &mut []);
        }
    }
}
