//! The stages of one stream, and the sinks between them.
//!
//! Invariant: after the first error of a stage nothing leaves the chain. Threads: the stream's, one at a time.

use super::{error::of_call, numbers::Numbers, state::ChainState};
use auricle_plugin_api::{
    Error, Segment, StageEvent, Turn,
    host::{EventSink, LoadedStageStream},
};
use serde_bytes::Bytes;
use std::{cmp, sync::Arc};

/// A stage of a stream.
pub(super) struct Link {
    pub(super) name: Arc<str>,
    pub(super) stream: LoadedStageStream,
}

/// The stages of a stream, in the order in which events pass them.
pub(super) struct Chain {
    links: Vec<Link>,
    numbers: Numbers,
    /// The sample after the last one that the engine has received.
    position: u64,
    /// The sample after the last one that the stages have heard. After a recovery it may be ahead of `position`.
    heard: u64,
}

impl Chain {
    pub(super) fn new(links: Vec<Link>) -> Self {
        Self { links, numbers: Numbers::default(), position: 0, heard: 0 }
    }

    pub(super) fn init(&mut self, offset: u64) -> Result<(), Error> {
        (self.position, self.heard) = (offset, offset);
        self.numbers.init(offset);
        self.links
            .iter_mut()
            .try_for_each(|Link { name, stream }| stream.init(offset).map_err(|error| of_call(name, "init", error)))
    }

    /// Continues from a state, at the engine's restart point `sample`.
    pub(super) fn restore(&mut self, sample: u64, state: &ChainState<'_>) -> Result<(), Error> {
        (self.position, self.heard, self.numbers) = (sample, state.heard.max(sample), state.numbers);
        let heard = self.heard;
        self.links.iter_mut().zip(&state.stages).try_for_each(|(Link { name, stream }, state)| {
            stream.restore(heard, state).map_err(|error| of_call(name, "restore", error))
        })
    }

    /// The number of stages.
    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    /// The engine is about to receive this audio. Each stage hears what it has not heard yet, the last one first: so none gets
    /// events about audio that it has not heard.
    pub(super) fn hear(&mut self, audio: &[f32], out: &mut dyn EventSink) -> Result<(), Error> {
        let begin = self.position;
        self.position += audio.len() as u64;
        let skip = cmp::min(self.heard.saturating_sub(begin), audio.len() as u64);
        let fresh = &audio[skip as usize..];
        self.heard = cmp::max(self.heard, self.position);
        if fresh.is_empty() {
            return Ok(());
        }
        self.each_with(out, true, "audio", |stream, sink| stream.audio(fresh, sink))
    }

    /// The engine has ended its audio: each stage reports what it withholds, the first one first.
    pub(super) fn finish(&mut self, out: &mut dyn EventSink) -> Result<(), Error> {
        self.each_with(out, false, "finish", LoadedStageStream::finish)
    }

    /// The client ends the turn.
    pub(super) fn end_turn(&mut self, out: &mut dyn EventSink) -> Result<(), Error> {
        self.each_with(out, false, "end_turn", LoadedStageStream::end_turn)
    }

    /// Calls each stage with a sink that leads to the stages after it.
    fn each_with(
        &mut self,
        out: &mut dyn EventSink,
        backwards: bool,
        call: &str,
        mut make: impl FnMut(&mut LoadedStageStream, &mut dyn EventSink) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let count = self.links.len();
        for place in 0..count {
            let place = if backwards { count - 1 - place } else { place };
            let Some((Link { name, stream }, links)) = self.links.get_mut(place..).and_then(<[_]>::split_first_mut)
            else {
                continue;
            };
            let mut failure = None;
            let mut sink = Pass { links, numbers: &mut self.numbers, out: &mut *out, failure: &mut failure };
            let made = make(stream, &mut sink).map_err(|error| of_call(name, call, error));
            failure.map_or(made, Err)?;
        }
        Ok(())
    }

    /// The sink of the engine.
    pub(super) fn sink<'a>(&'a mut self, out: &'a mut dyn EventSink) -> EngineSink<'a> {
        EngineSink { chain: self, out, failure: None }
    }

    /// The state of the whole, with the engine's.
    fn save(&mut self, engine: &[u8]) -> Result<Vec<u8>, Error> {
        let saved = self
            .links
            .iter_mut()
            .map(|Link { name, stream }| stream.save().map_err(|error| of_call(name, "save", error)));
        let saved = saved.collect::<Result<Vec<_>, _>>()?;
        let stages = saved.iter().map(|state| Bytes::new(state)).collect();
        ChainState { heard: self.heard, numbers: self.numbers, engine: Bytes::new(engine), stages }.encode()
    }
}

/// Takes the engine's events, which pass all stages.
pub(super) struct EngineSink<'a> {
    chain: &'a mut Chain,
    out: &'a mut dyn EventSink,
    failure: Option<Error>,
}

impl EngineSink<'_> {
    /// The outcome of the engine's call, or the error of a stage during it. Then, if the audio `ends`, the stages end it.
    pub(super) fn conclude<E: From<Error>>(self, engine: Result<(), E>, ends: bool) -> Result<(), E> {
        let Self { chain, out, failure } = self;
        match failure {
            Some(failure) => Err(failure.into()),
            None => {
                engine?;
                if ends { Ok(chain.finish(out)?) } else { Ok(()) }
            }
        }
    }

    fn pass(&mut self) -> Pass<'_> {
        let Chain { links, numbers, .. } = &mut *self.chain;
        Pass { links, numbers, out: &mut *self.out, failure: &mut self.failure }
    }
}

impl EventSink for EngineSink<'_> {
    fn partial(&mut self, segment: Segment) {
        self.pass().event(StageEvent::Partial(segment));
    }

    fn segment(&mut self, segment: Segment) {
        self.pass().event(StageEvent::Segment(segment));
    }

    fn speech_started(&mut self, sample: u64) {
        self.pass().event(StageEvent::SpeechStarted(sample));
    }

    fn endpoint(&mut self, sample: u64) {
        self.pass().event(StageEvent::Endpoint(sample));
    }

    fn turn(&mut self, turn: Turn) {
        self.pass().event(StageEvent::Turn(turn));
    }

    fn restart_point(&mut self, sample: u64, state: &[u8]) {
        if self.failure.is_some() {
            return;
        }
        match self.chain.save(state) {
            Ok(state) => self.out.restart_point(sample, &state),
            Err(error) => self.failure = Some(error),
        }
    }

    fn cancelled(&self) -> bool {
        self.failure.is_some() || self.out.cancelled()
    }
}

/// Takes events that pass these stages next.
struct Pass<'a> {
    links: &'a mut [Link],
    numbers: &'a mut Numbers,
    out: &'a mut dyn EventSink,
    failure: &'a mut Option<Error>,
}

impl EventSink for Pass<'_> {
    fn event(&mut self, event: StageEvent) {
        if self.failure.is_some() {
            return;
        }
        match self.links.split_first_mut() {
            Some((Link { name, stream }, links)) => {
                let mut next =
                    Pass { links, numbers: &mut *self.numbers, out: &mut *self.out, failure: &mut *self.failure };
                if let Err(error) = stream.event(&event, &mut next) {
                    // If a later stage has failed in this call, that was first.
                    self.failure.get_or_insert_with(|| of_call(name, "event", error));
                }
            }
            None => match event {
                StageEvent::Turn(turn) => {
                    if let Some(turn) = self.numbers.number(turn) {
                        self.out.turn(turn);
                    }
                }
                event => self.out.event(event),
            },
        }
    }

    fn partial(&mut self, segment: Segment) {
        self.event(StageEvent::Partial(segment));
    }

    fn segment(&mut self, segment: Segment) {
        self.event(StageEvent::Segment(segment));
    }

    fn speech_started(&mut self, sample: u64) {
        self.event(StageEvent::SpeechStarted(sample));
    }

    fn endpoint(&mut self, sample: u64) {
        self.event(StageEvent::Endpoint(sample));
    }

    fn turn(&mut self, turn: Turn) {
        self.event(StageEvent::Turn(turn));
    }

    /// Stages report none.
    fn restart_point(&mut self, _: u64, _: &[u8]) {}

    fn cancelled(&self) -> bool {
        self.failure.is_some() || self.out.cancelled()
    }
}
