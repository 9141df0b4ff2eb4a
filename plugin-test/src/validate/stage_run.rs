//! Runs a stage on audio and made-up events of an engine.
//!
//! Invariant: all audio before an event's place is heard before the event, as on a server.

use super::{Subject, Verdict};
use crate::{TestStage, TestStageStream};
use auricle_plugin_api::{Error, Segment, StageEvent, Word};
use serde_json::json;

/// What an engine says in one second, again and again.
const TEXTS: [&str; 5] = [
    "hello there",
    "call me at five five five one two",
    "Käse, bitte.",
    "it is ten past ten",
    "write to anna at example dot org",
];

/// A call for a stream.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Audio(Vec<f32>),
    Event(StageEvent),
}

/// The events of a second that starts at this sample, in the order in which an engine reports them, at the second's end.
fn second(number: usize, start: u64, rate: u64) -> Vec<StageEvent> {
    let text = TEXTS[number % TEXTS.len()];
    let end = start + rate * 9 / 10;
    let count = text.split(' ').count() as u64;
    let place = |n: u64| start + (end - start) * n / count;
    let words = (0..).zip(text.split(' ')).map(|(n, word)| Word::new(place(n), place(n + 1), word).confidence(0.75));
    let whole = Segment::new(start, end, text).confidence(0.5).language("en").words(words.collect()).extra("n", number);
    vec![
        StageEvent::SpeechStarted(start),
        StageEvent::Partial(Segment::new(start, end, text)),
        StageEvent::Segment(whole),
        StageEvent::Endpoint(end),
    ]
}

/// The audio in pieces of this many samples, with events after each second. The stream starts at this sample.
pub(super) fn script(audio: &[f32], rate: u32, piece: usize, offset: u64) -> Vec<Step> {
    let rate = rate as usize;
    let mut steps = Vec::new();
    for (number, part) in audio.chunks(rate).enumerate() {
        steps.extend(part.chunks(piece.max(1)).map(|piece| Step::Audio(piece.to_vec())));
        if part.len() == rate {
            let start = offset + (number * rate) as u64;
            steps.extend(second(number, start, rate as u64).into_iter().map(Step::Event));
        }
    }
    steps
}

/// Makes a call.
pub(super) fn make(stream: &mut TestStageStream, step: &Step) -> Result<(), Error> {
    match step {
        Step::Audio(samples) => stream.audio(samples),
        Step::Event(event) => stream.event(event),
    }
}

/// Makes these calls, and `finish`. Returns what the stage reports.
pub(super) fn run(stream: &mut TestStageStream, steps: &[Step]) -> Result<Vec<StageEvent>, Error> {
    steps.iter().try_for_each(|step| make(stream, step))?;
    stream.finish()?;
    Ok(stream.take())
}

/// A loaded stage, calls in pieces of a tenth of a second, and what a stream reports.
pub(super) struct Heard {
    pub(super) stage: TestStage,
    pub(super) audio: Vec<f32>,
    pub(super) rate: u32,
    pub(super) steps: Vec<Step>,
    pub(super) told: Vec<StageEvent>,
}

impl Subject {
    /// Runs a stream of the stage.
    pub(super) fn stage_heard(&self) -> Result<Heard, Verdict> {
        let stage = self.stage()?;
        let (audio, rate) = self.stage_audio(&stage)?;
        let steps = script(&audio, rate, rate as usize / 10, 0);
        let told = run(&mut stage.try_stream(json!({}))?, &steps)?;
        Ok(Heard { stage, audio, rate, steps, told })
    }
}

/// All that must be the same when calls are repeated: everything but partials.
pub(super) fn settled(events: &[StageEvent]) -> Vec<&StageEvent> {
    events.iter().filter(|event| !matches!(event, StageEvent::Partial(_))).collect()
}

/// The events are the same, but for partials.
///
/// # Errors
/// How they differ, with what was done.
pub(super) fn same(expected: &[StageEvent], found: &[StageEvent], when: &str) -> Result<(), Verdict> {
    let (expected, found) = (settled(expected), settled(found));
    for (number, (expected, found)) in (1..).zip(expected.iter().zip(&found)) {
        if expected != found {
            let problem = format!("{when}, event {number} is {} instead of {}", shown(found), shown(expected));
            return Err(Verdict::fail(problem));
        }
    }
    match (expected.len(), found.len()) {
        (expected, found) if expected != found => {
            Err(Verdict::fail(format!("{when}, there are {found} events instead of {expected}")))
        }
        _ => Ok(()),
    }
}

/// An event in a few words.
pub(super) fn shown(event: &StageEvent) -> String {
    match event {
        StageEvent::Partial(text) | StageEvent::Segment(text) => {
            let short: String = text.text().chars().take(40).collect();
            format!("`{short}` from sample {} to {}", text.start, text.end)
        }
        other => format!("{other:?}"),
    }
}
