//! A stream's processor in the worker: the engine's, behind the voice gate if its preset has one.
//!
//! Invariant: audio that was taken has led to all calls of the engine that are due before `next` returns `None`. Threads: one
//! at a time, the lane that has the stream.

use super::gate::{Gate, GateSink, Step};
use auricle_plugin_api::{
    Error,
    host::{EventSink, LoadedProcessor},
};
use auricle_stream::{CallError, Processor};

type Outcome = Result<(), Error>;

/// A call of the engine that is due; it has the audio for it already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// `process_iter`.
    Process,
    /// `finish`.
    Finish,
}

/// A stream's processor.
pub(super) struct StreamProcessor {
    engine: LoadedProcessor,
    gate: Option<Gate>,
    /// The call that is due without a gate.
    due: Option<Call>,
}

impl StreamProcessor {
    pub(super) fn new(engine: LoadedProcessor, gate: Option<Gate>) -> Self {
        Self { engine, gate, due: None }
    }

    /// Restarts at sample `offset` of the stream. Behind a gate the engine is started when somebody speaks.
    pub(super) fn init(&mut self, offset: u64) -> Outcome {
        match &mut self.gate {
            None => self.engine.init(offset),
            Some(gate) => {
                gate.init(offset);
                Ok(())
            }
        }
    }

    /// Continues from a restart point.
    pub(super) fn restore(&mut self, sample: u64, state: &[u8]) -> Outcome {
        let Some(gate) = &mut self.gate else { return self.engine.restore(sample, state) };
        match gate.restore(sample, state)? {
            Some((sample, state)) => self.engine.restore(sample, state),
            None => Ok(()),
        }
    }

    /// Takes audio, and makes all calls of the engine that it leads to.
    pub(super) fn process(&mut self, audio: &[f32], ends: bool, sink: &mut dyn EventSink) -> Outcome {
        self.push(audio, ends)?;
        while let Some(call) = self.next(sink)? {
            self.call(call, sink)?;
        }
        Ok(())
    }

    /// Takes audio, which may be empty.
    pub(super) fn push(&mut self, audio: &[f32], ends: bool) -> Outcome {
        if let Some(gate) = &mut self.gate {
            gate.push(audio, ends);
            return Ok(());
        }
        self.due = Some(if ends { Call::Finish } else { Call::Process });
        self.insert(audio)
    }

    /// The next call of the engine, which must be made, and then [`called`](Self::called).
    pub(super) fn next(&mut self, sink: &mut dyn EventSink) -> Result<Option<Call>, Error> {
        loop {
            let Some(gate) = &mut self.gate else { return Ok(self.due.take()) };
            if sink.cancelled() {
                return Ok(None);
            }
            match gate.next()? {
                None => return Ok(None),
                Some(Step::Open { offset, speech }) => {
                    self.engine.init(offset)?;
                    speech.into_iter().for_each(|sample| sink.speech_started(sample));
                }
                Some(Step::Point { sample, state }) => sink.restart_point(sample, &state),
                Some(Step::Chunk(audio)) => return self.insert(&audio).map(|()| Some(Call::Process)),
                Some(Step::Close(rest)) => return self.insert(&rest).map(|()| Some(Call::Finish)),
            }
        }
    }

    /// The next call of the engine that is made in a batch, which must be made. An end is one if `ends_in_batch`.
    pub(super) fn next_in_batch(
        &mut self,
        ends_in_batch: bool,
        sink: &mut dyn EventSink,
    ) -> Result<Option<Call>, Error> {
        while let Some(call) = self.next(sink)? {
            match call {
                Call::Process => return Ok(Some(call)),
                Call::Finish if ends_in_batch => return self.engine.announce_end().map(|()| Some(call)),
                Call::Finish => self.call(call, sink)?,
            }
        }
        Ok(None)
    }

    /// The engine, and the sink for its events.
    pub(super) fn parts<'a>(&'a mut self, sink: &'a mut dyn EventSink) -> (&'a mut LoadedProcessor, GateSink<'a>) {
        (&mut self.engine, GateSink { gate: self.gate.as_mut(), sink })
    }

    /// A call of the engine was made.
    pub(super) fn called(&mut self, call: Call, sink: &mut dyn EventSink) {
        if let Some(gate) = self.gate.as_mut().filter(|_| call == Call::Finish) {
            gate.closed().into_iter().for_each(|sample| sink.endpoint(sample));
        }
    }

    /// Makes a call that is due.
    fn call(&mut self, call: Call, sink: &mut dyn EventSink) -> Outcome {
        let (engine, mut events) = self.parts(sink);
        match call {
            Call::Process => engine.process_iter(&mut events),
            Call::Finish => engine.finish(&mut events),
        }?;
        self.called(call, sink);
        Ok(())
    }

    fn insert(&mut self, audio: &[f32]) -> Outcome {
        if audio.is_empty() { Ok(()) } else { self.engine.insert_audio_chunk(audio) }
    }
}

impl Processor for StreamProcessor {
    fn init(&mut self, offset: u64) -> Result<(), CallError> {
        Ok(Self::init(self, offset)?)
    }

    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), CallError> {
        Ok(Self::restore(self, sample, state)?)
    }

    fn process(&mut self, audio: &[f32], ends: bool, sink: &mut dyn EventSink) -> Result<(), CallError> {
        Ok(Self::process(self, audio, ends, sink)?)
    }
}
