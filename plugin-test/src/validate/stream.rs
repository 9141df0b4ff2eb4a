//! Single streams with audio of all kinds.

use super::{Subject, Verdict, case::Checked, ensure, signal};
use crate::{TestModel, compare::same};
use auricle_plugin_api::{Error, ErrorCode, Metadata};
use serde_json::json;

pub(super) fn runs(subject: &Subject) -> Checked {
    let (_, audio, recording) = subject.heard()?;
    let text: String = recording.text().chars().take(60).collect();
    Ok(format!("{} segments for {} samples: {text}", recording.segments.len(), audio.len()))
}

/// Whether a recording has text is left to the caller.
fn texts_of(model: &TestModel, audio: &[f32]) -> Result<String, Verdict> {
    Ok(model.try_run(audio)?.text().trim().to_owned())
}

pub(super) fn empty(subject: &Subject) -> Checked {
    let model = subject.model()?;
    let text = texts_of(&model, &[])?;
    ensure!(text.is_empty(), fail, "without any audio the engine reports `{text}`");
    Ok(String::new())
}

pub(super) fn one_sample(subject: &Subject) -> Checked {
    texts_of(&subject.model()?, &[0.1])?;
    Ok(String::new())
}

pub(super) fn short_end(subject: &Subject) -> Checked {
    let model = subject.model()?;
    let audio = subject.audio(&model)?;
    let chunk = model.metadata().chunk_samples as usize;
    for end in [chunk - 1, chunk + 1, chunk * 2 - 1, chunk + chunk / 2] {
        texts_of(&model, &audio[..end.min(audio.len())])?;
    }
    Ok(String::new())
}

pub(super) fn whole_chunks(subject: &Subject) -> Checked {
    let model = subject.model()?;
    let audio = subject.audio(&model)?;
    let Metadata { chunk_samples, first_chunk_samples, .. } = model.metadata();
    let first = first_chunk_samples.unwrap_or(*chunk_samples);
    for chunks in [0, 1, 2] {
        // `finish` then comes without new audio.
        let end = (first + chunks * chunk_samples) as usize;
        texts_of(&model, &audio[..end.min(audio.len())])?;
    }
    Ok(String::new())
}

/// A signal without speech, which must not cause an error.
fn no_speech(subject: &Subject, signal: impl FnOnce(u32) -> Vec<f32>) -> Checked {
    let model = subject.model()?;
    let text = texts_of(&model, &signal(model.metadata().sample_rate))?;
    let text: String = text.chars().take(60).collect();
    Ok(if text.is_empty() { String::new() } else { format!("heard as: {text}") })
}

pub(super) fn silence(subject: &Subject) -> Checked {
    no_speech(subject, |rate| signal::constant(0.0, rate, 10.0))
}

pub(super) fn noise(subject: &Subject) -> Checked {
    no_speech(subject, |rate| signal::hiss(rate, 10.0))
}

pub(super) fn clipped(subject: &Subject) -> Checked {
    no_speech(subject, |rate| signal::clipped(rate, 5.0))
}

pub(super) fn constant(subject: &Subject) -> Checked {
    no_speech(subject, |rate| signal::constant(1.0, rate, 5.0))
}

/// Values that a server never sends. The engine must survive them, and `init` must make the processor sound again.
fn poison(subject: &Subject, value: f32) -> Checked {
    let model = subject.model()?;
    let audio = subject.audio(&model)?;
    let fresh = model.try_run(&audio)?;
    let mut stream = model.try_stream(json!({}))?;
    let mut bad = audio[..audio.len() / 4].to_vec();
    bad.iter_mut().step_by(3).for_each(|sample| *sample = value);
    let refused = stream.push(&bad).and_then(|()| stream.flush()).err();
    if let Some(Error { code: ErrorCode::PANIC, message }) = refused {
        return Err(Verdict::warning(format!("the engine {message}")));
    }
    stream.recording_mut().take();
    stream.reset(0)?;
    stream.push(&audio)?;
    let found = stream.finish()?.segments;
    same(&fresh.segments, &found)
        .map_err(|difference| Verdict::warning(format!("after {value} and `init`, {difference}")))?;
    Ok(refused.map_or_else(String::new, |error| format!("refused: {error}")))
}

pub(super) fn nan(subject: &Subject) -> Checked {
    poison(subject, f32::NAN)
}

pub(super) fn infinite(subject: &Subject) -> Checked {
    poison(subject, f32::INFINITY)
}

pub(super) fn any_chunks(subject: &Subject) -> Checked {
    let (model, audio, whole) = subject.heard()?;
    let chunk = model.metadata().chunk_samples as usize;
    let mut differs = Vec::new();
    for samples in [(chunk / 3).max(1), chunk * 2 + 1] {
        let mut stream = model.try_stream(json!({}))?.in_chunks(samples);
        match stream.push(&audio).and_then(|()| stream.finish()) {
            Ok(recording) if recording.text() == whole.text() => {}
            Ok(_) => differs.push(samples.to_string()),
            Err(error) => return Err(Verdict::warning(format!("chunks of {samples} samples: {error}"))),
        }
    }
    Ok(match differs.is_empty() {
        true => "the text does not depend on the chunks".to_owned(),
        false => format!("another text with chunks of {} samples, which servers never send", differs.join(" and ")),
    })
}

pub(super) fn pieces(subject: &Subject) -> Checked {
    let (model, audio, whole) = subject.heard()?;
    for samples in [1 + audio.len() / 977, 160, audio.len()] {
        let mut stream = model.try_stream(json!({}))?;
        audio.chunks(samples).try_for_each(|piece| stream.push(piece))?;
        let found = stream.finish()?.segments;
        same(&whole.segments, &found)
            .map_err(|difference| Verdict::fail(format!("in packets of {samples} samples {difference}")))?;
    }
    Ok(String::new())
}
