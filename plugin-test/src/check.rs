//! Checks that apply to every engine. Call them from a test, with audio that the engine recognises.

use crate::{Recording, RestartPoint, TestModel};
use auricle_plugin_api::{Replay, Segment};

/// An offset far from 0 that is not a multiple of any chunk.
const FAR: u64 = 1_000_003;

/// Segments and words are in order, start before they end, and lie within the audio.
///
/// # Panics
/// One of them does not, or there is no segment.
pub fn times_are_in_order(model: &TestModel, audio: &[f32]) {
    let recording = model.run(audio);
    assert!(!recording.segments.is_empty(), "the engine reported no segment for this audio");
    let mut last = 0;
    for segment in &recording.segments {
        assert!(last <= segment.start && segment.start <= segment.end, "after sample {last}: {segment:?}");
        let mut word_end = segment.start;
        for word in &segment.words {
            assert!(
                word_end <= word.start && word.start <= word.end && word.end <= segment.end,
                "{word:?} of {segment:?}"
            );
            word_end = word.end;
        }
        last = segment.end;
    }
    assert!(last <= audio.len() as u64, "the last segment ends at sample {last} of {}", audio.len());
}

/// After a flush, and after a reset to another offset, the same audio gives the same result as in a new stream, at its
/// new place.
///
/// # Panics
/// The result is different.
pub fn flush_and_offset_start_anew(model: &TestModel, audio: &[f32]) {
    let fresh = model.run(audio);
    let mut stream = model.stream();
    stream.push(audio).unwrap();
    stream.flush().unwrap();
    let flushed_at = stream.position();
    assert_eq!(stream.recording_mut().take(), fresh, "a flush and a finish give the same result");
    stream.push(audio).unwrap();
    stream.flush().unwrap();
    assert_eq!(stream.recording_mut().take().segments, moved(&fresh, flushed_at), "after a flush");
    stream.push(&audio[..audio.len() / 2]).unwrap();
    stream.recording_mut().take();
    stream.reset(FAR).unwrap();
    stream.push(audio).unwrap();
    assert_eq!(stream.finish().unwrap().segments, moved(&fresh, FAR), "after a reset");
}

/// A stream that continues from any restart point reports exactly the segments that followed the point originally, if
/// the model claims exact replay; and none that ends before the point, if it claims lossless replay. The state of a
/// point has at most 1 MiB.
///
/// # Panics
/// A point does not fulfil this, or none was reported although the model claims replay.
pub fn restart_points_hold(model: &TestModel, audio: &[f32]) {
    let whole = model.run(audio);
    let replay = model.metadata().replay;
    assert_eq!(whole.restart_points.is_empty(), replay == Replay::None, "restart points, claimed replay: {replay:?}");
    for point in &whole.restart_points {
        let RestartPoint { sample, state, segments_before } = point;
        assert!(state.len() <= 1 << 20, "the state at sample {sample} has {} bytes: at most 1 MiB", state.len());
        let mut stream = model.stream();
        stream.restore(point).unwrap();
        stream.push(&audio[*sample as usize..]).unwrap();
        let rest = stream.finish().unwrap().segments;
        if replay == Replay::Exact {
            assert_eq!(rest, whole.segments[*segments_before..], "from sample {sample}");
        } else {
            assert!(rest.iter().all(|segment| segment.end > *sample), "from sample {sample}: {rest:?}");
        }
    }
}

/// Streams that run together, in batches if the model supports them, give the same results as each stream alone.
///
/// # Panics
/// They do not.
pub fn streams_do_not_mix(model: &TestModel, audios: &[&[f32]]) {
    let alone: Vec<Recording> = audios.iter().map(|audio| model.run(audio)).collect();
    for (n, (together, alone)) in model.run_together(audios).iter().zip(&alone).enumerate() {
        assert_eq!(together.segments, alone.segments, "stream {n}");
    }
}

/// The segments, moved by `samples` samples.
fn moved(recording: &Recording, samples: u64) -> Vec<Segment> {
    let mut segments = recording.segments.clone();
    for segment in &mut segments {
        (segment.start, segment.end) = (segment.start + samples, segment.end + samples);
        for word in &mut segment.words {
            (word.start, word.end) = (word.start + samples, word.end + samples);
        }
    }
    segments
}
