//! What an author's method returned, as the adapter describes it: JSON to texts and events.
//!
//! Threads: any.

use crate::{interpreter::Exception, model::RATE};
use auricle_plugin_api::{Error, Segment, Sink, Word};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What was returned for one stream of a batch.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Item {
    /// Texts and events.
    Results(Vec<Returned>),
    /// An exception.
    Failed(Exception),
}

/// One of the results.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Returned {
    Event(Event),
    Text(Described),
}

/// An event at a time, in seconds since the last `init`.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    SpeechStarted {
        time: f64,
    },
    Endpoint {
        time: f64,
    },
    /// Each character of the state is a byte.
    RestartPoint {
        time: f64,
        state: String,
    },
}

/// A text with its times in seconds since the last `init`.
#[derive(Debug, Deserialize)]
pub(crate) struct Described {
    start: f64,
    end: f64,
    text: String,
    #[serde(default)]
    partial: bool,
    confidence: Option<f32>,
    language: Option<String>,
    #[serde(default)]
    words: Vec<Described>,
    /// Further fields, for clients.
    #[serde(default)]
    extra: Map<String, Value>,
}

/// Reports the results of a batch's item to the server.
pub(crate) fn report_item(item: Item, offset: u64, sink: &mut Sink<'_>) -> Result<(), Error> {
    match item {
        Item::Results(results) => report(results, offset, sink),
        Item::Failed(exception) => return Err(exception.into_error()),
    }
    Ok(())
}

/// Reports results to the server. `offset` is the sample at which their times begin.
pub(crate) fn report(results: Vec<Returned>, offset: u64, sink: &mut Sink<'_>) {
    for result in results {
        match result {
            Returned::Event(Event::SpeechStarted { time }) => sink.speech_started(sample(time, offset)),
            Returned::Event(Event::Endpoint { time }) => sink.endpoint(sample(time, offset)),
            Returned::Event(Event::RestartPoint { time, state }) => {
                let state = offset.to_le_bytes().into_iter().chain(state.chars().map(|byte| byte as u8));
                sink.restart_point(sample(time, offset), &state.collect::<Vec<u8>>());
            }
            Returned::Text(described) if described.partial => sink.partial(&segment(described, offset)),
            Returned::Text(described) => sink.segment(&segment(described, offset)),
        }
    }
}

/// The offset at which a stream's times began, and the author's state, from that of a restart point.
///
/// # Errors
/// It is not one of [`report`]'s.
pub(crate) fn restart(state: &[u8]) -> Result<(u64, &[u8]), Error> {
    let (offset, state) =
        state.split_first_chunk().ok_or_else(|| Error::other("the restart point is not this engine's"))?;
    Ok((u64::from_le_bytes(*offset), state))
}

fn segment(described: Described, offset: u64) -> Segment {
    let (start, end) = samples(&described, offset);
    let mut segment = Segment::new(start, end, described.text);
    (segment.confidence, segment.language, segment.extra) = (described.confidence, described.language, described.extra);
    segment.words = described.words.into_iter().map(|each| word(each, offset)).collect();
    segment
}

fn word(described: Described, offset: u64) -> Word {
    let (start, end) = samples(&described, offset);
    let mut word = Word::new(start, end, described.text);
    (word.confidence, word.extra) = (described.confidence, described.extra);
    word
}

/// The times in samples. The server corrects what is out of order or outside of the audio.
fn samples(described: &Described, offset: u64) -> (u64, u64) {
    (sample(described.start, offset), sample(described.end.max(described.start), offset))
}

/// A time as a sample of the stream.
fn sample(seconds: f64, offset: u64) -> u64 {
    // A conversion of a float is limited to the range of the integer.
    offset.saturating_add((seconds * f64::from(RATE)).round() as u64)
}
