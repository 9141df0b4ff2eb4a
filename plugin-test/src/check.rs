//! Checks that apply to every engine. Call them from a test, with audio that the engine recognises. `auricle validate`
//! checks more, in processes of its own.

use crate::{
    Recording, TestModel,
    compare::{MAX_STATE, moved, resumes, same, times, word_times},
};
use auricle_plugin_api::Replay;

/// An offset far from 0 that is not a multiple of any chunk.
const FAR: u64 = 1_000_003;

/// Segments and words are in order, start before they end, and lie within the audio.
///
/// # Panics
/// One of them does not, or there is no segment.
pub fn times_are_in_order(model: &TestModel, audio: &[f32]) {
    let Recording { segments, .. } = model.run(audio);
    assert!(!segments.is_empty(), "the engine reported no segment for this audio");
    hold("times", times(&segments, audio.len() as u64).and_then(|()| word_times(&segments)));
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
    let found = stream.recording_mut().take().segments;
    hold("after a flush", same(&moved(&fresh.segments, flushed_at), &found));
    stream.push(&audio[..audio.len() / 2]).unwrap();
    stream.recording_mut().take();
    stream.reset(FAR).unwrap();
    stream.push(audio).unwrap();
    hold("after a reset", same(&moved(&fresh.segments, FAR), &stream.finish().unwrap().segments));
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
        let (sample, size) = (point.sample, point.state.len());
        assert!(size <= MAX_STATE, "the state at sample {sample} has {size} bytes: at most 1 MiB");
        hold("a restart", resumes(model, audio, &whole, point).unwrap());
    }
}

/// Streams that run together, in batches if the model supports them, give the same results as each stream alone.
///
/// # Panics
/// They do not.
pub fn streams_do_not_mix(model: &TestModel, audios: &[&[f32]]) {
    let alone: Vec<Recording> = audios.iter().map(|audio| model.run(audio)).collect();
    for (n, (together, alone)) in model.run_together(audios).iter().zip(&alone).enumerate() {
        hold(&format!("stream {n}"), same(&alone.segments, &together.segments));
    }
}

fn hold(what: &str, result: Result<(), String>) {
    if let Err(difference) = result {
        panic!("{what}: {difference}");
    }
}
