//! A stream: audio to features, features through the network, tokens to events.
//!
//! Invariant: a step runs as soon as its window of features is complete, so events do not depend on how the audio
//! arrived. Threads: one at a time, not always the same.

use crate::{
    batch,
    cache::Caches,
    encoder::Order,
    model::Recognizer,
    options::Options,
    restart::{self, Points, State},
    search::Search,
    utterance::{self, Clock},
};
use auricle_plugin_api::{AsrProcessor, Error, ErrorCode, Segment, Sink};
use auricle_plugin_kit::fbank::Fbank;
use std::sync::Arc;

/// A stream of the backend `onnx`.
pub struct Processor {
    model: Arc<Recognizer>,
    pub(crate) options: Options,
    features: Fbank,
    pub(crate) caches: Caches,
    pub(crate) search: Search,
    /// The sample of the stream's first frame.
    offset: u64,
    /// One past the last sample of the stream so far.
    end: u64,
    /// The first feature frame of the next step.
    next: u64,
    /// The next restart point is reported at the first step that begins at or after this frame.
    restart: u64,
    /// The output frame at which the utterance began.
    start: u64,
    /// The utterance's tokens when they were last reported.
    last: Vec<u32>,
    /// Whether the start of the utterance was reported.
    reported: bool,
}

impl Processor {
    pub(crate) fn new(model: Arc<Recognizer>, options: Options) -> Result<Self, Error> {
        Ok(Self {
            features: Fbank::new(Arc::clone(&model.features)),
            caches: model.encoder.fresh(),
            search: model.decoder.search(&options.search),
            options,
            offset: 0,
            end: 0,
            next: 0,
            restart: 0,
            start: 0,
            last: Vec::new(),
            reported: false,
            model,
        })
    }

    /// Whether the features of the next step are complete.
    pub(crate) fn ready(&self) -> bool {
        self.features.ready() >= self.next + self.model.encoder.layout.window as u64
    }

    /// Copies the features of the next step, and advances to the step after it.
    pub(crate) fn take_window(&mut self, window: &mut [f32]) {
        let layout = &self.model.encoder.layout;
        let frames = self.next..self.next + layout.window as u64;
        match layout.window_order {
            Order::FramesFirst => self.features.copy(frames, window),
            Order::WidthFirst => self.features.copy_transposed(frames, window),
        }
        self.next += layout.shift as u64;
        self.features.discard_before(self.next);
    }

    /// Ends the audio: silence follows, in which the rest is recognised.
    pub(crate) fn end_audio(&mut self) {
        if self.end > self.offset {
            self.features.accept(&vec![0.0; self.model.tail]);
        }
    }

    /// Runs the steps whose features are complete.
    fn steps(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        let model = Arc::clone(&self.model);
        while self.ready() {
            batch::step_alone(&model, self)?;
            self.report(sink)?;
        }
        Ok(())
    }

    /// Reports the results of a step.
    pub(crate) fn report(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        let (clock, now) = (self.clock(), self.search.frame());
        let tokens = self.search.tokens();
        if !tokens.iter().map(|token| token.id).eq(self.last.iter().copied()) {
            self.last = tokens.iter().map(|token| token.id).collect();
            if let Some(segment) = self.segment() {
                if !self.reported {
                    sink.speech_started(segment.start);
                    self.reported = true;
                }
                sink.partial(&segment);
            }
        }
        let tokens = self.search.tokens();
        let silence = now.saturating_sub(tokens.last().map_or(self.start, |token| token.end));
        let seconds = |frames: u64| (frames * clock.step) as f64 / f64::from(self.model.rate());
        let ends = self.options.rules.end(seconds(now - self.start), seconds(silence), !tokens.is_empty());
        if ends && self.end_utterance(sink) {
            sink.endpoint(clock.end(now));
        }
        self.report_restart(ends, sink)
    }

    /// The text of the utterance so far.
    fn segment(&self) -> Option<Segment> {
        let (tokens, symbols, clock) = (self.search.tokens(), &self.model.symbols, self.clock());
        let segment = utterance::segment(tokens, symbols, clock)?;
        Some(if self.options.tokens {
            segment.extra("tokens", utterance::listed(tokens, symbols, clock))
        } else {
            segment
        })
    }

    /// Ends the utterance: its text is final. Returns whether there was any.
    pub(crate) fn end_utterance(&mut self, sink: &mut Sink<'_>) -> bool {
        let segment = self.segment();
        self.model.decoder.end_utterance(&mut self.search);
        self.start = self.search.frame();
        self.last.clear();
        self.reported = false;
        segment.iter().for_each(|segment| sink.segment(segment));
        segment.is_some()
    }

    /// Reports a restart point if one is due, after a step; `ended` is whether that ended an utterance.
    fn report_restart(&mut self, ended: bool, sink: &mut Sink<'_>) -> Result<(), Error> {
        let sample = self.offset + self.model.features.first_sample_of(self.next);
        if sample > self.end {
            // Only silence is left after the end.
            return Ok(());
        }
        let seconds = match self.model.points {
            Points::AtEndpoints => {
                if ended {
                    sink.restart_point(sample, restart::ANEW);
                }
                return Ok(());
            }
            Points::Every(_) if self.next < self.restart => return Ok(()),
            Points::Every(seconds) => seconds,
        };
        self.restart = self.next + (seconds * f64::from(self.model.rate())) as u64 / self.model.hop();
        let state = State {
            offset: self.offset,
            next: self.next,
            search: self.search.clone(),
            start: self.start,
            reported: self.reported,
        };
        let encoder = &self.model.encoder;
        let caches = |to: &mut Vec<u8>| Ok(self.caches.write(&encoder.layout.caches, to)?);
        if let Some(bytes) = restart::encode(&state, encoder.cache_bytes(), caches)? {
            sink.restart_point(sample, &bytes);
        }
        Ok(())
    }

    fn clock(&self) -> Clock {
        let step = self.model.hop() * self.model.encoder.layout.subsampling as u64;
        Clock { offset: self.offset, step, end: self.end }
    }
}

impl AsrProcessor for Processor {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        *self = Self { offset, end: offset, ..Self::new(Arc::clone(&self.model), self.options.clone())? };
        Ok(())
    }

    fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> {
        self.features.accept(samples);
        self.end += samples.len() as u64;
        Ok(())
    }

    fn process_iter(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        self.steps(sink)
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        self.end_audio();
        self.steps(sink)?;
        self.end_utterance(sink);
        Ok(())
    }

    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        let foreign = || Error::new(ErrorCode::CONTRACT, "the restart state belongs to another model or place");
        if state == restart::ANEW {
            return self.init(sample);
        }
        let (State { offset, next, search, start, reported }, caches) = restart::decode(state)?;
        let model = Arc::clone(&self.model);
        let first = offset.checked_add(model.features.first_sample_of(next)).ok_or_else(foreign)?;
        let caches =
            Caches::from_bytes(&model.encoder.layout.caches, caches).filter(|_| first == sample).ok_or_else(foreign)?;
        if !model.decoder.is_of(&search, &self.options.search) || start > search.frame() {
            return Err(foreign());
        }
        let last = search.tokens().iter().map(|token| token.id).collect();
        let features = Fbank::resume(Arc::clone(&model.features), next);
        *self = Self {
            features,
            caches,
            search,
            offset,
            end: sample,
            next,
            restart: next,
            start,
            last,
            reported,
            ..Self::new(model, self.options.clone())?
        };
        Ok(())
    }
}
