//! The events of an engine behind a gate: times of the stream, and restart points with the gate's state.

use super::flow::Gate;
use auricle_plugin_api::{Segment, host::EventSink};

/// Passes an engine's events on. Without a gate they are passed on as they are.
pub(in crate::worker) struct GateSink<'a> {
    pub(in crate::worker) gate: Option<&'a mut Gate>,
    pub(in crate::worker) sink: &'a mut dyn EventSink,
}

impl GateSink<'_> {
    /// The text with times of the stream.
    fn placed(&mut self, mut text: Segment) -> Segment {
        let Some(gate) = &mut self.gate else { return text };
        let timeline = gate.timeline();
        if !timeline.is_empty() {
            (text.start, text.end) = (timeline.start(text.start), timeline.end(text.end));
            for word in &mut text.words {
                (word.start, word.end) = (timeline.start(word.start), timeline.end(word.end));
            }
        }
        gate.note_text(text.end);
        text
    }

    /// Whether the engine's own starts and ends of speech are passed on.
    fn passes_speech(&self) -> bool {
        !self.gate.as_ref().is_some_and(|gate| gate.reports())
    }
}

impl EventSink for GateSink<'_> {
    fn partial(&mut self, segment: Segment) {
        let segment = self.placed(segment);
        self.sink.partial(segment);
    }

    fn segment(&mut self, segment: Segment) {
        let segment = self.placed(segment);
        self.sink.segment(segment);
    }

    fn speech_started(&mut self, sample: u64) {
        if self.passes_speech() {
            let sample = self.gate.as_ref().map_or(sample, |gate| gate.timeline().start(sample));
            self.sink.speech_started(sample);
        }
    }

    fn endpoint(&mut self, sample: u64) {
        if self.passes_speech() {
            let sample = self.gate.as_ref().map_or(sample, |gate| gate.timeline().end(sample));
            self.sink.endpoint(sample);
        }
    }

    fn restart_point(&mut self, sample: u64, state: &[u8]) {
        match &self.gate {
            None => self.sink.restart_point(sample, state),
            // A state is always encoded; otherwise the last point stays good.
            Some(gate) => {
                if let Ok(Some((sample, state))) = gate.engine_point(sample, state) {
                    self.sink.restart_point(sample, &state);
                }
            }
        }
    }

    fn cancelled(&self) -> bool {
        self.sink.cancelled()
    }
}
