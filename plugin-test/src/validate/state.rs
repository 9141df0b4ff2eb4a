//! The order of calls: `init`, flushes, offsets, drops, and calls that a server never makes.

use super::{Subject, Verdict, case::Checked, ensure};
use crate::{
    CancelAfter, Recording,
    compare::{moved, same},
};
use auricle_plugin_api::{Error, ErrorCode};
use serde_json::json;
use std::time::{Duration, Instant};

/// An offset that is not a multiple of any chunk.
const OFFSET: u64 = 1_000_003;
/// Years of audio, at any rate. More than a `u32`, an `f32` or an `i32` of samples holds.
const FAR: u64 = 1 << 40;

/// A difference as a failure.
pub(super) fn differs(what: &str) -> impl FnOnce(String) -> Verdict {
    move |difference| Verdict::fail(format!("{what}, {difference}"))
}

pub(super) fn init_resets(subject: &Subject) -> Checked {
    let (model, audio, fresh) = subject.heard()?;
    let mut stream = model.try_stream(json!({}))?;
    stream.push(&audio[..audio.len() / 2])?;
    stream.recording_mut().take();
    stream.reset(0)?;
    stream.push(&audio)?;
    same(&fresh.segments, &stream.finish()?.segments).map_err(differs("after a reset in mid-stream"))?;
    Ok(String::new())
}

pub(super) fn init_twice(subject: &Subject) -> Checked {
    let (model, audio, fresh) = subject.heard()?;
    let mut stream = model.try_stream(json!({}))?;
    stream.reset(0)?;
    stream.reset(0)?;
    stream.push(&audio)?;
    same(&fresh.segments, &stream.finish()?.segments).map_err(differs("after `init` three times"))?;
    Ok(String::new())
}

pub(super) fn flush(subject: &Subject) -> Checked {
    let (model, audio, fresh) = subject.heard()?;
    let mut stream = model.try_stream(json!({}))?;
    stream.push(&audio)?;
    stream.flush()?;
    let at = stream.position();
    let first = stream.recording_mut().take().segments;
    same(&fresh.segments, &first).map_err(differs("at a flush instead of the end"))?;
    stream.push(&audio)?;
    let second = stream.finish()?.segments;
    same(&moved(&fresh.segments, at), &second).map_err(differs("after a flush"))?;
    Ok(String::new())
}

fn at_offset(subject: &Subject, offset: u64) -> Checked {
    let (model, audio, fresh) = subject.heard()?;
    let mut stream = model.try_stream(json!({}))?;
    stream.reset(offset)?;
    stream.push(&audio)?;
    let found = stream.finish()?.segments;
    same(&moved(&fresh.segments, offset), &found).map_err(differs(&format!("from offset {offset}")))?;
    Ok(String::new())
}

pub(super) fn offset(subject: &Subject) -> Checked {
    at_offset(subject, OFFSET)
}

pub(super) fn far_offset(subject: &Subject) -> Checked {
    at_offset(subject, FAR)
}

/// The result of a call that a server never makes. An error is fine, and so is no error.
fn survives(result: Result<(), Error>) -> Checked {
    match result {
        Ok(()) => Ok("ignored".to_owned()),
        Err(Error { code: ErrorCode::PANIC, message }) => Err(Verdict::warning(format!("the engine {message}"))),
        Err(error) => Ok(format!("refused: {error}")),
    }
}

pub(super) fn after_finish(subject: &Subject) -> Checked {
    let model = subject.model()?;
    let audio = subject.audio(&model)?;
    let mut stream = model.try_stream(json!({}))?;
    stream.push(&audio[..audio.len() / 4])?;
    let mut sink = Recording::default();
    let processor = stream.processor();
    processor.finish(&mut sink)?;
    let chunk = model.metadata().chunk_samples as usize;
    survives(
        processor
            .insert_audio_chunk(&audio[..chunk.min(audio.len())])
            .and_then(|()| processor.process_iter(&mut sink))
            .and_then(|()| processor.finish(&mut sink))
            .and_then(|()| processor.finish(&mut sink)),
    )
}

pub(super) fn no_audio(subject: &Subject) -> Checked {
    let model = subject.model()?;
    let mut stream = model.try_stream(json!({}))?;
    survives(stream.processor().process_iter(&mut Recording::default()))
}

pub(super) fn before_init(subject: &Subject) -> Checked {
    let model = subject.model()?;
    let audio = subject.audio(&model)?;
    let mut processor = model.loaded().processor(model.config())?;
    let chunk = model.metadata().chunk_samples as usize;
    survives(
        processor
            .insert_audio_chunk(&audio[..chunk.min(audio.len())])
            .and_then(|()| processor.process_iter(&mut Recording::default())),
    )
}

pub(super) fn dropped(subject: &Subject) -> Checked {
    let (model, audio, fresh) = subject.heard()?;
    let mut other = model.try_stream(json!({}))?;
    let (head, tail) = audio.split_at(audio.len() / 2);
    other.push(head)?;
    // As by clients that leave: before the first audio, within a chunk, in mid-stream.
    drop(model.loaded().processor(model.config())?);
    for samples in [0, 1, audio.len() / 3, audio.len()] {
        let mut stream = model.try_stream(json!({}))?;
        stream.push(&audio[..samples])?;
        drop(stream);
    }
    other.push(tail)?;
    same(&fresh.segments, &other.finish()?.segments).map_err(differs("beside streams that are dropped"))?;
    Ok(String::new())
}

pub(super) fn model_dropped(subject: &Subject) -> Checked {
    let (model, audio, fresh) = subject.heard()?;
    let mut stream = model.try_stream(json!({}))?;
    let (head, tail) = audio.split_at(audio.len() / 2);
    stream.push(head)?;
    drop(model);
    stream.push(tail)?;
    same(&fresh.segments, &stream.finish()?.segments).map_err(differs("after the model was dropped"))?;
    Ok(String::new())
}

pub(super) fn cancelled(subject: &Subject) -> Checked {
    let model = subject.model()?;
    let audio = subject.audio(&model)?;
    let mut stream = model.try_stream(json!({}))?;
    stream.push(&audio)?;
    let mut sink = CancelAfter::new(0);
    let begun = Instant::now();
    stream.processor().finish(&mut sink)?;
    let took = begun.elapsed();
    let slow = took > Duration::from_secs(1);
    ensure!(!slow || sink.asked() > 0, warning, "a last decode of {:.1} s cannot be cancelled", took.as_secs_f64());
    Ok(format!("asked {} times", sink.asked()))
}
