//! The events of a stage, as C sees them, and the receiver of those that it reports.
//!
//! Invariant: what is lent lives until the call returns; what the stage passes is copied before it.

use super::{config::c_string, sink::read_segment};
use crate::{
    Segment, StageEvent, StageSink, Turn, TurnChange, TurnTrigger,
    abi::c::{self, Versioned},
    guard::guard,
};
use serde_json::{Map, Value};
use std::{
    ffi::{CString, c_char, c_int},
    mem, ptr,
};

/// A stage's sink for one call.
#[repr(C)]
pub(super) struct StageEvents<'a, 'b> {
    /// The first field, so that the stage's pointer to it is one to the whole.
    raw: c::StageSink,
    sink: &'a mut StageSink<'b>,
}

impl<'a, 'b> StageEvents<'a, 'b> {
    pub(super) fn new(sink: &'a mut StageSink<'b>) -> Self {
        Self { raw: c::StageSink { size: mem::size_of::<c::StageSink>(), event, cancelled }, sink }
    }

    /// For the stage, as long as `self` is not moved.
    pub(super) fn raw(&mut self) -> *mut c::StageSink {
        (&raw mut *self).cast()
    }
}

unsafe extern "C" fn event(sink: *mut c::StageSink, event: *const c::Event) {
    // SAFETY: the stage passes an event, and its sink within its call.
    let (event, events) = unsafe { (read(event), sink.cast::<StageEvents<'_, '_>>().as_mut()) };
    // A panic of the server's sink must not reach the stage.
    let _ = guard(|| {
        if let (Some(event), Some(events)) = (event, events) {
            events.sink.event(&event);
        }
        Ok(())
    });
}

unsafe extern "C" fn cancelled(sink: *mut c::StageSink) -> c_int {
    // SAFETY: the stage passes its sink within its call.
    let events = unsafe { sink.cast::<StageEvents<'_, '_>>().as_ref() };
    c_int::from(guard(|| Ok(events.is_some_and(|events| events.sink.cancelled()))).unwrap_or_default())
}

/// The strings of a lent event. One that is added stays where it is.
#[derive(Default)]
struct Strings(Vec<CString>);

impl Strings {
    fn add(&mut self, text: &str) -> *const c_char {
        let text = c_string(text);
        let start = text.as_ptr();
        self.0.push(text);
        start
    }

    fn fields(&mut self, fields: &Map<String, Value>) -> *const c_char {
        if fields.is_empty() {
            return ptr::null();
        }
        self.add(&serde_json::to_string(fields).unwrap_or_default())
    }
}

/// Passes `event` to `receive` as C sees it.
pub(super) fn lend<R>(event: &StageEvent, receive: impl FnOnce(*const c::Event) -> R) -> R {
    let kind = match event {
        StageEvent::Partial(_) => c::EVENT_PARTIAL,
        StageEvent::Segment(_) => c::EVENT_SEGMENT,
        StageEvent::SpeechStarted(_) => c::EVENT_SPEECH_STARTED,
        StageEvent::Endpoint(_) => c::EVENT_ENDPOINT,
        StageEvent::Turn(_) => c::EVENT_TURN,
    };
    let mut raw = c::Event {
        size: mem::size_of::<c::Event>(),
        kind,
        change: 0,
        trigger: 0,
        confidence: 0.0,
        sample: 0,
        segment: ptr::null(),
    };
    match event {
        StageEvent::Partial(text) | StageEvent::Segment(text) => lend_segment(text, |segment| {
            raw.segment = segment;
            receive(&raw const raw)
        }),
        StageEvent::SpeechStarted(sample) | StageEvent::Endpoint(sample) => {
            raw.sample = *sample;
            receive(&raw const raw)
        }
        StageEvent::Turn(turn) => {
            (raw.sample, raw.confidence) = (turn.sample, turn.confidence.unwrap_or(0.0));
            (raw.change, raw.trigger) = change_number(turn.change);
            receive(&raw const raw)
        }
    }
}

fn lend_segment<R>(text: &Segment, receive: impl FnOnce(*const c::Segment) -> R) -> R {
    let mut strings = Strings::default();
    let words = text.words.iter().map(|word| c::Word {
        start: word.start,
        end: word.end,
        text: strings.add(&word.text()),
        confidence: word.confidence.unwrap_or(0.0),
        extra: strings.fields(&word.extra),
    });
    let words: Vec<_> = words.collect();
    let raw = c::Segment {
        size: mem::size_of::<c::Segment>(),
        start: text.start,
        end: text.end,
        text: strings.add(&text.text()),
        confidence: text.confidence.unwrap_or(0.0),
        language: text.language.as_ref().map_or(ptr::null(), |language| strings.add(language)),
        extra: strings.fields(&text.extra),
        words: if words.is_empty() { ptr::null() } else { words.as_ptr() },
        word_count: words.len(),
        word_size: mem::size_of::<c::Word>(),
    };
    receive(&raw const raw)
}

/// Copies an event. `None` if the pointer is null, or this version does not know it.
///
/// # Safety
/// The event is as the header describes it, or the pointer is null.
unsafe fn read(event: *const c::Event) -> Option<StageEvent> {
    // SAFETY: as the caller promises.
    let raw = unsafe { c::Event::read(event) }?;
    // SAFETY: as above; null for events without a text.
    let text = || unsafe { read_segment(raw.segment) };
    Some(match raw.kind {
        c::EVENT_PARTIAL => StageEvent::Partial(text()?),
        c::EVENT_SEGMENT => StageEvent::Segment(text()?),
        c::EVENT_SPEECH_STARTED => StageEvent::SpeechStarted(raw.sample),
        c::EVENT_ENDPOINT => StageEvent::Endpoint(raw.sample),
        c::EVENT_TURN => {
            let mut turn = Turn::new(raw.sample, change(raw.change, raw.trigger)?);
            turn.confidence = (raw.confidence > 0.0).then(|| raw.confidence.min(1.0));
            StageEvent::Turn(turn)
        }
        _ => return None,
    })
}

fn change_number(change: TurnChange) -> (u32, u32) {
    match change {
        TurnChange::Started => (c::TURN_STARTED, 0),
        TurnChange::Update => (c::TURN_UPDATE, 0),
        TurnChange::EagerEnd => (c::TURN_EAGER_END, 0),
        TurnChange::Resumed => (c::TURN_RESUMED, 0),
        TurnChange::Ended(TurnTrigger::Model) => (c::TURN_ENDED, c::TRIGGER_MODEL),
        TurnChange::Ended(TurnTrigger::Manual) => (c::TURN_ENDED, c::TRIGGER_MANUAL),
        TurnChange::Ended(TurnTrigger::Timeout) => (c::TURN_ENDED, c::TRIGGER_TIMEOUT),
    }
}

fn change(number: u32, trigger: u32) -> Option<TurnChange> {
    Some(match (number, trigger) {
        (c::TURN_STARTED, _) => TurnChange::Started,
        (c::TURN_UPDATE, _) => TurnChange::Update,
        (c::TURN_EAGER_END, _) => TurnChange::EagerEnd,
        (c::TURN_RESUMED, _) => TurnChange::Resumed,
        (c::TURN_ENDED, c::TRIGGER_MODEL) => TurnChange::Ended(TurnTrigger::Model),
        (c::TURN_ENDED, c::TRIGGER_MANUAL) => TurnChange::Ended(TurnTrigger::Manual),
        (c::TURN_ENDED, c::TRIGGER_TIMEOUT) => TurnChange::Ended(TurnTrigger::Timeout),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Word;

    #[test]
    fn an_event_that_is_passed_on_stays_as_it_is() {
        let word = || Word::new(5, 7, "hi").confidence(0.25).extra("rank", 1);
        let text = || Segment::new(5, 9, "hi there").confidence(0.5).language("en").extra("speaker", "S1");
        let turn = |change| StageEvent::Turn(Turn::new(9, change));
        for event in [
            StageEvent::Partial(text()),
            StageEvent::Segment(text().words(vec![word(), Word::new(7, 9, "there")])),
            StageEvent::SpeechStarted(7),
            StageEvent::Endpoint(8),
            turn(TurnChange::Started),
            turn(TurnChange::Update),
            turn(TurnChange::EagerEnd),
            turn(TurnChange::Resumed),
            turn(TurnChange::Ended(TurnTrigger::Model)),
            turn(TurnChange::Ended(TurnTrigger::Manual)),
            StageEvent::Turn(Turn::new(9, TurnChange::Ended(TurnTrigger::Timeout)).confidence(0.75)),
        ] {
            // SAFETY: the event is lent for this call.
            assert_eq!(lend(&event, |lent| unsafe { read(lent) }), Some(event));
        }
    }

    #[test]
    fn what_makes_no_sense_is_no_event() {
        let lent = |edit: fn(&mut c::Event)| {
            lend(&StageEvent::Turn(Turn::new(9, TurnChange::Started)), |lent| {
                // SAFETY: the event is lent for this call.
                let mut event = unsafe { *lent };
                edit(&mut event);
                // SAFETY: as above.
                unsafe { read(&raw const event) }
            })
        };
        assert_eq!(lent(|event| event.kind = 77), None);
        assert_eq!(lent(|event| event.change = 77), None);
        assert_eq!(lent(|event| event.change = c::TURN_ENDED), None);
        assert_eq!(lent(|event| event.kind = c::EVENT_SEGMENT), None);
        let sure = lent(|event| event.confidence = f32::INFINITY);
        assert_eq!(sure, Some(StageEvent::Turn(Turn::new(9, TurnChange::Started).confidence(1.0))));
        assert!(
            lent(|event| event.confidence = f32::NAN)
                .is_some_and(|event| matches!(event, StageEvent::Turn(Turn { confidence: None, .. })))
        );
        // SAFETY: the pointer is null.
        assert_eq!(unsafe { read(ptr::null()) }, None);
    }
}
