//! Translates a session's events to messages.

use super::messages::{Ready, ServerEvent, Text, TextWord};
use auricle_core::{
    Event, Failure,
    times::{rounded, seconds},
};
use auricle_plugin_api::{Metadata, Segment};
use auricle_session::SessionInfo;
use std::sync::Arc;

/// Has the session's properties, for `ready`.
#[derive(Debug, Clone)]
pub(crate) struct Translator(Arc<SessionInfo>);

impl Translator {
    pub(crate) fn new(info: Arc<SessionInfo>) -> Self {
        Self(info)
    }

    /// Translates an event.
    pub(crate) fn message(&self, event: &Event) -> ServerEvent {
        let seconds = |samples: u64| seconds(samples, self.0.metadata.sample_rate);
        match event {
            Event::Ready { epoch } => ServerEvent::Ready(self.ready(*epoch)),
            Event::SpeechStarted(sample) => ServerEvent::SpeechStarted { time: seconds(*sample) },
            Event::Partial(segment) => ServerEvent::Partial(text(segment, seconds)),
            Event::Segment(segment) => ServerEvent::Segment(text(segment, seconds)),
            Event::Endpoint(sample) => ServerEvent::Endpoint { time: seconds(*sample) },
            Event::Lag(waited) => ServerEvent::Lag { seconds: rounded(*waited) },
            Event::Gap(start, end) => ServerEvent::Gap { start: seconds(*start), end: seconds(*end) },
            Event::Flushed(sample) => ServerEvent::Flushed { sample: *sample },
            Event::Failed(failure) => Self::error(failure),
            Event::Done(sample) => ServerEvent::Done { seconds: seconds(*sample) },
        }
    }

    /// Translates a failure.
    pub(crate) fn error(failure: &Failure) -> ServerEvent {
        ServerEvent::Error { code: failure.code.for_clients(), message: failure.message.clone() }
    }

    fn ready(&self, epoch: u32) -> Ready {
        let SessionInfo { id, preset, backend, metadata, audio } = &*self.0;
        let Metadata { separator, sample_rate, chunk_samples, languages, capabilities, .. } = metadata;
        Ready {
            stream: id.clone(),
            epoch,
            preset: preset.clone(),
            backend: backend.clone(),
            separator: separator.clone(),
            sample_rate: *sample_rate,
            chunk_seconds: seconds((*chunk_samples).into(), *sample_rate),
            languages: languages.clone(),
            capabilities: capabilities.clone(),
            audio: *audio,
        }
    }
}

fn text(segment: &Segment, seconds: impl Fn(u64) -> f64) -> Text {
    let words = segment
        .words
        .iter()
        .map(|word| TextWord {
            start: seconds(word.start),
            end: seconds(word.end),
            text: word.text().into_owned(),
            confidence: word.confidence,
            extra: word.extra.clone(),
        })
        .collect();
    Text {
        start: seconds(segment.start),
        end: seconds(segment.end),
        text: segment.text().into_owned(),
        confidence: segment.confidence,
        language: segment.language.clone(),
        words,
        extra: segment.extra.clone(),
    }
}
