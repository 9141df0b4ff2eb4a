//! Answers for vosk clients: exactly one text for each audio message, one for `reset` and one for `eof`.
//!
//! No I/O and no clock: the caller passes the stream's events in ([`Replies::apply`]) and takes an answer for each message
//! of the client. A segment is sent once, in the next answer; a partial is sent in each answer until another text replaces
//! it.

use super::{
    config::Options,
    messages::{Alternative, ServerMessage, Word},
};
use auricle_core::{Event, Failure};
use auricle_plugin_api::Segment;

/// The answers of a connection.
#[derive(Debug)]
pub struct Replies {
    words: bool,
    alternatives: bool,
    rate: u32,
    separator: String,
    /// Segments not yet sent.
    segments: Vec<Segment>,
    /// The text after the last segment.
    partial: String,
}

/// An event after which an answer is due, even without text.
#[derive(Debug, Clone, PartialEq)]
pub enum Milestone {
    /// A flush is complete: [`Replies::answer_end`] now answers `reset`.
    Flushed,
    /// The stream has ended: [`Replies::answer_end`] now answers `eof`.
    Done,
    /// The stream has failed: send the failure ([`ServerMessage::from`]) and close.
    Failed(Failure),
}

impl Replies {
    /// Creates the answers for a stream. `rate` is the model's sample rate in Hz; `separator` joins the texts of
    /// segments.
    pub fn new(options: &Options, rate: u32, separator: impl Into<String>) -> Self {
        Self {
            words: options.words,
            alternatives: options.alternatives,
            rate,
            separator: separator.into(),
            segments: Vec::new(),
            partial: String::new(),
        }
    }

    /// Applies changed options.
    pub fn configure(&mut self, options: &Options) {
        (self.words, self.alternatives) = (options.words, options.alternatives);
    }

    /// Processes the stream's next event.
    pub fn apply(&mut self, event: Event) -> Option<Milestone> {
        match event {
            Event::Partial(segment) => self.partial = segment.text().into_owned(),
            Event::Segment(segment) => {
                self.partial.clear();
                self.segments.push(segment);
            }
            Event::Flushed(_) => return Some(Milestone::Flushed),
            Event::Done(_) => return Some(Milestone::Done),
            Event::Failed(failure) => return Some(Milestone::Failed(failure)),
            // The protocol has no messages for these.
            Event::Ready { .. } | Event::SpeechStarted(_) | Event::Endpoint(_) | Event::Turn(_) => {}
            Event::Warning(_) | Event::Lag(_) | Event::Gap(..) | Event::Restarted(_) => {}
        }
        None
    }

    /// Answers an audio message: with the final text since the last answer, or else with the partial.
    pub fn answer_audio(&mut self) -> ServerMessage {
        if self.segments.is_empty() {
            ServerMessage::Partial { partial: self.partial.clone() }
        } else {
            self.take_final()
        }
    }

    /// Whether there is final text that was not sent yet.
    pub fn has_final(&self) -> bool {
        !self.segments.is_empty()
    }

    /// Answers `reset` or `eof` once everything is decoded: with the final text since the last answer, which may be
    /// empty.
    pub fn answer_end(&mut self) -> ServerMessage {
        self.partial.clear();
        self.take_final()
    }

    fn take_final(&mut self) -> ServerMessage {
        let segments = std::mem::take(&mut self.segments);
        let texts: Vec<_> = segments.iter().map(Segment::text).filter(|text| !text.is_empty()).collect();
        let text = texts.join(&self.separator);
        let timed = segments.iter().flat_map(|segment| segment.words.iter().map(move |word| (segment, word)));
        let mut result: Vec<_> = timed
            .filter(|_| self.words)
            .map(|(segment, word)| Word {
                conf: Some(word.confidence.or(segment.confidence).map_or(1.0, f64::from)),
                end: self.seconds(word.end),
                start: self.seconds(word.start),
                word: word.text().into_owned(),
            })
            .collect();
        if !self.alternatives {
            return ServerMessage::Final { result, text };
        }
        result.iter_mut().for_each(|word| word.conf = None);
        // The lowest confidence of the segments.
        let confidence = segments.iter().filter_map(|segment| segment.confidence).map(f64::from).fold(1.0, f64::min);
        ServerMessage::Alternatives { alternatives: vec![Alternative { confidence, result, text }] }
    }

    fn seconds(&self, samples: u64) -> f64 {
        samples as f64 / f64::from(self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_core::FailureCode;
    use proptest::prelude::*;

    fn replies(options: Options) -> Replies {
        Replies::new(&options, 16_000, " ")
    }

    fn segment_event(text: &str) -> Event {
        Event::Segment(segment(text))
    }

    /// A segment in which each word lasts half a second.
    fn segment(text: &str) -> Segment {
        let words: Vec<_> = text
            .split_whitespace()
            .enumerate()
            .map(|(n, word)| auricle_plugin_api::Word::new(8_000 * n as u64, 8_000 * (n as u64 + 1), word))
            .collect();
        Segment::new(0, 8_000 * words.len() as u64, text).words(words)
    }

    fn partial_event(text: &str) -> Event {
        Event::Partial(Segment::new(0, 1, text))
    }

    fn partial(text: &str) -> ServerMessage {
        ServerMessage::Partial { partial: text.into() }
    }

    /// A final text without `result`.
    fn final_text(text: &str) -> ServerMessage {
        ServerMessage::Final { result: Vec::new(), text: text.into() }
    }

    #[test]
    fn audio_is_answered_by_what_is_heard_so_far() {
        let mut replies = replies(Options::default());
        assert_eq!(replies.answer_audio(), partial(""));
        for event in [
            Event::Ready { epoch: 0 },
            Event::SpeechStarted(0),
            partial_event("on"),
            Event::Lag(std::time::Duration::from_secs(3)),
            partial_event("one"),
        ] {
            assert_eq!(replies.apply(event), None);
        }
        assert_eq!(replies.answer_audio(), partial("one"));
        assert_eq!(replies.answer_audio(), partial("one"), "nothing new came");
    }

    #[test]
    fn segments_are_told_once_and_together() {
        let mut replies = replies(Options { words: false, ..Options::default() });
        for event in [
            partial_event("on"),
            segment_event("one"),
            Event::Endpoint(5),
            segment_event("two three"),
            partial_event("fo"),
        ] {
            replies.apply(event);
        }
        assert_eq!(replies.answer_audio(), final_text("one two three"));
        assert_eq!(replies.answer_audio(), partial("fo"), "what came after the segments is not lost");
        replies.apply(segment_event("four"));
        assert_eq!(replies.answer_audio(), final_text("four"));
        assert_eq!(replies.answer_audio(), partial(""), "the segment has replaced its partial");
    }

    #[test]
    fn an_endpoint_alone_is_no_final_text() {
        let mut replies = replies(Options::default());
        replies.apply(Event::Endpoint(7));
        assert_eq!(replies.answer_audio(), partial(""));
    }

    #[test]
    fn the_ends_are_answered_finally_be_it_by_nothing() {
        let mut replies = replies(Options { words: false, ..Options::default() });
        replies.apply(partial_event("o"));
        replies.apply(segment_event("one"));
        assert_eq!(replies.apply(Event::Flushed(100)), Some(Milestone::Flushed));
        assert_eq!(replies.answer_end(), final_text("one"));
        replies.apply(partial_event("noise"));
        assert_eq!(replies.apply(Event::Done(100)), Some(Milestone::Done));
        assert_eq!(replies.answer_end(), final_text(""));
        assert_eq!(replies.answer_audio(), partial(""));
    }

    #[test]
    fn a_failure_is_handed_on() {
        let failure = Failure::new(FailureCode::EngineError, "it broke");
        let event = Event::Failed(failure.clone());
        assert_eq!(replies(Options::default()).apply(event), Some(Milestone::Failed(failure)));
    }

    #[test]
    fn words_have_seconds_and_the_best_confidence_there_is() {
        let mut replies = replies(Options::default());
        let mut sure = segment("one two").confidence(0.5);
        sure.words[1].confidence = Some(0.25);
        replies.apply(Event::Segment(sure));
        replies.apply(segment_event("three"));
        let word = |word: &str, start, end, conf| Word { conf: Some(conf), end, start, word: word.into() };
        let result = vec![word("one", 0.0, 0.5, 0.5), word("two", 0.5, 1.0, 0.25), word("three", 0.0, 0.5, 1.0)];
        assert_eq!(replies.answer_audio(), ServerMessage::Final { result, text: "one two three".into() });
    }

    #[test]
    fn there_is_no_result_where_words_are_off_or_not_timed() {
        let mut off = replies(Options { words: false, ..Options::default() });
        off.apply(segment_event("one"));
        assert_eq!(off.answer_audio(), final_text("one"));
        let mut untimed = replies(Options::default());
        untimed.apply(Event::Segment(Segment::new(0, 1, "one")));
        assert_eq!(untimed.answer_audio(), final_text("one"));
    }

    #[test]
    fn texts_are_joined_as_the_engine_says() {
        let mut replies = Replies::new(&Options { words: false, ..Options::default() }, 16_000, "");
        for text in ["一", "", "二"] {
            replies.apply(segment_event(text));
        }
        assert_eq!(replies.answer_audio(), final_text("一二"));
    }

    #[test]
    fn alternatives_are_one() {
        let mut replies = replies(Options { alternatives: true, ..Options::default() });
        replies.apply(Event::Segment(segment("one").confidence(0.5)));
        replies.apply(Event::Segment(segment("two").confidence(0.75)));
        let word = |word: &str| Word { conf: None, end: 0.5, start: 0.0, word: word.into() };
        let answer = |confidence, result, text: &str| ServerMessage::Alternatives {
            alternatives: vec![Alternative { confidence, result, text: text.into() }],
        };
        assert_eq!(replies.answer_audio(), answer(0.5, vec![word("one"), word("two")], "one two"));
        assert_eq!(replies.answer_end(), answer(1.0, Vec::new(), ""));
        replies.apply(partial_event("th"));
        assert_eq!(replies.answer_audio(), partial("th"), "what is not final has no alternatives");
    }

    proptest! {
        /// Whenever the answers are taken, the final texts are the segments' texts in order.
        #[test]
        fn nothing_is_lost_or_told_twice(events in prop::collection::vec((0..3, any::<bool>()), 0..40)) {
            let mut replies = replies(Options { words: false, ..Options::default() });
            let (mut expected, mut sent) = (Vec::new(), Vec::new());
            let mut keep = |message| if let ServerMessage::Final { text, .. } = message { sent.push(text) };
            for (n, (kind, answered)) in events.into_iter().enumerate() {
                match kind {
                    0 => {
                        expected.push(n.to_string());
                        replies.apply(segment_event(&n.to_string()));
                    }
                    1 => drop(replies.apply(partial_event("unstable"))),
                    _ => drop(replies.apply(Event::Endpoint(1))),
                }
                if answered {
                    keep(replies.answer_audio());
                }
            }
            keep(replies.answer_end());
            let sent: Vec<_> = sent.iter().flat_map(|text| text.split_whitespace()).collect();
            prop_assert_eq!(sent, expected);
        }
    }
}
