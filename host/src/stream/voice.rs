//! The engine's end of a stream: its processor, and what came of the calls so far.
//!
//! Held by the one thread that calls the engine for the stream, parked in the stream between calls.

use super::{
    Event, StreamSettings,
    call::{CallSink, Record},
    inbox::Work,
    outbox::Outbox,
};
use crate::failure::{Failure, FailureCode};
use auricle_plugin_api::{
    Error, ErrorCode,
    host::{LoadedModel, LoadedProcessor},
};
use serde_json::{Map, Value};

/// Without a processor at first: the first work makes it.
#[derive(Default)]
pub(super) struct Voice {
    processor: Option<LoadedProcessor>,
    pub(super) epoch: u32,
    record: Record,
}

/// What a piece of work needs of its stream.
pub(super) struct Scene<'a> {
    pub(super) model: &'a LoadedModel,
    pub(super) options: &'a Map<String, Value>,
    pub(super) settings: &'a StreamSettings,
    pub(super) outbox: &'a Outbox,
}

/// What comes after a piece of work.
pub(super) enum Next {
    GoesOn,
    Done,
}

/// The call into the engine that a piece of work is mostly made of, for people.
pub(super) fn call_name(work: &Work) -> &'static str {
    match work {
        Work::Open => "processor",
        Work::Chunk(_) => "process_iter",
        Work::Flush(..) | Work::Finish(_) => "finish",
        Work::Reset(_) => "init",
    }
}

impl Voice {
    /// Samples heard in this epoch.
    pub(super) fn position(&self) -> u64 {
        self.record.position
    }

    /// Calls the engine; its events go to the outbox as they come.
    pub(super) fn perform(&mut self, work: Work, scene: &Scene<'_>) -> Result<Next, Failure> {
        let call = call_name(&work);
        let mut failure = None;
        let next = self.call(work, scene, &mut failure).map_err(|error| explain(call, error))?;
        failure.map_or(Ok(next), Err)
    }

    fn call(&mut self, work: Work, scene: &Scene<'_>, failure: &mut Option<Failure>) -> Result<Next, Error> {
        let Self { processor, epoch, record } = self;
        let processor = match processor {
            Some(processor) => processor,
            None => processor.insert(scene.model.processor(scene.options)?),
        };
        let mut hear = |record: &mut Record, audio: &[f32], ends: bool| -> Result<(), Error> {
            if !audio.is_empty() {
                processor.insert_audio_chunk(audio)?;
                record.position += audio.len() as u64;
            }
            let mut sink = CallSink::new(scene.settings, scene.outbox, *epoch, record);
            let result = if ends { processor.finish(&mut sink) } else { processor.process_iter(&mut sink) };
            *failure = sink.into_failure();
            result
        };
        match work {
            Work::Open => {
                processor.init(0)?;
                scene.outbox.push(Some(*epoch), Event::Ready { epoch: *epoch });
            }
            Work::Chunk(audio) => hear(record, &audio, false)?,
            Work::Flush(rest, frames) => {
                hear(record, &rest, true)?;
                if failure.is_none() {
                    processor.init(record.position)?;
                    scene.outbox.push(Some(*epoch), Event::Flushed(frames));
                }
            }
            Work::Finish(rest) => {
                hear(record, &rest, true)?;
                return Ok(Next::Done);
            }
            Work::Reset(next) => {
                *record = Record::default();
                *epoch = next;
                processor.init(0)?;
                scene.outbox.push(Some(next), Event::Ready { epoch: next });
            }
        }
        Ok(Next::GoesOn)
    }
}

/// An engine's error as its client sees it.
fn explain(call: &str, error: Error) -> Failure {
    let code = match error.code {
        ErrorCode::CAPACITY => FailureCode::Capacity,
        ErrorCode::CONFIG => FailureCode::InvalidOption,
        _ => FailureCode::EngineError,
    };
    let message = match code {
        FailureCode::EngineError => {
            let problem: String = error.message.chars().take(500).collect();
            format!("the engine failed in {call} ({}): {problem}", error.code.name())
        }
        _ => error.message,
    };
    Failure::new(code, message)
}
