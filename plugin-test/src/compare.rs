//! Compares what an engine reports with what it must report. A difference is a text of one line.

use crate::{Recording, RestartPoint, TestModel};
use auricle_plugin_api::{Error, Replay, Segment, Word};

/// The largest state of a restart point, in bytes.
pub(crate) const MAX_STATE: usize = 1 << 20;

/// Segments and words are in order, start before they end, and end within `samples` samples.
pub(crate) fn times(segments: &[Segment], samples: u64) -> Result<(), String> {
    let mut last = 0;
    for segment in segments {
        if !(last <= segment.start && segment.start <= segment.end) {
            return Err(format!("after a segment that ends at sample {last} comes {}", place(segment)));
        }
        last = segment.end;
    }
    if last > samples { Err(format!("the last segment ends at sample {last}, the audio at {samples}")) } else { Ok(()) }
}

/// Words are in order, start before they end, and lie within their segment.
pub(crate) fn word_times(segments: &[Segment]) -> Result<(), String> {
    for segment in segments {
        let mut last = segment.start;
        for word in &segment.words {
            if !(last <= word.start && word.start <= word.end && word.end <= segment.end) {
                let (text, start, end) = (word.text(), word.start, word.end);
                let of = place(segment);
                return Err(format!("the word `{text}` from sample {start} to {end}, after sample {last}, of {of}"));
            }
            last = word.end;
        }
    }
    Ok(())
}

/// The segments have the same texts, words and times.
pub(crate) fn same(expected: &[Segment], found: &[Segment]) -> Result<(), String> {
    for (n, (expected, found)) in expected.iter().zip(found).enumerate() {
        if (expected.text_bytes(), expected.start, expected.end) != (found.text_bytes(), found.start, found.end) {
            return Err(format!("segment {} is {} instead of {}", n + 1, place(found), place(expected)));
        }
        if !expected.words.iter().map(parts).eq(found.words.iter().map(parts)) {
            return Err(format!("the words of segment {}, {}, differ", n + 1, place(found)));
        }
    }
    let (expected, found) = (expected.len(), found.len());
    if expected == found { Ok(()) } else { Err(format!("there are {found} segments instead of {expected}")) }
}

/// The segments, moved by `samples` samples.
pub(crate) fn moved(segments: &[Segment], samples: u64) -> Vec<Segment> {
    let mut segments = segments.to_vec();
    for segment in &mut segments {
        (segment.start, segment.end) = (segment.start + samples, segment.end + samples);
        for word in &mut segment.words {
            (word.start, word.end) = (word.start + samples, word.end + samples);
        }
    }
    segments
}

/// A stream that continues from the point on `model` reports what followed the point in `whole`, if the model claims
/// exact replay; and nothing that ends before the point, if it claims lossless replay.
///
/// # Errors
/// The engine's error.
pub(crate) fn resumes(
    model: &TestModel,
    audio: &[f32],
    whole: &Recording,
    point: &RestartPoint,
) -> Result<Result<(), String>, Error> {
    let RestartPoint { sample, segments_before, .. } = point;
    let mut stream = model.try_stream(serde_json::json!({}))?;
    stream.restore(point)?;
    stream.push(audio.get(*sample as usize..).unwrap_or_default())?;
    let rest = stream.finish()?.segments;
    Ok(match model.metadata().replay {
        Replay::Exact => same(&whole.segments[*segments_before..], &rest),
        _ => match rest.iter().find(|segment| segment.end <= *sample) {
            Some(early) => Err(format!("{} ends before the point", place(early))),
            None => Ok(()),
        },
    }
    .map_err(|difference| format!("from sample {sample}: {difference}")))
}

/// The text of a segment and its place.
pub(crate) fn place(segment: &Segment) -> String {
    let text: String = segment.text().chars().take(60).collect();
    format!("`{text}` from sample {} to {}", segment.start, segment.end)
}

fn parts(word: &Word) -> (&[u8], u64, u64) {
    (word.text_bytes(), word.start, word.end)
}
