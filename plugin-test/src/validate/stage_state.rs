//! The state of a stage, from which another process goes on.

use super::{
    Subject, Verdict,
    case::Checked,
    ensure,
    stage_run::{Heard, Step, make, run, same},
};
use crate::{TestStage, compare::MAX_STATE};
use auricle_plugin_api::{Error, ErrorCode};
use serde_json::json;
use std::time::Instant;

/// A state before a call, how much was heard and what was told until then.
struct Point {
    step: usize,
    heard: u64,
    state: Vec<u8>,
    told: usize,
}

/// Runs a stream whose state is asked for before each call, as a server may at any restart point of the engine.
fn points(heard: &Heard) -> Result<Vec<Point>, Verdict> {
    let mut stream = heard.stage.try_stream(json!({}))?;
    let (mut points, mut told, mut position) = (Vec::new(), Vec::new(), 0);
    for (step, call) in heard.steps.iter().enumerate() {
        points.push(Point { step, heard: position, state: stream.save()?, told: told.len() });
        if let Step::Audio(samples) = call {
            position += samples.len() as u64;
        }
        make(&mut stream, call)?;
        told.extend(stream.take());
    }
    stream.finish()?;
    told.extend(stream.take());
    same(&heard.told, &told, "with `save` before each call")?;
    Ok(points)
}

pub(super) fn save_changes_nothing(subject: &Subject) -> Checked {
    let heard = subject.stage_heard()?;
    Ok(format!("{} states", points(&heard)?.len()))
}

/// Goes on from points until half of the time is used, the first and the last ones before those between.
fn resume(subject: &Subject, other: impl FnOnce() -> Result<Option<TestStage>, Verdict>) -> Checked {
    let begun = Instant::now();
    let heard = subject.stage_heard()?;
    let points = points(&heard)?;
    let other = other()?;
    let stage = other.as_ref().unwrap_or(&heard.stage);
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by_key(|n| (usize::MAX - n.trailing_zeros() as usize, *n));
    let mut tried = 0;
    for n in order {
        if tried > 0 && begun.elapsed() > subject.limit / 2 {
            break;
        }
        let Point { step, heard: position, state, told } = &points[n];
        let mut stream = stage.try_stream(json!({}))?;
        stream.restore(*position, state)?;
        let rest = run(&mut stream, &heard.steps[*step..])?;
        same(&heard.told[*told..], &rest, &format!("continued before call {step}, after {position} samples"))?;
        tried += 1;
    }
    Ok(format!("{tried} of {} points", points.len()))
}

pub(super) fn resumes_from_each(subject: &Subject) -> Checked {
    resume(subject, || Ok(None))
}

pub(super) fn loaded_again(subject: &Subject) -> Checked {
    resume(subject, || subject.stage().map(Some))
}

pub(super) fn size(subject: &Subject) -> Checked {
    let heard = subject.stage_heard()?;
    let largest = points(&heard)?.iter().map(|point| point.state.len()).max().unwrap_or_default();
    ensure!(largest <= MAX_STATE, fail, "a state of {largest} bytes: all stages of a stream have 1 MiB together");
    ensure!(largest <= MAX_STATE / 4, warning, "a state of {largest} bytes, of 1 MiB for all stages of a stream");
    Ok(format!("at most {largest} bytes"))
}

pub(super) fn spoilt(subject: &Subject) -> Checked {
    let heard = subject.stage_heard()?;
    let points = points(&heard)?;
    let Some(Point { heard: position, state, .. }) = points.last() else { return Ok(String::new()) };
    let flipped = state.iter().map(|byte| !byte).collect();
    let longer = [&state[..], &[0xff; 9]].concat();
    let halved = state[..state.len() / 2].to_vec();
    let mut refused = 0;
    for spoilt in [Vec::new(), halved, flipped, longer, b"{\"held\":".to_vec(), vec![0xff; 4_096]] {
        let mut stream = heard.stage.try_stream(json!({}))?;
        // What is accepted must be usable.
        let result = stream
            .restore(*position, &spoilt)
            .and_then(|()| run(&mut stream, &heard.steps[..heard.steps.len().min(20)]));
        match result {
            Err(Error { code: ErrorCode::PANIC, message }) => {
                return Err(Verdict::fail(format!("with a state that `save` did not return, the stage {message}")));
            }
            Err(_) => refused += 1,
            Ok(_) => {}
        }
    }
    Ok(format!("{refused} of 6 refused"))
}
