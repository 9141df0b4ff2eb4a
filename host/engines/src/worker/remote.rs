//! A processor in a worker, called like one in this process. Threads: one at a time, the stream's.

use super::{
    process::Process,
    report::CallNote,
    wire::{self, Request, Share},
};
use auricle_plugin_api::host::EventSink;
use auricle_stream::{BatchEntry, CallError, Processor};
use serde_bytes::Bytes;
use serde_json::{Map, Value};
use std::{any::Any, sync::Arc};

/// A processor in a worker process. It is dead when that process is dead.
#[derive(Debug)]
pub(super) struct RemoteProcessor {
    process: Arc<Process>,
    number: u64,
    stream: Arc<str>,
    /// The number of samples inserted since it was created.
    inserted: u64,
}

impl RemoteProcessor {
    /// Creates a processor for a stream. `options` is the complete configuration.
    pub(super) fn open(process: Arc<Process>, stream: &str, options: &Map<String, Value>) -> Result<Self, CallError> {
        let (number, options) = (process.next_number(), Value::Object(options.clone()).to_string());
        let note = CallNote { call: "processor", stream: stream.into(), inserted: 0, brought: 0 };
        let stream = Arc::clone(&note.stream);
        let request = Request::Open { processor: number, stream: &stream, options: &options };
        // On failure there is nothing to close, so no `Self` is made, which would hold the process.
        call_for_one(&process, note, &request, &mut [])?;
        Ok(Self { process, number, stream, inserted: 0 })
    }

    /// Inserts the audio of each entry and processes all entries in one call. All processors must be in the same
    /// process.
    pub(super) fn process_batch(batch: &mut [BatchEntry<'_>]) {
        let mut processors = Vec::with_capacity(batch.len());
        let mut sinks: Vec<&mut dyn EventSink> = Vec::with_capacity(batch.len());
        let mut outcomes = Vec::with_capacity(batch.len());
        for BatchEntry { processor, audio, ends, sink, outcome } in batch {
            let processor: &mut dyn Any = &mut **processor;
            let Some(processor) = processor.downcast_mut::<Self>() else { continue };
            processors.push((processor, *audio, *ends));
            sinks.push(&mut **sink);
            outcomes.push(outcome);
        }
        let Some((first, audio, _)) = processors.first() else { return };
        let streams: Vec<&str> = processors.iter().map(|(processor, ..)| processor.stream.as_ref()).collect();
        let note = CallNote {
            call: "process_batch",
            stream: streams.join(", stream ").into(),
            inserted: first.inserted,
            brought: audio.len(),
        };
        let shares = processors.iter().map(|(processor, audio, ends)| Share {
            processor: processor.number,
            audio: Bytes::new(wire::to_bytes(audio)),
            ends: *ends,
        });
        let request = Request::ProcessBatch(shares.collect());
        let result = Arc::clone(&first.process).call(note, &request, &mut sinks);
        drop(request);
        for (processor, audio, _) in processors {
            processor.inserted += audio.len() as u64;
        }
        match result {
            Ok(results) => {
                for (outcome, result) in outcomes.into_iter().zip(results) {
                    *outcome = result.map_err(CallError::Engine);
                }
            }
            Err(death) => outcomes.into_iter().for_each(|outcome| *outcome = Err(CallError::Died(death.clone()))),
        }
    }

    fn call(
        &self,
        call: &'static str,
        brought: usize,
        request: &Request<'_>,
        sinks: &mut [&mut dyn EventSink],
    ) -> Result<(), CallError> {
        let note = CallNote { call, stream: Arc::clone(&self.stream), inserted: self.inserted, brought };
        call_for_one(&self.process, note, request, sinks)
    }
}

impl Processor for RemoteProcessor {
    fn is_dead(&self) -> bool {
        self.process.is_dead()
    }

    fn init(&mut self, offset: u64) -> Result<(), CallError> {
        self.call("init", 0, &Request::Init { processor: self.number, offset }, &mut [])
    }

    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), CallError> {
        self.call("restore", 0, &Request::Restore { processor: self.number, sample, state }, &mut [])
    }

    fn process(&mut self, audio: &[f32], ends: bool, sink: &mut dyn EventSink) -> Result<(), CallError> {
        let request = Request::Process { processor: self.number, audio: wire::to_bytes(audio), ends };
        let what = if ends { "finish" } else { "process_iter" };
        let outcome = self.call(what, audio.len(), &request, &mut [sink]);
        self.inserted += audio.len() as u64;
        outcome
    }

    fn end_turn(&mut self, sink: &mut dyn EventSink) -> Result<(), CallError> {
        self.call("end_turn", 0, &Request::EndTurn { processor: self.number }, &mut [sink])
    }
}

fn call_for_one(
    process: &Process,
    note: CallNote,
    request: &Request<'_>,
    sinks: &mut [&mut dyn EventSink],
) -> Result<(), CallError> {
    let outcomes = process.call(note, request, sinks).map_err(CallError::Died)?;
    outcomes.into_iter().next().unwrap_or(Ok(())).map_err(CallError::Engine)
}

impl Drop for RemoteProcessor {
    fn drop(&mut self) {
        if !self.is_dead() {
            // If the worker dies during this call, that is logged. The processor is no longer needed.
            let _ = self.call("drop", 0, &Request::Close { processor: self.number }, &mut []);
        }
    }
}
