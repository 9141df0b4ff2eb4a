//! The results of a stream.
//!
//! Invariants: the parts of final results follow each other without gaps from 0 on. If the engine reports endpoints, or a
//! `Finalize` is not answered yet, the last segment is held until the next event, which shows whether the utterance or the
//! answer ends with it. No I/O.

use super::{
    messages::{Alternative, Channel, ModelInfo, Results, ResultsMetadata, ServerMessage},
    words::alternative,
};
use auricle_core::times::seconds;
use auricle_plugin_api as api;
use auricle_session::SessionInfo;

/// Makes results of segments.
#[derive(Debug)]
pub(super) struct Timeline {
    metadata: ResultsMetadata,
    /// The channel, and the number of channels.
    channel: [u16; 2],
    /// The model's sample rate in Hz.
    rate: u32,
    has_endpoints: bool,
    /// Whether languages are reported.
    detects_language: bool,
    /// The end of the last final result, in samples.
    end: u64,
    /// `Finalize` messages that are not answered yet.
    flushes: u32,
    held: Option<Results>,
}

impl Timeline {
    /// Before a session is open.
    pub(super) fn new(request_id: &str, channel: [u16; 2], detects_language: bool) -> Self {
        let metadata = ResultsMetadata { request_id: request_id.to_owned(), ..ResultsMetadata::default() };
        Self { metadata, channel, rate: 16_000, has_endpoints: false, detects_language, end: 0, flushes: 0, held: None }
    }

    /// The session is open.
    pub(super) fn open(&mut self, info: &SessionInfo) {
        self.metadata.model_info = ModelInfo::of(info);
        self.rate = info.metadata.sample_rate;
        self.has_endpoints = info.metadata.capabilities.iter().any(|name| name == "endpoints");
    }

    /// The channel, and the number of channels.
    pub(super) fn channel(&self) -> [u16; 2] {
        self.channel
    }

    /// The time of a sample in seconds.
    pub(super) fn time(&self, sample: u64) -> f64 {
        seconds(sample, self.rate)
    }

    fn sample(&self, time: f64) -> u64 {
        (time * f64::from(self.rate)).round() as u64
    }

    /// The result for unstable text.
    pub(super) fn partial(&self, text: &api::Segment) -> ServerMessage {
        ServerMessage::Results(self.part(self.alternative(text), text.end))
    }

    /// Adds a segment. Returns the results that are complete now.
    pub(super) fn segment(&mut self, text: &api::Segment) -> Vec<ServerMessage> {
        let mut complete: Vec<_> = self.release().into_iter().collect();
        self.held = Some(self.advance(self.alternative(text), text.end));
        if !self.has_endpoints && self.flushes == 0 {
            complete.extend(self.release());
        }
        complete
    }

    /// The utterance ended at this sample. Returns its result, unless it may be the last before the answer to a `Finalize`.
    pub(super) fn endpoint(&mut self, sample: u64) -> Option<ServerMessage> {
        self.held = Some(Results { speech_final: true, ..self.through(sample) });
        if self.flushes == 0 { self.release() } else { None }
    }

    /// The client asks for the text so far.
    pub(super) fn finalize(&mut self) {
        self.flushes += 1;
    }

    /// The text of a `Finalize` is complete up to this time in seconds.
    pub(super) fn finalized(&mut self, time: f64) -> ServerMessage {
        let sample = self.sample(time);
        self.flushes = self.flushes.saturating_sub(1);
        Results { speech_final: true, from_finalize: true, ..self.through(sample) }.into()
    }

    /// The audio ended at this time in seconds.
    pub(super) fn ended(&mut self, time: f64) -> ServerMessage {
        let sample = self.sample(time);
        Results { speech_final: true, ..self.through(sample) }.into()
    }

    /// The held result.
    pub(super) fn held(&self) -> Option<ServerMessage> {
        self.held.clone().map(ServerMessage::from)
    }

    /// Returns the held result: another event follows.
    pub(super) fn release(&mut self) -> Option<ServerMessage> {
        self.held.take().map(ServerMessage::from)
    }

    /// The held result, or else an empty one, which now ends at a sample.
    fn through(&mut self, sample: u64) -> Results {
        let sample = sample.max(self.end);
        match self.held.take() {
            Some(mut held) => {
                self.end = sample;
                held.duration = self.time(sample) - held.start;
                held
            }
            None => {
                let nothing = Alternative {
                    transcript: String::new(),
                    confidence: 0.0,
                    languages: Vec::new(),
                    words: Vec::new(),
                };
                self.advance(nothing, sample)
            }
        }
    }

    /// A final result from the end of the one before to a sample.
    fn advance(&mut self, text: Alternative, end: u64) -> Results {
        let result = Results { is_final: true, ..self.part(text, end) };
        self.end = self.end.max(end);
        result
    }

    fn alternative(&self, text: &api::Segment) -> Alternative {
        alternative(text, self.rate, self.detects_language)
    }

    fn part(&self, text: Alternative, end: u64) -> Results {
        let start = self.time(self.end);
        Results {
            channel_index: self.channel,
            duration: self.time(end.max(self.end)) - start,
            start,
            is_final: false,
            speech_final: false,
            channel: Channel { alternatives: vec![text] },
            metadata: self.metadata.clone(),
            from_finalize: false,
        }
    }
}

impl ModelInfo {
    /// The model of a session.
    pub(super) fn of(info: &SessionInfo) -> Self {
        Self { name: info.preset.clone(), arch: info.backend.clone(), version: String::new() }
    }
}

impl From<Results> for ServerMessage {
    fn from(results: Results) -> Self {
        Self::Results(results)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(has_endpoints: bool) -> Timeline {
        Timeline { has_endpoints, ..Timeline::new("r", [0, 1], true) }
    }

    fn text(start: u64, text: &str) -> api::Segment {
        api::Segment::new(start, start + 16_000, text).words(vec![api::Word::new(start, start + 16_000, text)])
    }

    /// Start, duration, text, and the marks of a result.
    fn brief(message: &ServerMessage) -> (f64, f64, &str, [bool; 3]) {
        let ServerMessage::Results(result) = message else { panic!("{message}") };
        let text = &result.channel.alternatives[0].transcript;
        (result.start, result.duration, text, [result.is_final, result.speech_final, result.from_finalize])
    }

    #[test]
    fn final_parts_have_no_gaps() {
        let mut timeline = timeline(false);
        assert_eq!(brief(&timeline.partial(&text(8_000, "o"))), (0.0, 1.5, "o", [false; 3]));
        let one = timeline.segment(&text(8_000, "one"));
        assert_eq!(one.iter().map(brief).collect::<Vec<_>>(), [(0.0, 1.5, "one", [true, false, false])]);
        // A segment that begins before the end of the one before.
        let two = timeline.segment(&text(16_000, "two"));
        assert_eq!(two.iter().map(brief).collect::<Vec<_>>(), [(1.5, 0.5, "two", [true, false, false])]);
        assert_eq!(brief(&timeline.endpoint(40_000).unwrap()), (2.0, 0.5, "", [true, true, false]));
        assert_eq!(brief(&timeline.finalized(3.0)), (2.5, 0.5, "", [true, true, true]));
        assert_eq!(brief(&timeline.ended(3.0)), (3.0, 0.0, "", [true, true, false]));
    }

    #[test]
    fn an_endpoint_marks_the_segment_before() {
        let mut timeline = timeline(true);
        assert!(timeline.segment(&text(0, "one")).is_empty());
        assert_eq!(brief(&timeline.endpoint(32_000).unwrap()), (0.0, 2.0, "one", [true, true, false]));
        assert!(timeline.segment(&text(32_000, "two")).is_empty());
        let two = timeline.segment(&text(48_000, "three"));
        assert_eq!(two.iter().map(brief).collect::<Vec<_>>(), [(2.0, 1.0, "two", [true, false, false])]);
        assert_eq!(brief(&timeline.finalized(5.0)), (3.0, 2.0, "three", [true, true, true]));
        assert_eq!(timeline.release(), None);
    }

    #[test]
    fn the_last_result_before_the_answer_to_finalize_has_the_mark() {
        for has_endpoints in [false, true] {
            let mut timeline = timeline(has_endpoints);
            timeline.finalize();
            assert!(timeline.segment(&text(0, "one")).is_empty());
            assert_eq!(timeline.endpoint(16_000), None);
            assert_eq!(brief(&timeline.finalized(2.0)), (0.0, 2.0, "one", [true, true, true]));
            assert_eq!(timeline.segment(&text(32_000, "two")).is_empty(), has_endpoints);
        }
    }
}
