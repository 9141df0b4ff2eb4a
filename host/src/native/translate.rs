//! A stream's events as messages.

use super::messages::{Ready, ServerEvent, Text, TextWord, seconds};
use crate::stream::Event;
use auricle_plugin_api::Segment;

/// What `Ready` says beyond the event itself; the same over the whole stream.
#[derive(Debug, Clone)]
pub(super) struct Translator {
    /// With epoch 0.
    pub(super) ready: Ready,
}

impl Translator {
    /// The message for an event.
    pub(super) fn message(&self, event: Event) -> ServerEvent {
        let rate = self.ready.sample_rate;
        match event {
            Event::Ready { epoch } => ServerEvent::Ready(Ready { epoch, ..self.ready.clone() }),
            Event::SpeechStarted(sample) => ServerEvent::SpeechStarted { time: seconds(sample, rate) },
            Event::Partial(segment) => ServerEvent::Partial(text(segment, rate)),
            Event::Segment(segment) => ServerEvent::Segment(text(segment, rate)),
            Event::Endpoint(sample) => ServerEvent::Endpoint { time: seconds(sample, rate) },
            Event::Lag(samples) => ServerEvent::Lag { seconds: seconds(samples, rate) },
            Event::Gap(start, end) => ServerEvent::Gap { start: seconds(start, rate), end: seconds(end, rate) },
            Event::Flushed(sample) => ServerEvent::Flushed { sample },
            Event::Failed(failure) => ServerEvent::Error { code: failure.code, message: failure.message },
            Event::Done(sample) => ServerEvent::Done { seconds: seconds(sample, rate) },
        }
    }
}

fn text(segment: Segment, rate: u32) -> Text {
    let words = segment
        .words
        .iter()
        .map(|word| TextWord {
            start: seconds(word.start, rate),
            end: seconds(word.end, rate),
            text: word.text().into_owned(),
            confidence: word.confidence,
            extra: word.extra.clone(),
        })
        .collect();
    Text {
        start: seconds(segment.start, rate),
        end: seconds(segment.end, rate),
        text: segment.text().into_owned(),
        confidence: segment.confidence,
        language: segment.language,
        words,
        extra: segment.extra,
    }
}
