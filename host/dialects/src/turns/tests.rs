//! Tests of the turns.

use super::*;
use proptest::prelude::*;

fn turns(has_endpoints: bool) -> Turns {
    let mut turns = Turns::new(Duration::from_secs(2));
    let capabilities = has_endpoints.then_some("endpoints");
    turns.open(&Metadata::new(16_000, 1_600).capabilities(capabilities).separator(" "));
    turns
}

/// As behind a stage that finds turns.
fn staged() -> Turns {
    let mut turns = turns(true);
    turns.has_stage = true;
    turns
}

fn found(sample: u64, change: TurnChange) -> Event {
    Event::Turn(Turn::new(sample, change).confidence(0.75))
}

fn text(start: u64, text: &str) -> Segment {
    Segment::new(start, start + 8_000, text)
}

/// Index, change, the whole text, and the end.
fn brief(changes: &[(Change, SpeakerTurn)]) -> Vec<(u64, Change, String, f64)> {
    changes.iter().map(|(change, turn)| (turn.index, *change, turn.whole(" "), turn.end)).collect()
}

fn told(turns: &mut Turns, events: &[Event]) -> Vec<(u64, Change, String, f64)> {
    let changes: Vec<_> = events.iter().flat_map(|event| turns.event(event)).collect();
    brief(&changes)
}

use Change::{Ended, Started, Updated};

#[test]
fn a_turn_ends_at_an_endpoint() {
    let mut turns = turns(true);
    let told = told(
        &mut turns,
        &[
            Event::Partial(text(0, "")),
            Event::Endpoint(800),
            Event::Partial(text(0, "on")),
            Event::Segment(text(0, "one")),
            Event::Partial(text(8_000, "tw")),
            Event::Segment(text(8_000, "two")),
            Event::Endpoint(32_000),
            Event::Segment(text(32_000, "three")),
        ],
    );
    let expected = [
        (0, Started, "on", 0.5),
        (0, Updated, "one", 0.5),
        (0, Updated, "one tw", 1.0),
        (0, Updated, "one two", 1.0),
        (0, Ended(Cause::Found), "one two", 2.0),
        (1, Started, "three", 2.5),
    ];
    assert_eq!(told, expected.map(|(index, change, text, end)| (index, change, text.to_owned(), end)));
    assert_eq!((turns.turn.start, turns.turn.words.len()), (2.0, 1));
}

#[test]
fn without_endpoints_each_text_is_a_turn() {
    let mut turns = turns(false);
    let told = told(
        &mut turns,
        &[Event::Segment(text(0, "one")), Event::Partial(text(8_000, "tw")), Event::Segment(text(8_000, "two"))],
    );
    let kinds: Vec<_> = told.iter().map(|(index, change, ..)| (*index, *change)).collect();
    let ended = Ended(Cause::Found);
    assert_eq!(kinds, [(0, Started), (0, ended), (1, Started), (1, ended)]);
}

#[test]
fn an_end_that_was_asked_for_says_so() {
    for has_endpoints in [false, true] {
        let mut turns = turns(has_endpoints);
        turns.event(&Event::Partial(text(0, "on")));
        turns.ask(Cause::Client);
        // The engine's endpoint belongs to the answer, unless more text follows.
        let told = told(&mut turns, &[Event::Segment(text(0, "one")), Event::Endpoint(8_000), Event::Flushed(0)]);
        let expected = [(0, Updated), (0, Ended(Cause::Client))];
        assert_eq!(told.iter().map(|(index, change, ..)| (*index, *change)).collect::<Vec<_>>(), expected);
        turns.ask(Cause::Client);
        assert!(turns.event(&Event::Flushed(0)).is_empty(), "nothing was said");
        turns.event(&Event::Segment(text(8_000, "two")));
        turns.ask(Cause::Client);
        turns.event(&Event::Endpoint(16_000));
        let told = brief(&turns.event(&Event::Segment(text(16_000, "three"))));
        if has_endpoints {
            assert_eq!(told[0], (1, Ended(Cause::Found), "two".to_owned(), 1.0));
        }
        assert_eq!(told.last().unwrap().1, Started);
    }
}

#[test]
fn a_silence_is_counted_from_the_last_text() {
    let mut turns = turns(true);
    assert!(!turns.is_silent(9.0), "nothing was said");
    turns.event(&Event::Partial(text(8_000, "one")));
    assert_eq!([turns.is_silent(2.9), turns.is_silent(3.0)], [false, true]);
    turns.ask(Cause::Silence);
    assert!(!turns.is_silent(9.0), "it was asked for");
    let told = told(&mut turns, &[Event::Partial(text(8_000, "")), Event::Flushed(0)]);
    assert_eq!(told, [(0, Updated, String::new(), 1.0), (0, Ended(Cause::Silence), String::new(), 1.0)]);
}

#[test]
fn a_stage_ends_turns_and_their_text_is_asked_for() {
    let mut turns = staged();
    let events = [
        found(0, TurnChange::Started),
        Event::Partial(text(0, "on")),
        // Not the end of a turn.
        Event::Segment(text(0, "one")),
        Event::Endpoint(8_000),
        found(8_000, TurnChange::EagerEnd),
        found(9_000, TurnChange::Resumed),
        Event::Partial(text(8_000, "tw")),
        found(20_000, TurnChange::Ended(TurnTrigger::Model)),
    ];
    let kinds: Vec<_> = told(&mut turns, &events).into_iter().map(|(_, change, text, _)| (change, text)).collect();
    let expected =
        [(Started, "on"), (Updated, "one"), (Change::Paused, "one"), (Change::Resumed, "one"), (Updated, "one tw")];
    assert_eq!(kinds, expected.map(|(change, text)| (change, text.to_owned())));
    assert!(turns.take_flush() && !turns.take_flush());
    let rest = told(&mut turns, &[Event::Segment(text(8_000, "two")), Event::Flushed(0)]);
    let whole = "one two".to_owned();
    assert_eq!(rest, [(0, Updated, whole.clone(), 1.25), (0, Ended(Cause::Found), whole, 1.25)]);
    // What ends a turn at a flush is the flush.
    turns.event(&Event::Segment(text(24_000, "three")));
    turns.ask(Cause::Client);
    assert!(turns.event(&found(32_000, TurnChange::Ended(TurnTrigger::Manual))).is_empty() && !turns.take_flush());
    assert_eq!(brief(&turns.event(&Event::Flushed(0)))[0].1, Ended(Cause::Client));
}

#[test]
fn text_may_come_after_what_the_stage_has_found() {
    let mut turns = staged();
    assert!(told(&mut turns, &[found(0, TurnChange::Started), found(9_000, TurnChange::EagerEnd)]).is_empty());
    let changes = turns.event(&Event::Segment(text(0, "one")));
    let kinds: Vec<_> = changes.iter().map(|(change, turn)| (*change, turn.confidence)).collect();
    assert_eq!(kinds, [(Started, Some(0.75)), (Change::Paused, Some(0.75))]);
    turns.event(&found(9_000, TurnChange::Ended(TurnTrigger::Timeout)));
    // The audio ends before the flush.
    assert_eq!(turns.last().unwrap().0, Ended(Cause::Silence));
    // A turn without text is not told.
    turns.event(&found(20_000, TurnChange::Started));
    turns.event(&found(30_000, TurnChange::Ended(TurnTrigger::Model)));
    assert!(turns.take_flush() && turns.event(&Event::Flushed(0)).is_empty());
}

#[test]
fn a_turn_with_too_much_text_ends() {
    let mut turns = turns(true);
    let long = "x".repeat(MOST_TEXT);
    assert_eq!(turns.event(&Event::Segment(text(0, &long))).len(), 1);
    let told = told(&mut turns, &[Event::Segment(text(8_000, "y"))]);
    assert_eq!(told.iter().map(|(_, change, ..)| *change).collect::<Vec<_>>(), [Ended(Cause::Found)]);
}

#[derive(Debug, Clone)]
enum Step {
    Engine(Event),
    Ask,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => "[a-z]{1,3}".prop_map(|word| Step::Engine(Event::Segment(Segment::new(0, 0, word)))),
        2 => "[a-z]{0,3}".prop_map(|word| Step::Engine(Event::Partial(Segment::new(0, 0, word)))),
        2 => Just(Step::Engine(Event::Endpoint(0))),
        1 => Just(Step::Engine(Event::Flushed(0))),
        1 => prop::sample::select(vec![
            TurnChange::Started,
            TurnChange::EagerEnd,
            TurnChange::Resumed,
            TurnChange::Ended(TurnTrigger::Model),
            TurnChange::Ended(TurnTrigger::Manual),
        ])
        .prop_map(|change| Step::Engine(found(0, change))),
        1 => Just(Step::Ask),
    ]
}

proptest! {
    /// Whatever happens: each final text is in one turn that ends, in order, and turns start and end in turn.
    #[test]
    fn nothing_is_lost_or_told_twice(steps in prop::collection::vec(step(), 0..60), has_endpoints: bool, has_stage: bool) {
        let mut turns = turns(has_endpoints);
        turns.has_stage = has_stage;
        let (mut changes, mut spoken) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Engine(event) => {
                    if let Event::Segment(text) = &event {
                        spoken.push(text.text().into_owned());
                    }
                    changes.extend(turns.event(&event));
                }
                Step::Ask => turns.ask(Cause::Client),
            }
        }
        changes.extend(turns.last());
        let (mut said, mut open) = (Vec::new(), None);
        for (change, turn) in &changes {
            match change {
                Started => prop_assert_eq!(open.replace(turn.index), None),
                Updated | Change::Paused | Change::Resumed => prop_assert_eq!(open, Some(turn.index)),
                Ended(_) => {
                    prop_assert_eq!(open.take(), Some(turn.index));
                    prop_assert!(turn.partial.is_empty() && turn.words.iter().all(|word| word.is_final));
                    said.extend(turn.text.split_whitespace().map(str::to_owned));
                }
            }
        }
        prop_assert_eq!(open, None);
        prop_assert_eq!(said, spoken);
    }
}
