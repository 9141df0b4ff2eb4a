//! Restart points, from which streams continue after a crash.

use super::{Subject, Verdict, case::Checked, ensure, state::differs};
use crate::{
    Recording, RestartPoint, TestModel,
    compare::{MAX_STATE, moved, resumes},
};
use auricle_plugin_api::{Error, ErrorCode, Replay};
use serde_json::json;
use std::time::Instant;

/// A model that reports restart points, the audio, and what it reports.
fn with_points(subject: &Subject) -> Result<(TestModel, Vec<f32>, Recording), Verdict> {
    let (model, audio, whole) = subject.heard()?;
    ensure!(model.metadata().replay != Replay::None, skipped, "the engine claims no restart points");
    ensure!(!whole.restart_points.is_empty(), skipped, "the engine reported no restart point for this audio");
    Ok((model, audio, whole))
}

pub(super) fn claim(subject: &Subject) -> Checked {
    let (model, _, whole) = subject.heard()?;
    let points = whole.restart_points.len();
    match model.metadata().replay {
        Replay::None => ensure!(points == 0, fail, "{points} restart points, but the metadata claim none"),
        _ if points > 0 => {}
        _ if whole.segments.is_empty() => return Err(Verdict::no_text(subject)),
        _ => return Err(Verdict::warning("the metadata claim restart points, but this audio caused none")),
    }
    Ok(format!("{points} points"))
}

/// Continues from points until half of the time is used, the first and the last ones before those between.
fn resume(subject: &Subject, continued: impl FnOnce() -> Result<Option<TestModel>, Verdict>) -> Checked {
    let begun = Instant::now();
    let (model, audio, whole) = with_points(subject)?;
    let other = continued()?;
    let model = other.as_ref().unwrap_or(&model);
    let points = &whole.restart_points;
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by_key(|n| (usize::MAX - n.trailing_zeros() as usize, *n));
    let mut tried = 0;
    for n in order {
        if tried > 0 && begun.elapsed() > subject.limit / 2 {
            break;
        }
        resumes(model, &audio, &whole, &points[n])?.map_err(Verdict::fail)?;
        tried += 1;
    }
    Ok(format!("{tried} of {} points", points.len()))
}

pub(super) fn resumes_from_each(subject: &Subject) -> Checked {
    resume(subject, || Ok(None))
}

pub(super) fn another_model(subject: &Subject) -> Checked {
    resume(subject, || subject.model().map(Some))
}

pub(super) fn state_size(subject: &Subject) -> Checked {
    let (_, _, whole) = with_points(subject)?;
    let largest = whole.restart_points.iter().map(|point| point.state.len()).max().unwrap_or_default();
    ensure!(largest <= MAX_STATE, fail, "a state of {largest} bytes: servers ignore those above 1 MiB");
    Ok(format!("at most {largest} bytes"))
}

pub(super) fn order(subject: &Subject) -> Checked {
    let (_, audio, whole) = with_points(subject)?;
    let samples: Vec<_> = whole.restart_points.iter().map(|point| point.sample).collect();
    let back = samples.windows(2).find(|pair| pair[1] < pair[0]);
    ensure!(back.is_none(), fail, "the point at sample {} follows a later one", back.map_or(0, |pair| pair[1]));
    let ahead = samples.iter().find(|sample| **sample > audio.len() as u64);
    ensure!(ahead.is_none(), fail, "a point at sample {} of {}", ahead.copied().unwrap_or_default(), audio.len());
    Ok(String::new())
}

pub(super) fn offset(subject: &Subject) -> Checked {
    const OFFSET: u64 = 5_000_011;
    let (model, audio, whole) = with_points(subject)?;
    let mut stream = model.try_stream(json!({}))?;
    stream.reset(OFFSET)?;
    stream.push(&audio)?;
    let points = stream.finish()?.restart_points;
    let early = points.iter().find(|point| point.sample < OFFSET);
    ensure!(
        early.is_none(),
        fail,
        "a point at sample {} of a stream that starts at {OFFSET}",
        early.map_or(0, |p| p.sample)
    );
    let Some(point) = points.last() else { return Err(Verdict::fail("no restart points in a stream with an offset")) };
    let mut stream = model.try_stream(json!({}))?;
    stream.restore(point)?;
    stream.push(audio.get((point.sample - OFFSET) as usize..).unwrap_or_default())?;
    let rest = stream.finish()?.segments;
    if model.metadata().replay == Replay::Exact {
        let expected = &moved(&whole.segments, OFFSET)[point.segments_before.min(whole.segments.len())..];
        crate::compare::same(expected, &rest).map_err(differs("continued in a stream with an offset"))?;
    }
    Ok(String::new())
}

/// States that no processor has reported.
fn spoilt(state: &[u8]) -> Vec<Vec<u8>> {
    let flipped = state.iter().map(|byte| !byte).collect();
    let longer = [state, &[0xff; 9]].concat();
    vec![Vec::new(), state[..state.len() / 2].to_vec(), flipped, longer, b"{\"sample\":".to_vec(), vec![0xff; 4_096]]
}

pub(super) fn spoilt_state(subject: &Subject) -> Checked {
    let (model, audio, whole) = with_points(subject)?;
    let Some(RestartPoint { sample, state, .. }) = whole.restart_points.last() else { return Ok(String::new()) };
    let mut refused = 0;
    for spoilt in spoilt(state) {
        let mut stream = model.try_stream(json!({}))?;
        let result = stream.processor().restore(*sample, &spoilt);
        // What is accepted must be usable.
        let result = result.and_then(|()| stream.push(&audio[..audio.len() / 8])).and_then(|()| stream.finish());
        match result {
            Err(Error { code: ErrorCode::PANIC, message }) => {
                return Err(Verdict::fail(format!("with a state that no processor reported, the engine {message}")));
            }
            Err(_) => refused += 1,
            Ok(_) => {}
        }
    }
    Ok(format!("{refused} of 6 refused"))
}

pub(super) fn unsupported(subject: &Subject) -> Checked {
    let model = subject.model()?;
    ensure!(model.metadata().replay == Replay::None, skipped, "the engine reports restart points");
    match model.try_stream(json!({}))?.processor().restore(0, &[]) {
        Err(error) if error.code == ErrorCode::UNSUPPORTED => Ok(String::new()),
        Err(error) => {
            Err(Verdict::warning(format!("`restore` fails with code {}, not unsupported", error.code.name())))
        }
        Ok(()) => Err(Verdict::fail("`restore` succeeds, although the engine reports no restart points")),
    }
}
