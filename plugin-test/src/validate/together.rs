//! Several streams at once, and the same stream again.

use super::{Subject, Verdict, case::Checked, ensure, signal, state::differs};
use crate::{Recording, TestModel, TestStream, compare::same};
use auricle_plugin_api::{Error, Segment};
use serde_json::json;
use std::thread;

/// Streams that run at once.
const MANY: usize = 16;

/// The streams that the model allows, at most `most`.
fn allowed(model: &TestModel, most: usize) -> usize {
    model.metadata().max_streams.map_or(most, |limit| most.min(limit as usize))
}

/// A model, two different recordings, and what each gives alone.
struct Two {
    model: TestModel,
    audios: [Vec<f32>; 2],
    alone: [Recording; 2],
}

fn two(subject: &Subject) -> Result<Two, Verdict> {
    let (model, audio, alone) = subject.heard()?;
    ensure!(allowed(&model, 2) == 2, skipped, "the model serves one stream at a time");
    let mut other = audio[audio.len() / 3..].to_vec();
    other.extend(signal::hiss(model.metadata().sample_rate, 1.0));
    let its = model.try_run(&other)?;
    Ok(Two { model, audios: [audio, other], alone: [alone, its] })
}

pub(super) fn interleaved(subject: &Subject) -> Checked {
    let Two { model, audios, alone } = two(subject)?;
    let mut streams = [model.try_stream(json!({}))?, model.try_stream(json!({}))?];
    let piece = model.metadata().chunk_samples as usize;
    let pieces = audios.iter().map(|audio| audio.len().div_ceil(piece)).max().unwrap_or_default();
    for n in 0..pieces {
        for (stream, audio) in streams.iter_mut().zip(&audios) {
            stream.push(audio.chunks(piece).nth(n).unwrap_or_default())?;
        }
    }
    for (stream, alone) in streams.into_iter().zip(&alone) {
        same(&alone.segments, &stream.finish()?.segments).map_err(differs("beside another stream"))?;
    }
    Ok(String::new())
}

/// Runs a stream for each recording, each on a thread of its own.
fn on_threads(model: &TestModel, audios: &[&[f32]]) -> Result<Vec<Recording>, Verdict> {
    let results: Vec<_> = thread::scope(|scope| {
        let run = |audio| scope.spawn(move || model.try_run(audio));
        let threads: Vec<_> = audios.iter().map(|audio| run(*audio)).collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    let result = |joined: thread::Result<Result<Recording, Error>>| {
        Ok(joined.map_err(|_| Verdict::fail("a thread of a stream panicked"))??)
    };
    results.into_iter().map(result).collect()
}

pub(super) fn threads(subject: &Subject) -> Checked {
    let Two { model, audios: [one, other], alone } = two(subject)?;
    for (found, alone) in on_threads(&model, &[&one, &other])?.iter().zip(&alone) {
        same(&alone.segments, &found.segments).map_err(differs("beside a stream on another thread"))?;
    }
    Ok(String::new())
}

pub(super) fn many(subject: &Subject) -> Checked {
    let (model, audio, _) = subject.heard()?;
    let audio = &audio[..audio.len() / 4];
    let alone = model.try_run(audio)?;
    let streams = allowed(&model, MANY);
    for found in on_threads(&model, &vec![audio; streams])? {
        same(&alone.segments, &found.segments).map_err(differs(&format!("with {streams} streams at once")))?;
    }
    Ok(format!("{streams} streams"))
}

pub(super) fn moves(subject: &Subject) -> Checked {
    let (model, audio, alone) = subject.heard()?;
    let mut stream: TestStream = model.try_stream(json!({}))?;
    // Long pieces, so that there are not too many threads.
    for piece in audio.chunks(audio.len().div_ceil(24).max(1)) {
        let pushed = thread::scope(|scope| scope.spawn(|| stream.push(piece)).join());
        pushed.map_err(|_| Verdict::fail("a thread of a stream panicked"))??;
    }
    let finished = thread::spawn(move || stream.finish()).join();
    let found = finished.map_err(|_| Verdict::fail("a thread of a stream panicked"))??;
    same(&alone.segments, &found.segments).map_err(differs("on a new thread for each call"))?;
    Ok(String::new())
}

pub(super) fn all_streams(subject: &Subject) -> Checked {
    let model = subject.model()?;
    let Some(most) = model.metadata().max_streams else {
        return Err(Verdict::skipped("the model does not limit its streams"));
    };
    let opened = most.min(256);
    let streams = (0..opened).map(|_| model.try_stream(json!({}))).collect::<Result<Vec<_>, _>>();
    let streams = streams.map_err(|error| Verdict::fail(format!("max_streams is {most}, but: {error}")))?;
    Ok(format!("{} streams", streams.len()))
}

pub(super) fn again(subject: &Subject) -> Checked {
    let (model, audio, first) = subject.heard()?;
    let second = model.try_run(&audio)?;
    same(&first.segments, &second.segments).map_err(differs("in a second stream"))?;
    let texts = |recording: &Recording| recording.partials.iter().map(|text| text.text().into_owned()).collect();
    let (first, second): (Vec<String>, Vec<String>) = (texts(&first), texts(&second));
    ensure!(first == second, warning, "the segments of a second stream are the same, the partials are not");
    Ok(String::new())
}

pub(super) fn new_model(subject: &Subject) -> Checked {
    let (model, audio, first) = subject.heard()?;
    drop(model);
    let second: Vec<Segment> = subject.model()?.try_run(&audio)?.segments;
    same(&first.segments, &second).map_err(differs("with the model loaded again"))?;
    Ok(String::new())
}
