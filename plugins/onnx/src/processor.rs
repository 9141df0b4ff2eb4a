//! One stream: audio to features, features through the network, tokens to events.
//!
//! Invariant: a step runs as soon as its window of features is there, so what is told does not depend on how the audio came.
//! Threads: one at a time, not always the same.

use crate::{
    ctc::Greedy,
    endpoint::Rules,
    model::Recognizer,
    network::Caches,
    restart::{self, State},
    utterance::{Clock, Utterance},
};
use auricle_plugin_api::{AsrProcessor, Error, ErrorCode, Sink};
use auricle_plugin_kit::fbank::Fbank;
use std::sync::Arc;

/// Audio between two restart points, in seconds.
const RESTART_SECONDS: f64 = 1.0;

/// A stream of the backend `onnx`.
pub struct Processor {
    model: Arc<Recognizer>,
    rules: Rules,
    features: Fbank,
    /// A window of features [bins, window], used anew by each step.
    window: Vec<f32>,
    caches: Caches,
    /// Sample of the stream's first frame.
    offset: u64,
    /// One past the stream's last sample so far.
    end: u64,
    /// First frame of features of the next step.
    next: u64,
    /// The next step from which a restart point is told, by its first frame.
    restart: u64,
    greedy: Greedy,
    utterance: Utterance,
    /// Whether the utterance's beginning was told.
    told: bool,
}

impl Processor {
    pub(crate) fn new(model: Arc<Recognizer>, rules: Rules) -> Result<Self, Error> {
        let layout = &model.network.layout;
        Ok(Self {
            rules,
            features: Fbank::new(Arc::clone(&model.features)),
            window: vec![0.0; layout.features.bins * layout.window],
            caches: model.network.fresh()?,
            offset: 0,
            end: 0,
            next: 0,
            restart: 0,
            greedy: Greedy::default(),
            utterance: Utterance::default(),
            told: false,
            model,
        })
    }

    /// Runs the steps whose features are there.
    fn steps(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        let model = Arc::clone(&self.model);
        let layout = &model.network.layout;
        while self.features.ready() >= self.next + layout.window as u64 {
            self.features.copy_transposed(self.next..self.next + layout.window as u64, &mut self.window);
            let (greedy, tokens) = (&mut self.greedy, &mut self.utterance.tokens);
            let blank = model.symbols.blank();
            let came = model
                .network
                .step(&self.window, &mut self.caches, |logprobs| greedy.decode(logprobs, blank, tokens))?;
            self.next += layout.shift as u64;
            self.features.discard_before(self.next);
            self.tell(came, sink);
            self.tell_restart(sink)?;
        }
        Ok(())
    }

    /// Tells what a step brought.
    fn tell(&mut self, came: bool, sink: &mut Sink<'_>) {
        let (clock, now) = (self.clock(), self.greedy.frame);
        if came && let Some(segment) = self.utterance.segment(&self.model.symbols, clock) {
            if !self.told {
                sink.speech_started(segment.start);
                self.told = true;
            }
            sink.partial(&segment);
        }
        let seconds = |frames: u64| (frames * clock.step) as f64 / f64::from(self.model.rate());
        let (length, silence) = (now - self.utterance.start, self.utterance.silence(now));
        if self.rules.end(seconds(length), seconds(silence), !self.utterance.tokens.is_empty())
            && self.end_utterance(sink)
        {
            sink.endpoint(clock.end(now));
        }
    }

    /// Ends the utterance: what was said in it is final. Returns whether anything was.
    fn end_utterance(&mut self, sink: &mut Sink<'_>) -> bool {
        let segment = self.utterance.segment(&self.model.symbols, self.clock());
        self.utterance = Utterance::at(self.greedy.frame);
        self.told = false;
        segment.iter().for_each(|segment| sink.segment(segment));
        segment.is_some()
    }

    /// Tells a restart point, unless the last one is recent.
    fn tell_restart(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        let sample = self.offset + self.model.features.first_sample_of(self.next);
        // Beyond the end there is only the silence after it.
        if self.next < self.restart || sample > self.end {
            return Ok(());
        }
        self.restart = self.next + (RESTART_SECONDS * f64::from(self.model.rate())) as u64 / self.model.hop();
        let state = State {
            offset: self.offset,
            next: self.next,
            greedy: self.greedy.clone(),
            utterance: self.utterance.clone(),
            told: self.told,
            caches: self.model.network.bytes(&self.caches)?,
        };
        let bytes = restart::encode(&state)?;
        if bytes.len() <= restart::MOST_BYTES {
            sink.restart_point(sample, &bytes);
        }
        Ok(())
    }

    fn clock(&self) -> Clock {
        let step = self.model.hop() * self.model.network.layout.subsampling as u64;
        Clock { offset: self.offset, step, end: self.end }
    }
}

impl AsrProcessor for Processor {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        *self = Self { offset, end: offset, ..Self::new(Arc::clone(&self.model), self.rules)? };
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
        if self.end > self.offset {
            self.features.accept(&vec![0.0; self.model.tail]);
            self.steps(sink)?;
            self.end_utterance(sink);
        }
        Ok(())
    }

    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        let foreign = || Error::new(ErrorCode::CONTRACT, "the restart state is of another model or another place");
        let State { offset, next, greedy, utterance, told, caches } = restart::decode(state)?;
        let first = offset.checked_add(self.model.features.first_sample_of(next)).ok_or_else(foreign)?;
        let caches = self.model.network.caches(&caches).filter(|_| first == sample).ok_or_else(foreign)?;
        let features = Fbank::resume(Arc::clone(&self.model.features), next);
        *self = Self {
            features,
            caches,
            offset,
            end: sample,
            next,
            restart: next,
            greedy,
            utterance,
            told,
            ..Self::new(Arc::clone(&self.model), self.rules)?
        };
        Ok(())
    }
}
