//! The events that a stage reports.

use super::{
    Subject, Verdict,
    case::Checked,
    ensure,
    stage_run::{Heard, Step, make, shown},
};
use auricle_plugin_api::{Segment, StageEvent, Turn, TurnChange};
use serde_json::json;

const MAX_TEXT: usize = 64 << 10;
const MAX_EVENTS: usize = 10_000;
/// How much later than the metadata say an event may be, in seconds: a piece of audio, and rounding.
const LATER: f64 = 0.15;

/// What a call reported, and how many samples the stage had heard.
struct Told {
    heard: u64,
    events: Vec<StageEvent>,
}

fn calls(subject: &Subject) -> Result<(Heard, Vec<Told>), Verdict> {
    let heard = subject.stage_heard()?;
    let mut stream = heard.stage.try_stream(json!({}))?;
    let (mut told, mut position) = (Vec::new(), 0);
    for step in &heard.steps {
        if let Step::Audio(samples) = step {
            position += samples.len() as u64;
        }
        make(&mut stream, step)?;
        told.push(Told { heard: position, events: stream.take() });
    }
    stream.finish()?;
    told.push(Told { heard: position, events: stream.take() });
    Ok((heard, told))
}

/// The final texts of events.
fn segments<'a>(events: impl IntoIterator<Item = &'a StageEvent>) -> Vec<&'a Segment> {
    let segment = |event: &'a StageEvent| match event {
        StageEvent::Segment(segment) => Some(segment),
        _ => None,
    };
    events.into_iter().filter_map(segment).collect()
}

pub(super) fn inside(subject: &Subject) -> Checked {
    for Told { heard, events } in calls(subject)?.1 {
        for event in events {
            let ahead = event.sample() > heard;
            ensure!(!ahead, fail, "{} was reported when the stage had heard {heard} samples", shown(&event));
        }
    }
    Ok(String::new())
}

pub(super) fn order(subject: &Subject) -> Checked {
    let heard = subject.stage_heard()?;
    let segments: Vec<_> = segments(&heard.told).into_iter().cloned().collect();
    let samples = heard.audio.len() as u64;
    crate::compare::times(&segments, samples).map_err(Verdict::fail)?;
    crate::compare::word_times(&segments).map_err(Verdict::fail)?;
    Ok(format!("{} texts", segments.len()))
}

pub(super) fn utf8(subject: &Subject) -> Checked {
    for event in subject.stage_heard()?.told {
        let (StageEvent::Partial(text) | StageEvent::Segment(text)) = event else { continue };
        let words = text.words.iter().map(|word| word.text_bytes());
        for bytes in [text.text_bytes()].into_iter().chain(words) {
            let sound = std::str::from_utf8(bytes);
            let lossy = String::from_utf8_lossy(bytes);
            ensure!(sound.is_ok(), fail, "`{lossy}` is not UTF-8");
            ensure!(!lossy.contains(char::is_control), fail, "`{}` has control characters", lossy.escape_debug());
        }
    }
    Ok(String::new())
}

pub(super) fn size(subject: &Subject) -> Checked {
    for Told { events, .. } in calls(subject)?.1 {
        let count = events.len();
        ensure!(count <= MAX_EVENTS, fail, "{count} events in one call: servers accept {MAX_EVENTS}");
        for event in &events {
            let (StageEvent::Partial(text) | StageEvent::Segment(text)) = event else { continue };
            let size = text.text_bytes().len();
            ensure!(size <= MAX_TEXT, fail, "a text of {size} bytes: servers accept {MAX_TEXT}");
        }
    }
    Ok(String::new())
}

pub(super) fn kept(subject: &Subject) -> Checked {
    let Heard { stage, steps, told, .. } = subject.stage_heard()?;
    ensure!(!stage.metadata().changes_text, skipped, "the metadata say that the stage changes final text");
    let events = steps.iter().filter_map(|step| match step {
        Step::Event(event) => Some(event),
        Step::Audio(_) => None,
    });
    let (given, found) = (segments(events), segments(&told));
    let texts = |segments: &[&Segment]| segments.iter().map(|text| text.text().into_owned()).collect::<Vec<_>>();
    let (given, found) = (texts(&given), texts(&found));
    let changed = given.iter().zip(&found).find(|(given, found)| given != found);
    if let Some((given, found)) = changed {
        return Err(Verdict::fail(format!("`{given}` became `{found}`, and the metadata do not set `changes_text`")));
    }
    let (given, found) = (given.len(), found.len());
    ensure!(
        given == found,
        fail,
        "{found} of {given} final texts are left, and the metadata do not set `changes_text`"
    );
    Ok(format!("{given} texts"))
}

pub(super) fn delay(subject: &Subject) -> Checked {
    let (Heard { stage, rate, .. }, calls) = calls(subject)?;
    let (claimed, mut longest) = (stage.metadata().delay_seconds, 0.0f64);
    for Told { heard, events } in &calls {
        for segment in segments(events) {
            // A text of a second that starts at `start` is given at its end.
            let given = segment.start + u64::from(rate);
            longest = longest.max(heard.saturating_sub(given) as f64 / f64::from(rate));
        }
    }
    let late = longest > claimed + LATER;
    ensure!(!late, warning, "a text is {longest:.1} s late, and the metadata say {claimed} s");
    Ok(format!("{longest:.1} s"))
}

pub(super) fn turns(subject: &Subject) -> Checked {
    let Heard { stage, told, .. } = subject.stage_heard()?;
    let turns = told.iter().filter_map(|event| match event {
        StageEvent::Turn(turn) => Some(turn),
        _ => None,
    });
    let turns: Vec<&Turn> = turns.collect();
    let claims = stage.metadata().capabilities.iter().any(|name| name == "turns");
    ensure!(claims || turns.is_empty(), fail, "it reports turns, and its capabilities do not have `turns`");
    let mut is_open = false;
    for Turn { sample, change, .. } in &turns {
        let starts = *change == TurnChange::Started;
        ensure!(starts != is_open, warning, "at sample {sample}, {change:?} makes no sense: servers drop it");
        is_open = !matches!(change, TurnChange::Ended(_));
    }
    ensure!(!is_open, warning, "a turn is open when the audio has ended");
    Ok(format!("{} reports", turns.len()))
}
