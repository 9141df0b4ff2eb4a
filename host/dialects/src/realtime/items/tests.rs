//! Tests of the items.

use super::{
    super::detection::{Eagerness, TurnDetection},
    *,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn items(capabilities: &[&str]) -> Items {
    let mut items = Items::new("p".to_owned());
    items.open(&Metadata::new(16_000, 1_600).capabilities(capabilities.iter().copied()).separator(" "), 0.0);
    items
}

fn detection(is_on: bool) -> TurnDetection {
    if is_on { TurnDetection::Meaning(Eagerness::Auto) } else { TurnDetection::Off }
}

fn config(detects_turns: bool) -> Config {
    Config { turn_detection: Some(detection(detects_turns)), ..Config::default() }
}

fn text(start: u64, text: &str) -> Segment {
    Segment::new(start, start + 8_000, text)
}

fn values(events: &[ServerEvent]) -> Vec<Value> {
    events.iter().map(|event| serde_json::to_value(event).unwrap()).collect()
}

/// The last part of each type, and what matters of it.
fn brief(events: &[ServerEvent]) -> Vec<(String, Value)> {
    let brief = |event: Value| {
        let kind = event["type"].as_str().unwrap().rsplit('.').next().unwrap().to_owned();
        let told = match kind.as_str() {
            "speech_started" => event["audio_start_ms"].clone(),
            "speech_stopped" => event["audio_end_ms"].clone(),
            "committed" | "added" | "done" | "created" => event["previous_item_id"].clone(),
            "delta" => event["delta"].clone(),
            "completed" => json!([event["transcript"], event["usage"]["seconds"]]),
            _ => Value::Null,
        };
        (kind, told)
    };
    values(events).into_iter().map(brief).collect()
}

fn expected(list: &[(&str, Value)]) -> Vec<(String, Value)> {
    list.iter().map(|(kind, told)| ((*kind).to_owned(), told.clone())).collect()
}

#[test]
fn the_server_ends_items_at_endpoints() {
    let (mut items, config) = (items(&["endpoints"]), config(true));
    let events = [
        Event::SpeechStarted(8_000),
        Event::Partial(text(8_000, "on")),
        Event::Segment(text(8_000, "one")),
        Event::Segment(text(16_000, "two")),
        Event::Endpoint(32_000),
        // Without speech there is no item.
        Event::Endpoint(40_000),
        Event::Partial(text(48_000, "thr")),
        Event::Endpoint(56_000),
    ];
    let told: Vec<_> = events.iter().flat_map(|event| items.event(event, &config)).collect();
    let first = values(&told)[0]["item_id"].clone();
    let list = [
        ("speech_started", json!(500)),
        ("delta", json!("one")),
        ("delta", json!(" two")),
        ("speech_stopped", json!(2_000)),
        ("committed", Value::Null),
        ("added", Value::Null),
        ("done", Value::Null),
        ("completed", json!(["one two", 1.5])),
        ("speech_started", json!(3_000)),
        ("speech_stopped", json!(3_500)),
        ("committed", first.clone()),
        ("added", first.clone()),
        ("done", first),
        ("completed", json!(["", 0.5])),
    ];
    assert_eq!(brief(&told), expected(&list));
}

#[test]
fn without_endpoints_each_segment_is_an_item() {
    let (mut items, config) = (items(&[]), config(true));
    items.shape = Shape::Beta;
    let told = items.event(&Event::Segment(text(8_000, "one")), &config);
    let list = [
        ("speech_started", json!(500)),
        ("delta", json!("one")),
        ("speech_stopped", json!(1_000)),
        ("committed", Value::Null),
        ("created", Value::Null),
        ("completed", json!(["one", 0.5])),
    ];
    assert_eq!(brief(&told), expected(&list));
}

#[test]
fn the_client_ends_items_by_commits() {
    let (mut items, config) = (items(&["endpoints"]), config(false));
    let mut told = Vec::new();
    for event in [Event::SpeechStarted(0), Event::Segment(text(0, "one")), Event::Endpoint(8_000)] {
        told.extend(items.event(&event, &config));
    }
    assert_eq!(brief(&told), expected(&[("delta", json!("one"))]));
    let first = values(&told)[0]["item_id"].clone();
    assert_eq!(items.commit(0.05).unwrap_err().code, Some("input_audio_buffer_commit_empty"));
    told = items.commit(1.0).unwrap();
    assert_eq!(values(&told)[0]["item_id"], first);
    assert_eq!(items.commit(1.0).unwrap_err().code, Some("input_audio_buffer_commit_empty"));
    told.extend(items.commit(1.5).unwrap());
    // Texts belong to the oldest commit until its flush.
    for event in [Event::Segment(text(8_000, "two")), Event::Flushed(0), Event::Flushed(0)] {
        told.extend(items.event(&event, &config));
    }
    let list = [
        ("committed", Value::Null),
        ("added", Value::Null),
        ("done", Value::Null),
        ("committed", first.clone()),
        ("added", first.clone()),
        ("done", first),
        ("delta", json!(" two")),
        ("completed", json!(["one two", 1.0])),
        ("completed", json!(["", 0.5])),
    ];
    assert_eq!(brief(&told), expected(&list));
}

#[test]
fn a_stage_ends_items_whose_text_is_asked_for() {
    let (mut items, config) = (items(&["endpoints", "turns"]), config(true));
    let found = |sample, change| Event::Turn(Turn::new(sample, change));
    let mut told = Vec::new();
    let events = [
        found(4_000, TurnChange::Started),
        Event::SpeechStarted(8_000),
        Event::Segment(text(8_000, "one")),
        Event::Endpoint(16_000),
        found(32_000, TurnChange::Ended(TurnTrigger::Model)),
    ];
    events.iter().for_each(|event| told.extend(items.event(event, &config)));
    assert!(items.take_flush() && !items.take_flush());
    let events = [
        Event::Segment(text(16_000, "two")),
        Event::Flushed(0),
        // Nothing was said in this one.
        found(40_000, TurnChange::Started),
        found(48_000, TurnChange::Ended(TurnTrigger::Timeout)),
        Event::Flushed(0),
    ];
    events.iter().for_each(|event| told.extend(items.event(event, &config)));
    let first = values(&told)[0]["item_id"].clone();
    let list = [
        ("speech_started", json!(250)),
        ("delta", json!("one")),
        ("speech_stopped", json!(2_000)),
        ("committed", Value::Null),
        ("added", Value::Null),
        ("done", Value::Null),
        ("delta", json!(" two")),
        ("completed", json!(["one two", 1.75])),
        ("speech_started", json!(2_500)),
        ("speech_stopped", json!(3_000)),
        ("committed", first.clone()),
        ("added", first.clone()),
        ("done", first),
        ("completed", json!(["", 0.5])),
    ];
    assert_eq!(brief(&told), expected(&list));
    // A commit of the client flushes, which ends the turn.
    items.event(&found(56_000, TurnChange::Started), &config);
    told = items.commit(4.0).unwrap();
    told.extend(items.event(&found(64_000, TurnChange::Ended(TurnTrigger::Manual)), &config));
    told.extend(items.event(&Event::Flushed(0), &config));
    assert_eq!(
        brief(&told).iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(),
        ["committed", "added", "done", "completed"]
    );
}

#[test]
fn what_is_cleared_is_not_told() {
    let (mut items, config) = (items(&["endpoints"]), config(true));
    assert!(!items.clear(0.0));
    let started = items.event(&Event::SpeechStarted(8_000), &config);
    assert!(items.clear(1.0));
    for event in [Event::Segment(text(8_000, "one")), Event::Endpoint(16_000), Event::Flushed(0)] {
        assert!(items.event(&event, &config).is_empty());
    }
    let next = items.event(&Event::Segment(text(16_000, "two")), &config);
    assert_ne!(values(&started)[0]["item_id"], values(&next)[0]["item_id"]);
    assert_eq!(brief(&next), expected(&[("speech_started", json!(1_000)), ("delta", json!("two"))]));
    let end = brief(&items.end(1.5, &config));
    assert_eq!(end.last().unwrap(), &("completed".to_owned(), json!(["two", 0.5])));
}

#[test]
fn an_item_with_too_much_text_is_ended() {
    let (mut items, config) = (items(&["endpoints"]), config(false));
    let long = "x".repeat(MOST_TEXT / 2);
    assert_eq!(items.event(&Event::Segment(text(0, &long)), &config).len(), 1);
    assert_eq!(items.event(&Event::Segment(text(8_000, &long)), &config).len(), 5);
    assert_eq!(items.commit(1.0).unwrap_err().code, Some("input_audio_buffer_commit_empty"), "it is no item twice");
}

#[test]
fn items_that_are_not_complete_fail() {
    let (mut items, config) = (items(&["endpoints"]), config(false));
    items.commit(1.0).unwrap();
    items.clear(2.0);
    items.commit(3.0).unwrap();
    assert!(items.event(&Event::Flushed(0), &config).len() == 1);
    let failed = items.fail(&Failure::new(FailureCode::EngineCrashed, "why").into());
    assert_eq!(brief(&failed), expected(&[("failed", Value::Null)]));
    assert_eq!(values(&failed)[0]["error"]["code"], "engine_crashed");
}

#[derive(Debug, Clone)]
enum Step {
    Engine(Event),
    Commit,
    Clear,
    Turns(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        // Times that have passed.
        4 => "[a-z]{1,3}".prop_map(|word| Step::Engine(Event::Segment(Segment::new(0, 0, word)))),
        1 => Just(Step::Engine(Event::SpeechStarted(0))),
        1 => Just(Step::Engine(Event::Partial(text(0, "partial")))),
        2 => Just(Step::Engine(Event::Endpoint(0))),
        2 => Just(Step::Engine(Event::Flushed(0))),
        2 => Just(Step::Commit),
        1 => Just(Step::Clear),
        1 => any::<bool>().prop_map(Step::Turns),
        1 => Just(Step::Engine(Event::Turn(Turn::new(0, TurnChange::Started)))),
        1 => Just(Step::Engine(Event::Turn(Turn::new(0, TurnChange::Ended(TurnTrigger::Model))))),
    ]
}

proptest! {
    /// Whatever happens: each committed item is completed once, its transcript is its deltas, and each text that is not
    /// cleared is told once, in order.
    #[test]
    fn nothing_is_lost_or_told_twice(steps in prop::collection::vec(step(), 0..60), has_endpoints: bool, has_stage: bool) {
        let abilities: Vec<_> = [(has_endpoints, "endpoints"), (has_stage, "turns")].into_iter().filter_map(|(has, name)| has.then_some(name)).collect();
        let (mut items, mut config) = (items(&abilities), config(true));
        let (mut told, mut spoken, mut now, mut cleared) = (Vec::new(), Vec::new(), 0.0, 0);
        for step in steps {
            now += 0.2;
            match step {
                Step::Engine(event) => {
                    if let Event::Segment(text) = &event && !matches!(items.waiting.front(), Some(Waiting::Cleared)) {
                        spoken.push(text.text().into_owned());
                    }
                    told.extend(items.event(&event, &config));
                }
                Step::Commit => told.extend(items.commit(now).unwrap()),
                Step::Clear => {
                    // What was told of an item that is cleared.
                    cleared += items.open.as_ref().map_or(0, |item| item.transcript.len());
                    items.clear(now);
                }
                Step::Turns(turns) => config.turn_detection = Some(detection(turns)),
            }
        }
        told.extend(items.end(now, &config));
        let told = values(&told);
        let of = |kind: &str| told.iter().filter(|event| event["type"].as_str().unwrap().ends_with(kind)).collect::<Vec<_>>();
        let ids = |kind: &str| {
            let mut ids: Vec<_> = of(kind).iter().map(|event| event["item_id"].as_str().unwrap().to_owned()).collect();
            ids.sort();
            ids
        };
        let committed = ids(".committed");
        prop_assert_eq!(&ids(".completed"), &committed);
        prop_assert!(committed.windows(2).all(|pair| pair[0] != pair[1]));
        let mut whole = 0;
        for item in of(".completed") {
            let deltas = of(".delta").into_iter().filter(|delta| delta["item_id"] == item["item_id"]);
            let deltas: String = deltas.map(|delta| delta["delta"].as_str().unwrap()).collect();
            whole += deltas.split_whitespace().count();
            prop_assert_eq!(&item["transcript"], &deltas);
        }
        let words: Vec<_> = of(".delta").iter().map(|delta| delta["delta"].as_str().unwrap().trim().to_owned()).collect();
        prop_assert_eq!(&words, &spoken);
        prop_assert_eq!(whole + cleared, spoken.len());
    }
}
