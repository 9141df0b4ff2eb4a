//! What an author's method returned, as the adapter describes it: JSON to segments and partials.
//!
//! Threads: any.

use auricle_plugin_api::{Error, Segment, Sink, Word};
use serde::Deserialize;

/// Samples per second.
const RATE: f64 = 16_000.0;

/// A text with its times in seconds since the last `init`.
#[derive(Debug, Deserialize)]
struct Described {
    start: f64,
    end: f64,
    text: String,
    #[serde(default)]
    partial: bool,
    confidence: Option<f32>,
    language: Option<String>,
    #[serde(default)]
    words: Vec<Described>,
}

/// Reports the results to the server. `offset` is the sample at which their times begin.
pub(crate) fn report(json: &[u8], offset: u64, sink: &mut Sink<'_>) -> Result<(), Error> {
    for described in serde_json::from_slice::<Vec<Described>>(json)? {
        let partial = described.partial;
        let segment = segment(described, offset);
        if partial {
            sink.partial(&segment);
        } else {
            sink.segment(&segment);
        }
    }
    Ok(())
}

fn segment(described: Described, offset: u64) -> Segment {
    let (start, end) = samples(&described, offset);
    let mut segment = Segment::new(start, end, described.text);
    (segment.confidence, segment.language) = (described.confidence, described.language);
    segment.words = described.words.into_iter().map(|each| word(each, offset)).collect();
    segment
}

fn word(described: Described, offset: u64) -> Word {
    let (start, end) = samples(&described, offset);
    let mut word = Word::new(start, end, described.text);
    word.confidence = described.confidence;
    word
}

/// The times in samples. The server corrects what is out of order or outside of the audio.
fn samples(described: &Described, offset: u64) -> (u64, u64) {
    // A conversion of a float is limited to the range of the integer.
    let sample = |seconds: f64| offset.saturating_add((seconds * RATE).round() as u64);
    (sample(described.start), sample(described.end.max(described.start)))
}
