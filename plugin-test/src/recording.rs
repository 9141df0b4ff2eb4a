//! Sinks that record what an engine reports.

use auricle_plugin_api::{Segment, Word, host::EventSink};
use std::{cell::Cell, mem};

/// All events of an engine, by kind, in order. Times are samples, counted from the start of the stream.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Recording {
    /// Final segments.
    pub segments: Vec<Segment>,
    /// Partial hypotheses.
    pub partials: Vec<Segment>,
    /// Starts of speech.
    pub speech_starts: Vec<u64>,
    /// Ends of utterances.
    pub endpoints: Vec<u64>,
    /// Restart points.
    pub restart_points: Vec<RestartPoint>,
}

/// A place in the stream, and the state from which another processor can continue there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartPoint {
    /// The first sample that is still needed.
    pub sample: u64,
    /// The engine's state.
    pub state: Vec<u8>,
    /// Number of segments in the recording before this point.
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

    /// The words of the segments, if the engine reports them.
    pub fn words(&self) -> impl Iterator<Item = &Word> {
        self.segments.iter().flat_map(|segment| &segment.words)
    }

    /// Takes the events recorded since the last call.
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

/// The sink of a client that leaves during a call: [`cancelled`](auricle_plugin_api::Sink::cancelled) returns true once
/// the engine has called it a number of times.
#[derive(Debug)]
pub struct CancelAfter {
    /// The events before the client left.
    pub recording: Recording,
    questions: usize,
    asked: Cell<usize>,
}

impl CancelAfter {
    /// The client leaves at call number `questions` of `cancelled`, counted from 0.
    pub fn new(questions: usize) -> Self {
        Self { recording: Recording::default(), questions, asked: Cell::new(0) }
    }

    /// Number of calls of `cancelled` so far.
    pub fn asked(&self) -> usize {
        self.asked.get()
    }

    /// # Panics
    /// The engine reports something after it learned that the call is cancelled.
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
