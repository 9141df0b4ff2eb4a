//! A stream's processor on an engine host, on a connection of its own.
//!
//! Invariant: a call ends with the engine host's answer, or the processor is dead. It is dead too when the engine host is
//! no longer heard, although the connection may look alive. While an engine host stops, its processors count as dead as soon as
//! there is another one: their streams move with their next audio. Threads: one at a time, the stream's.

use super::{
    HandshakeError,
    host::EngineHost,
    link::{Link, Received},
    messages::{self, Answer, Request, Then, failure},
};
use auricle_core::Failure;
use auricle_plugin_api::host::EventSink;
use auricle_stream::{CallError, Death, Processor};
use serde_bytes::Bytes;
use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

/// A processor on an engine host.
#[derive(Debug)]
pub(crate) struct HostedProcessor {
    link: Link,
    host: Arc<EngineHost>,
    /// All engine hosts of the front.
    all: Arc<[Arc<EngineHost>]>,
    preset: String,
    identity: String,
    /// [`EngineHost::losses`] when it was opened.
    losses: u64,
    is_live: bool,
    /// The samples of a call as bytes. Kept to reuse its memory.
    audio: Vec<u8>,
    is_dead: bool,
}

/// Why a stream is not opened on an engine host.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// It does not answer.
    Unreachable(HandshakeError),
    /// It does not want the stream.
    Refused(Failure),
}

/// Why a call has no result.
enum Fault {
    /// The engine host is gone, or does not keep to the protocol.
    Gone(io::Error),
    /// The stream failed there.
    Failed(Failure),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Gone(error)
    }
}

impl HostedProcessor {
    /// Opens a stream on an engine host, which may load the model first.
    pub(crate) fn open(
        host: &Arc<EngineHost>,
        all: &Arc<[Arc<EngineHost>]>,
        (preset, identity): (&str, &str),
        request: &Request<'_>,
        is_live: bool,
    ) -> Result<Self, OpenError> {
        let losses = host.losses();
        let link = Link::connect(&host.address, &host.settings).map_err(OpenError::Unreachable)?;
        // Counted from here on, so that streams which are opened at the same time see each other.
        host.count(preset, 1);
        let mut processor = Self {
            link,
            host: Arc::clone(host),
            all: Arc::clone(all),
            preset: preset.to_owned(),
            identity: identity.to_owned(),
            losses,
            is_live,
            audio: Vec::new(),
            is_dead: false,
        };
        let limit = processor.host.settings.load_limit;
        match processor.converse(request, Some(limit), None) {
            Ok(()) => Ok(processor),
            Err(Fault::Gone(error)) => Err(OpenError::Unreachable(error.into())),
            Err(Fault::Failed(failure)) => Err(OpenError::Refused(failure)),
        }
    }

    /// Makes a call. One that makes the processor may load a model.
    fn call(&mut self, request: &Request<'_>, sink: Option<&mut dyn EventSink>) -> Result<(), CallError> {
        let limit = match request {
            Request::Init { .. } | Request::Restore { .. } => Some(self.host.settings.load_limit),
            _ => self.is_live.then_some(self.host.settings.call_limit),
        };
        self.converse(request, limit, sink).map_err(|fault| {
            self.is_dead = true;
            match fault {
                Fault::Failed(failure) => CallError::Failed(failure),
                // There is no process of this machine.
                Fault::Gone(error) => {
                    CallError::Died(Death::new(0, format!("lost its host {} ({error})", self.host.address)))
                }
            }
        })
    }

    /// Sends the request and receives events until its end.
    fn converse(
        &mut self,
        request: &Request<'_>,
        limit: Option<Duration>,
        mut sink: Option<&mut dyn EventSink>,
    ) -> Result<(), Fault> {
        self.link.send(request)?;
        let begun = Instant::now();
        loop {
            match self.link.receive::<Answer<'_>>()? {
                Received::Message(Answer::Done) => return Ok(()),
                Received::Message(Answer::Event(event)) => match &mut sink {
                    Some(sink) => event.send_to(&mut **sink),
                    None => return Err(io::Error::other("an event outside the calls that have any").into()),
                },
                Received::Message(Answer::Failed { code, message, detail }) => {
                    return Err(Fault::Failed(failure(code, message, detail)));
                }
                Received::Message(Answer::Lost) => return Err(io::Error::other("it has lost audio").into()),
                Received::Message(Answer::Status(_) | Answer::Loaded(_)) => {
                    return Err(io::Error::other("an answer to another request").into());
                }
                Received::Nothing if self.host.losses() != self.losses => {
                    return Err(io::Error::other("it is not heard any more").into());
                }
                Received::Nothing => {}
            }
            if let Some(limit) = limit.filter(|limit| begun.elapsed() > *limit) {
                return Err(io::Error::other(format!("no answer within {} s", limit.as_secs_f64())).into());
            }
        }
    }

    fn insert(&mut self, audio: &[f32], then: Then, sink: &mut dyn EventSink) -> Result<(), CallError> {
        let mut bytes = std::mem::take(&mut self.audio);
        messages::to_bytes(audio, &mut bytes);
        let outcome = self.call(&Request::Process { audio: Bytes::new(&bytes), then }, Some(sink));
        self.audio = bytes;
        outcome
    }
}

impl Processor for HostedProcessor {
    fn is_dead(&self) -> bool {
        let has_other = || self.all.iter().any(|host| host.candidate(&self.preset, &self.identity).is_some());
        self.is_dead || (self.host.is_stopping() && has_other())
    }

    fn init(&mut self, offset: u64) -> Result<(), CallError> {
        self.call(&Request::Init { offset }, None)
    }

    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), CallError> {
        self.call(&Request::Restore { sample, state }, None)
    }

    fn process(&mut self, audio: &[f32], ends: bool, sink: &mut dyn EventSink) -> Result<(), CallError> {
        self.insert(audio, if ends { Then::Flush } else { Then::More }, sink)
    }

    fn finish(&mut self, audio: &[f32], sink: &mut dyn EventSink) -> Result<(), CallError> {
        self.insert(audio, Then::End, sink)
    }

    fn end_turn(&mut self, sink: &mut dyn EventSink) -> Result<(), CallError> {
        self.insert(&[], Then::EndTurn, sink)
    }
}

impl Drop for HostedProcessor {
    fn drop(&mut self) {
        self.host.count(&self.preset, -1);
    }
}
