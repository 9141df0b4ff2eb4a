//! Batches: `process_batch` must do what single calls do.

use super::{Subject, Verdict, case::Checked, ensure, state::differs};
use crate::{Recording, TestModel, compare::same};
use auricle_plugin_api::{Error, host::BatchEntry};
use serde_json::json;

/// A model that supports batches, and audio.
fn batched(subject: &Subject) -> Result<(TestModel, Vec<f32>), Verdict> {
    let model = subject.model()?;
    ensure!(model.metadata().max_batch > 1, skipped, "the model does not support batches");
    let audio = subject.audio(&model)?;
    Ok((model, audio))
}

fn compare(model: &TestModel, audios: &[&[f32]], what: &str) -> Result<(), Verdict> {
    let alone = audios.iter().map(|audio| model.try_run(audio)).collect::<Result<Vec<Recording>, Error>>()?;
    for (found, alone) in model.try_run_together(audios)?.iter().zip(&alone) {
        same(&alone.segments, &found.segments).map_err(differs(what))?;
    }
    Ok(())
}

pub(super) fn two(subject: &Subject) -> Checked {
    let (model, audio) = batched(subject)?;
    compare(&model, &[&audio, &audio[audio.len() / 3..]], "in a batch of two")?;
    Ok(String::new())
}

pub(super) fn full(subject: &Subject) -> Checked {
    let (model, audio) = batched(subject)?;
    let most = model.metadata().max_streams.unwrap_or(u32::MAX);
    let streams = model.metadata().max_batch.min(most).min(32) as usize;
    let audio = &audio[..audio.len() / 4];
    compare(&model, &vec![audio; streams], "in a full batch")?;
    Ok(format!("{streams} streams"))
}

pub(super) fn lengths(subject: &Subject) -> Checked {
    let (model, audio) = batched(subject)?;
    let part = |numerator: usize, denominator: usize| &audio[..audio.len() * numerator / denominator];
    let audios = [part(1, 1), part(1, 3), part(2, 5), part(1, 50)];
    let most = model.metadata().max_streams.unwrap_or(u32::MAX) as usize;
    compare(&model, &audios[..most.min(audios.len())], "in a batch that other streams leave")?;
    Ok(String::new())
}

pub(super) fn one(subject: &Subject) -> Checked {
    let (model, audio) = batched(subject)?;
    compare(&model, &[&audio], "in a batch of one")?;
    Ok(String::new())
}

pub(super) fn ends(subject: &Subject) -> Checked {
    let (model, audio) = batched(subject)?;
    ensure!(model.metadata().ends_in_batch, skipped, "the model does not end streams in batches");
    let alone = model.try_run(&audio)?;
    let mut stream = model.try_stream(json!({}))?;
    // Up to the last full chunk, so that the batch ends the stream without new audio.
    let whole = audio.len() - audio.len() % model.metadata().chunk_samples as usize;
    let with_first = model.metadata().first_chunk_samples.is_none();
    ensure!(with_first, skipped, "the model's first chunk has another length");
    let alone = if whole == audio.len() { alone } else { model.try_run(&audio[..whole])? };
    stream.push(&audio[..whole])?;
    stream.processor().announce_end()?;
    let mut entries = [stream.batch_entry()];
    model.loaded().process_batch(&mut entries);
    let [BatchEntry { result, .. }] = entries;
    result?;
    same(&alone.segments, &stream.into_recording().segments).map_err(differs("ended in a batch without new audio"))?;
    Ok(String::new())
}
