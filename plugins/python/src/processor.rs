//! One stream: passes audio to the author's processor, and what it returns to the server.
//!
//! Invariant: `process_iter` is called once for each inserted chunk, also for the last, short one before `finish`. The
//! author's times count from its last `init`, which takes no offset, so the offset is added here. Threads: one at a
//! time.

use crate::{
    ffi::{Argument, Object},
    interpreter::Interpreter,
    model::RATE,
    results,
};
use auricle_plugin_api::{AsrProcessor, Error, Sink};

/// The processor of one stream.
pub struct Processor {
    interpreter: Interpreter,
    /// The adapter's object.
    pub(crate) stream: Object,
    init: Object,
    insert: Object,
    process: Object,
    finish: Object,
    /// The sample at which the author's times begin.
    pub(crate) offset: u64,
    /// Whether audio was inserted that is not processed yet.
    pub(crate) pending: bool,
}

impl Processor {
    /// Wraps the adapter's object for a stream.
    pub(crate) fn new(interpreter: Interpreter, stream: Object) -> Result<Self, Error> {
        Ok(Self {
            interpreter,
            init: stream.attribute(c"init")?,
            insert: stream.attribute(c"insert")?,
            process: stream.attribute(c"process")?,
            finish: stream.attribute(c"finish")?,
            stream,
            offset: 0,
            pending: false,
        })
    }

    fn report(&self, method: &Object, sink: &mut Sink<'_>) -> Result<(), Error> {
        let Some(returned) = self.interpreter.ask(method, &[])? else { return Ok(()) };
        results::report(serde_json::from_slice(&returned)?, self.offset, sink);
        Ok(())
    }
}

impl AsrProcessor for Processor {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        (self.offset, self.pending) = (offset, false);
        self.interpreter.ask(&self.init, &[]).map(drop)
    }

    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        let (offset, state) = results::restart(state)?;
        (self.offset, self.pending) = (offset, false);
        let time = sample.saturating_sub(offset) as f64 / f64::from(RATE);
        let time = time.to_string();
        let arguments = [Argument::Bytes(time.as_bytes()), Argument::Bytes(state)];
        self.interpreter.ask(&self.stream.attribute(c"restore")?, &arguments).map(drop)
    }

    fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> {
        self.pending = true;
        self.interpreter.ask(&self.insert, &[Argument::Samples(samples)]).map(drop)
    }

    fn process_iter(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        self.pending = false;
        self.report(&self.process, sink)
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        if self.pending {
            self.process_iter(sink)?;
        }
        self.report(&self.finish, sink)
    }
}
