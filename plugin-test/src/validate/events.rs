//! What the engine reports: texts, times, and what its metadata claim.

use super::{
    Outcome, Subject, Verdict,
    case::Checked,
    ensure,
    model::{CAPABILITIES, is_tag},
};
use crate::{
    Recording, TestModel,
    compare::{place, times, word_times},
};
use auricle_plugin_api::Segment;
use serde_json::json;

/// The largest text, in bytes, and the largest number of events of one call, that a server accepts unless it is set
/// otherwise.
const MAX_TEXT: usize = 64 << 10;
const MAX_EVENTS: usize = 10_000;

/// A step of a stream: the samples that the engine has received, and the events since the step before.
struct Step {
    received: u64,
    events: Recording,
}

impl Step {
    fn texts(&self) -> impl Iterator<Item = &Segment> {
        self.events.partials.iter().chain(&self.events.segments)
    }
}

/// A stream, chunk by chunk. The last step is `finish`.
fn steps(subject: &Subject) -> Result<(TestModel, Vec<Step>), Verdict> {
    let model = subject.model()?;
    let audio = subject.audio(&model)?;
    let mut stream = model.try_stream(json!({}))?;
    let mut steps = Vec::new();
    let mut rest = audio.as_slice();
    while !rest.is_empty() {
        let (chunk, tail) = rest.split_at(stream.until_chunk_is_full().min(rest.len()));
        stream.push(chunk)?;
        rest = tail;
        steps.push(Step { received: stream.position(), events: stream.recording_mut().take() });
    }
    let events = stream.finish()?;
    steps.push(Step { received: audio.len() as u64, events });
    ensure!(steps.iter().any(|step| step.texts().next().is_some()), skipped, "{}", Verdict::no_text(subject).reason);
    Ok((model, steps))
}

/// All segments.
fn segments(subject: &Subject) -> Result<(TestModel, Vec<Segment>, u64), Verdict> {
    let (model, audio, recording) = subject.heard()?;
    if recording.segments.is_empty() {
        return Err(Verdict::no_text(subject));
    }
    Ok((model, recording.segments, audio.len() as u64))
}

pub(super) fn words(subject: &Subject) -> Checked {
    // Nobody gives a recording without speech, while the built-in signal is none.
    let unheard = |verdict: Verdict| match (&subject.speech, verdict.outcome) {
        (Some(_), Outcome::Skipped) => Verdict { outcome: Outcome::Warning, ..verdict },
        _ => verdict,
    };
    let (_, segments, _) = segments(subject).map_err(unheard)?;
    let text: Vec<_> = segments.iter().map(|segment| segment.text().trim().to_owned()).collect();
    Ok(text.join(" ").chars().take(100).collect())
}

pub(super) fn times_in_order(subject: &Subject) -> Checked {
    let (_, segments, samples) = segments(subject)?;
    times(&segments, samples).map_err(Verdict::fail)?;
    Ok(String::new())
}

pub(super) fn words_in_order(subject: &Subject) -> Checked {
    let (_, segments, _) = segments(subject)?;
    let words: usize = segments.iter().map(|segment| segment.words.len()).sum();
    ensure!(words > 0, skipped, "the engine reports no words with times");
    word_times(&segments).map_err(Verdict::fail)?;
    Ok(format!("{words} words"))
}

pub(super) fn inside(subject: &Subject) -> Checked {
    for Step { received, events } in steps(subject)?.1 {
        for text in events.segments.iter().chain(&events.partials) {
            let ahead = text.end > received;
            ensure!(!ahead, fail, "{} was reported when the engine had {received} samples", place(text));
        }
        let moments = events.speech_starts.iter().chain(&events.endpoints);
        if let Some(ahead) = moments.copied().find(|sample| *sample > received) {
            return Err(Verdict::fail(format!("an event at sample {ahead}, when the engine had {received} samples")));
        }
    }
    Ok(String::new())
}

pub(super) fn partials_follow(subject: &Subject) -> Checked {
    let mut last = 0;
    let mut count = 0;
    for Step { events, .. } in steps(subject)?.1 {
        for partial in &events.partials {
            count += 1;
            ensure!(partial.start <= partial.end, fail, "a partial ends before it starts: {}", place(partial));
            let early = partial.start < last;
            ensure!(!early, fail, "the partial {} starts before the last segment's end, {last}", place(partial));
        }
        last = events.segments.last().map_or(last, |segment| segment.end);
    }
    ensure!(count > 0, skipped, "the engine reports no partials");
    Ok(format!("{count} partials"))
}

/// A check of all texts: of segments, their words, and partials.
fn each_text(subject: &Subject, mut check: impl FnMut(&[u8]) -> Result<(), Verdict>) -> Checked {
    for step in steps(subject)?.1 {
        for text in step.texts() {
            check(text.text_bytes())?;
            text.words.iter().try_for_each(|word| check(word.text_bytes()))?;
        }
    }
    Ok(String::new())
}

pub(super) fn utf8(subject: &Subject) -> Checked {
    each_text(subject, |text| {
        let problem = std::str::from_utf8(text).err();
        let lossy = String::from_utf8_lossy(text);
        ensure!(problem.is_none(), fail, "`{lossy}` is not UTF-8; servers replace the invalid bytes");
        Ok(())
    })
}

pub(super) fn control(subject: &Subject) -> Checked {
    each_text(subject, |text| {
        let text = String::from_utf8_lossy(text);
        let control = text.chars().any(char::is_control);
        ensure!(!control, fail, "a text has control characters: {text:?}");
        Ok(())
    })
}

pub(super) fn size(subject: &Subject) -> Checked {
    each_text(subject, |text| {
        let size = text.len();
        ensure!(size <= MAX_TEXT, fail, "a text of {size} bytes: servers accept {MAX_TEXT}");
        Ok(())
    })
}

pub(super) fn count(subject: &Subject) -> Checked {
    let events = |step: &Step| {
        let Recording { segments, partials, speech_starts, endpoints, restart_points } = &step.events;
        segments.len() + partials.len() + speech_starts.len() + endpoints.len() + restart_points.len()
    };
    let most = steps(subject)?.1.iter().map(events).max().unwrap_or_default();
    ensure!(most <= MAX_EVENTS, fail, "{most} events in one call: servers accept {MAX_EVENTS}");
    ensure!(most <= MAX_EVENTS / 10, warning, "{most} events in one call");
    Ok(format!("{most} in one call"))
}

pub(super) fn blank(subject: &Subject) -> Checked {
    let (_, segments, _) = segments(subject)?;
    let blank = segments.iter().find(|segment| segment.text().trim().is_empty());
    ensure!(blank.is_none(), warning, "{} has no text", blank.map(place).unwrap_or_default());
    Ok(String::new())
}

pub(super) fn language(subject: &Subject) -> Checked {
    let (model, segments, _) = segments(subject)?;
    let claimed = &model.metadata().languages;
    let found: Vec<_> = segments.iter().filter_map(|segment| segment.language.clone()).collect();
    let first = found.first().cloned();
    ensure!(first.is_some(), skipped, "the engine reports no languages");
    for tag in found {
        ensure!(is_tag(&tag), fail, "`{tag}` is not a BCP 47 tag");
        let base = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
        let is_claimed = claimed.is_empty() || claimed.iter().any(|claim| base(claim) == base(&tag));
        ensure!(is_claimed, warning, "the language `{tag}` is not one of the metadata: {}", claimed.join(", "));
    }
    Ok(first.unwrap_or_default())
}

pub(super) fn moments(subject: &Subject) -> Checked {
    let (_, _, recording) = subject.heard()?;
    for (name, moments) in [("speech_started", &recording.speech_starts), ("endpoint", &recording.endpoints)] {
        let back = moments.windows(2).find(|pair| pair[1] < pair[0]);
        ensure!(
            back.is_none(),
            fail,
            "{name} at sample {} comes after {}",
            back.map_or(0, |p| p[1]),
            back.map_or(0, |p| p[0])
        );
    }
    let (starts, ends) = (recording.speech_starts.len(), recording.endpoints.len());
    ensure!(starts + ends > 0, skipped, "the engine reports neither");
    Ok(format!("{starts} starts of speech, {ends} endpoints"))
}

pub(super) fn last_words(subject: &Subject) -> Checked {
    let steps = steps(subject)?.1;
    let mut open = None;
    for Step { events, .. } in &steps[..steps.len() - 1] {
        // A partial after the last segment of a step is all that can be seen here.
        if let Some(last) = events.segments.last() {
            open = events.partials.iter().rfind(|partial| partial.start >= last.end).cloned();
        } else if let Some(partial) = events.partials.last() {
            open = Some(partial.clone());
        }
    }
    let open = open.filter(|partial| !partial.text().trim().is_empty());
    let ended = steps.last().is_some_and(|step| !step.events.segments.is_empty());
    let Some(open) = open else { return Ok("no partial was open at the end".to_owned()) };
    ensure!(ended, warning, "the last partial, {}, was never followed by a segment", place(&open));
    Ok(String::new())
}

pub(super) fn claims(subject: &Subject) -> Checked {
    let (model, _, recording) = subject.heard()?;
    if recording.segments.is_empty() {
        return Err(Verdict::no_text(subject));
    }
    let of_segments = |has: fn(&Segment) -> bool| recording.segments.iter().any(has);
    let does = |name: &str| match name {
        "partials" => !recording.partials.is_empty(),
        "word-times" => of_segments(|segment| !segment.words.is_empty()),
        "confidence" => of_segments(|segment| {
            segment.confidence.is_some() || segment.words.iter().any(|word| word.confidence.is_some())
        }),
        _ => !recording.endpoints.is_empty(),
    };
    let has = |name: &str| model.metadata().capabilities.iter().any(|claim| claim == name);
    let lacking: Vec<_> = CAPABILITIES.into_iter().filter(|name| has(name) && !does(name)).collect();
    let silent: Vec<_> = CAPABILITIES.into_iter().filter(|name| does(name) && !has(name)).collect();
    ensure!(lacking.is_empty(), warning, "claimed but not reported for this audio: {}", lacking.join(", "));
    if silent.is_empty() { Ok(String::new()) } else { Ok(format!("reported but not claimed: {}", silent.join(", "))) }
}
