//! Tests of the turns.

use super::*;
use proptest::prelude::*;

fn turns(has_endpoints: bool) -> Turns {
    let mut turns = Turns::new(Duration::from_secs(2));
    let capabilities = has_endpoints.then_some("endpoints");
    turns.open(&Metadata::new(16_000, 1_600).capabilities(capabilities).separator(" "));
    turns
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
        (0, Ended(Cause::Engine), "one two", 2.0),
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
    let ended = Ended(Cause::Engine);
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
            assert_eq!(told[0], (1, Ended(Cause::Engine), "two".to_owned(), 1.0));
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
fn a_turn_with_too_much_text_ends() {
    let mut turns = turns(true);
    let long = "x".repeat(MOST_TEXT);
    assert_eq!(turns.event(&Event::Segment(text(0, &long))).len(), 1);
    let told = told(&mut turns, &[Event::Segment(text(8_000, "y"))]);
    assert_eq!(told.iter().map(|(_, change, ..)| *change).collect::<Vec<_>>(), [Ended(Cause::Engine)]);
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
        1 => Just(Step::Ask),
    ]
}

proptest! {
    /// Whatever happens: each final text is in one turn that ends, in order, and turns start and end in turn.
    #[test]
    fn nothing_is_lost_or_told_twice(steps in prop::collection::vec(step(), 0..60), has_endpoints: bool) {
        let mut turns = turns(has_endpoints);
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
        changes.extend(turns.end(Cause::Client));
        let (mut said, mut open) = (Vec::new(), None);
        for (change, turn) in &changes {
            match change {
                Started => prop_assert_eq!(open.replace(turn.index), None),
                Updated => prop_assert_eq!(open, Some(turn.index)),
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
