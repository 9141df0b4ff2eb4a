//! Sinks that record what an engine reports.

use auricle_plugin_api::{Segment, Word, host::EventSink};
use std::{cell::Cell, mem};

/// Everything an engine reported, by kind, in order. Times are samples, absolute in the stream.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Recording {
    /// Final segments.
    pub segments: Vec<Segment>,
    /// Partial hypotheses.
    pub partials: Vec<Segment>,
    /// Where speech started.
    pub speech_starts: Vec<u64>,
    /// Where an utterance ended.
    pub endpoints: Vec<u64>,
    /// Restart points.
    pub restart_points: Vec<RestartPoint>,
}

/// A sample of the stream and the state from which another processor can go on there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartPoint {
    /// The first sample that is still needed.
    pub sample: u64,
    /// The engine's state.
    pub state: Vec<u8>,
    /// How many segments of the recording came before this point.
    pub segments_before: usize,
}

impl Recording {
    /// The texts of the segments.
    pub fn texts(&self) -> Vec<String> {
        self.segments.iter().map(|segment| segment.text().into_owned()).collect()
    }

    /// The texts of the segments, joined by spaces.
    pub fn text(&self) -> String {
        self.texts().join(" ")
    }

    /// The words of the segments, where the engine times them.
    pub fn words(&self) -> impl Iterator<Item = &Word> {
        self.segments.iter().flat_map(|segment| &segment.words)
    }

    /// What was recorded since the last time, leaving nothing.
    pub fn take(&mut self) -> Self {
        mem::take(self)
    }
}

impl EventSink for Recording {
    fn partial(&mut self, segment: Segment) {
        self.partials.push(segment);
    }

    fn segment(&mut self, segment: Segment) {
        self.segments.push(segment);
    }

    fn speech_started(&mut self, sample: u64) {
        self.speech_starts.push(sample);
    }

    fn endpoint(&mut self, sample: u64) {
        self.endpoints.push(sample);
    }

    fn restart_point(&mut self, sample: u64, state: &[u8]) {
        let segments_before = self.segments.len();
        self.restart_points.push(RestartPoint { sample, state: state.to_vec(), segments_before });
    }
}

/// The sink of a client that leaves while the engine works: [`cancelled`](auricle_plugin_api::Sink::cancelled) is true once
/// the engine has asked a number of times.
#[derive(Debug)]
pub struct CancelAfter {
    /// What the engine reported before the client left.
    pub recording: Recording,
    questions: usize,
    asked: Cell<usize>,
}

impl CancelAfter {
    /// The client leaves at question number `questions`, counted from 0.
    pub fn new(questions: usize) -> Self {
        Self { recording: Recording::default(), questions, asked: Cell::new(0) }
    }

    /// How often the engine has asked so far.
    pub fn asked(&self) -> usize {
        self.asked.get()
    }

    /// # Panics
    /// Where the engine goes on reporting after it was told that nobody listens.
    fn still_there(&mut self) -> &mut Recording {
        assert!(self.asked.get() <= self.questions, "the engine reported after it was cancelled");
        &mut self.recording
    }
}

impl EventSink for CancelAfter {
    fn partial(&mut self, segment: Segment) {
        self.still_there().partial(segment);
    }

    fn segment(&mut self, segment: Segment) {
        self.still_there().segment(segment);
    }

    fn speech_started(&mut self, sample: u64) {
        self.recording.speech_started(sample);
    }

    fn endpoint(&mut self, sample: u64) {
        self.recording.endpoint(sample);
    }

    fn restart_point(&mut self, sample: u64, state: &[u8]) {
        self.recording.restart_point(sample, state);
    }

    fn cancelled(&self) -> bool {
        let asked = self.asked.get();
        self.asked.set(asked + 1);
        asked >= self.questions
    }
}
