//! Streams of a stage: what they hear, and when they start anew.

use super::{
    Subject, Verdict,
    case::Checked,
    ensure, signal,
    stage_run::{Heard, Step, make, run, same, script, shown},
};
use crate::TestStageStream;
use auricle_plugin_api::{Error, ErrorCode, StageEvent};
use serde_json::json;
use std::thread;

/// The start of a stream, as after a flush.
const OFFSET: u64 = 1_000_003;

pub(super) fn runs(subject: &Subject) -> Checked {
    let Heard { told, steps, .. } = subject.stage_heard()?;
    let events = steps.iter().filter(|step| matches!(step, Step::Event(_))).count();
    Ok(format!("{} events of {events}", told.len()))
}

pub(super) fn empty(subject: &Subject) -> Checked {
    let told = run(&mut subject.stage()?.try_stream(json!({}))?, &[])?;
    ensure!(
        told.is_empty(),
        fail,
        "without audio and events it reports {}",
        told.first().map_or_else(String::new, shown)
    );
    Ok(String::new())
}

pub(super) fn any_audio(subject: &Subject) -> Checked {
    let stage = subject.stage()?;
    let (_, rate) = subject.stage_audio(&stage)?;
    for (name, audio) in [
        ("silence", signal::constant(0.0, rate, 5.0)),
        ("noise", signal::hiss(rate, 5.0)),
        ("clipped audio", signal::clipped(rate, 5.0)),
        ("one sample", vec![0.1]),
    ] {
        let heard = run(&mut stage.try_stream(json!({}))?, &script(&audio, rate, rate as usize / 10, 0));
        heard.map_err(|error| Verdict::fail(format!("with {name}: {error}")))?;
    }
    Ok(String::new())
}

pub(super) fn nan(subject: &Subject) -> Checked {
    let Heard { stage, rate, steps, told, .. } = subject.stage_heard()?;
    for value in [f32::NAN, f32::INFINITY] {
        let mut stream = stage.try_stream(json!({}))?;
        let bad = stream.audio(&vec![value; rate as usize / 3]).and_then(|()| stream.finish());
        if let Err(Error { code: ErrorCode::PANIC, message }) = bad {
            return Err(Verdict::warning(format!("with {value} the stage {message}")));
        }
        stream.take();
        stream.init(0)?;
        same(&told, &run(&mut stream, &steps)?, &format!("after {value} and `init`"))
            .map_err(|verdict| Verdict::warning(verdict.reason))?;
    }
    Ok(String::new())
}

pub(super) fn pieces(subject: &Subject) -> Checked {
    let Heard { stage, audio, rate, told, .. } = subject.stage_heard()?;
    for piece in [rate as usize, 511, rate as usize / 3 + 1, 7] {
        let steps = script(&audio, rate, piece, 0);
        same(&told, &run(&mut stage.try_stream(json!({}))?, &steps)?, &format!("in pieces of {piece} samples"))?;
    }
    Ok(String::new())
}

pub(super) fn again(subject: &Subject) -> Checked {
    let Heard { stage, steps, told, .. } = subject.stage_heard()?;
    same(&told, &run(&mut stage.try_stream(json!({}))?, &steps)?, "in a second stream")?;
    drop(stage);
    same(&told, &run(&mut subject.stage()?.try_stream(json!({}))?, &steps)?, "with the stage loaded again")?;
    Ok(String::new())
}

pub(super) fn interleaved(subject: &Subject) -> Checked {
    let Heard { stage, steps, told, .. } = subject.stage_heard()?;
    let mut streams = [stage.try_stream(json!({}))?, stage.try_stream(json!({}))?];
    // The second one is a second behind, so that they are never at the same place.
    let behind = steps.len() / 10;
    for n in 0..steps.len() + behind {
        if let Some(step) = steps.get(n) {
            make(&mut streams[0], step)?;
        }
        if let Some(step) = n.checked_sub(behind).and_then(|n| steps.get(n)) {
            make(&mut streams[1], step)?;
        }
    }
    for stream in &mut streams {
        stream.finish()?;
        same(&told, &stream.take(), "beside another stream")?;
    }
    Ok(String::new())
}

pub(super) fn threads(subject: &Subject) -> Checked {
    let Heard { stage, steps, told, .. } = subject.stage_heard()?;
    let panicked = |_| Verdict::fail("a thread of a stream panicked");
    let found: Vec<_> = thread::scope(|scope| {
        let stream = || run(&mut stage.try_stream(json!({}))?, &steps);
        [scope.spawn(stream), scope.spawn(stream)].map(|thread| thread.join()).into_iter().collect()
    });
    for found in found {
        same(&told, &found.map_err(panicked)??, "beside a stream on another thread")?;
    }
    let mut stream: TestStageStream = stage.try_stream(json!({}))?;
    for steps in steps.chunks(steps.len().div_ceil(24).max(1)) {
        let calls = |stream: &mut TestStageStream| steps.iter().try_for_each(|step| make(stream, step));
        thread::scope(|scope| scope.spawn(|| calls(&mut stream)).join()).map_err(panicked)??;
    }
    stream.finish()?;
    same(&told, &stream.take(), "on a new thread for each call")?;
    Ok(String::new())
}

pub(super) fn init_resets(subject: &Subject) -> Checked {
    let Heard { stage, steps, told, .. } = subject.stage_heard()?;
    let mut stream = stage.try_stream(json!({}))?;
    steps[..steps.len() * 2 / 3].iter().try_for_each(|step| make(&mut stream, step))?;
    stream.take();
    stream.init(0)?;
    same(&told, &run(&mut stream, &steps)?, "after a reset")?;
    stream.init(0)?;
    same(&told, &run(&mut stream, &steps)?, "after `finish` and `init`")?;
    Ok(String::new())
}

/// The event, moved by an offset.
fn moved(event: &StageEvent, by: u64) -> StageEvent {
    let mut event = event.clone();
    match &mut event {
        StageEvent::Partial(text) | StageEvent::Segment(text) => {
            (text.start, text.end) = (text.start + by, text.end + by);
            text.words.iter_mut().for_each(|word| (word.start, word.end) = (word.start + by, word.end + by));
        }
        StageEvent::SpeechStarted(sample) | StageEvent::Endpoint(sample) => *sample += by,
        StageEvent::Turn(turn) => turn.sample += by,
        // A later version's.
        _ => {}
    }
    event
}

pub(super) fn offset(subject: &Subject) -> Checked {
    let Heard { stage, audio, rate, told, .. } = subject.stage_heard()?;
    let mut stream = stage.try_stream(json!({}))?;
    stream.init(OFFSET)?;
    let found = run(&mut stream, &script(&audio, rate, rate as usize / 10, OFFSET))?;
    let expected: Vec<_> = told.iter().map(|event| moved(event, OFFSET)).collect();
    same(&expected, &found, &format!("in a stream that starts at sample {OFFSET}"))?;
    Ok(String::new())
}

pub(super) fn end_turn(subject: &Subject) -> Checked {
    let Heard { stage, steps, .. } = subject.stage_heard()?;
    let mut stream = stage.try_stream(json!({}))?;
    stream.end_turn()?;
    for (n, step) in steps.iter().enumerate() {
        make(&mut stream, step)?;
        if n % 7 == 0 {
            stream.end_turn()?;
        }
    }
    stream.finish()?;
    Ok(String::new())
}

pub(super) fn dropped(subject: &Subject) -> Checked {
    let Heard { stage, steps, told, .. } = subject.stage_heard()?;
    for cut in [0, steps.len() / 3, steps.len()] {
        let mut stream = stage.try_stream(json!({}))?;
        steps[..cut].iter().try_for_each(|step| make(&mut stream, step))?;
    }
    same(&told, &run(&mut stage.try_stream(json!({}))?, &steps)?, "after streams that were dropped")?;
    Ok(String::new())
}
