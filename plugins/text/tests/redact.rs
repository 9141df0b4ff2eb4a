//! The stage `redact` behind the plugin boundary.

#![allow(clippy::unwrap_used, reason = "a test may")]

use auricle_plugin_api::{Segment, StageEvent};
use auricle_plugin_test::{StubHost, TestStage, TestStageStream};
use auricle_stage_text::RedactLoader;
use proptest::prelude::*;
use serde_json::{Value, json};

const RATE: usize = 8_000;

fn stage(fields: Value) -> TestStage {
    TestStage::in_process(RedactLoader, &StubHost::new(), fields)
}

fn stream(stage: &TestStage) -> TestStageStream {
    stage.stream(json!({"sample_rate": RATE}))
}

fn segment(text: &str) -> StageEvent {
    StageEvent::Segment(Segment::new(0, 10, text))
}

fn texts(events: &[StageEvent]) -> Vec<String> {
    let text = |event: &StageEvent| match event {
        StageEvent::Segment(segment) | StageEvent::Partial(segment) => Some(segment.text().into_owned()),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

#[test]
fn the_end_of_a_segment_waits_for_some_seconds() {
    let stage = stage(json!({"hold_seconds": 2}));
    let mut first = stream(&stage);
    first.audio(&vec![0.0; 5 * RATE]).unwrap();
    first.event(&segment("call 555 121")).unwrap();
    first.audio(&vec![0.0; 2 * RATE - 1]).unwrap();
    assert_eq!(texts(&first.take()), [""; 0]);
    // Another process waits for the rest of the time.
    let state = first.save().unwrap();
    let mut second = stream(&stage);
    second.restore(7 * RATE as u64 - 1, &state).unwrap();
    first.event(&segment("2123 now")).unwrap();
    assert_eq!(texts(&first.take()), ["call [phone]", "now"]);
    second.audio(&[0.0]).unwrap();
    assert_eq!(texts(&second.take()), ["call 555 121"]);
    second.event(&segment("2123 now")).unwrap();
    assert_eq!(texts(&second.take()), ["2123 now"]);
}

proptest! {
    #[test]
    fn where_segments_end_does_not_matter(
        words in prop::collection::vec(prop::sample::select(vec!["call", "five", "55", "um", "now,", "double", "Oh."]), 1..12),
        cuts in prop::collection::vec(any::<bool>(), 12),
    ) {
        let stage = stage(json!({"mark": "#"}));
        let mut whole = stream(&stage);
        whole.event(&segment(&words.join(" "))).unwrap();
        whole.finish().unwrap();
        let mut cut = stream(&stage);
        let mut text = String::new();
        for (word, ends) in words.iter().zip(cuts) {
            text = format!("{text} {word}");
            if ends {
                cut.event(&segment(&std::mem::take(&mut text))).unwrap();
            }
        }
        cut.event(&segment(&text)).unwrap();
        cut.finish().unwrap();
        let told = |mut stream: TestStageStream| {
            let told = texts(&stream.take()).join(" ");
            told.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        prop_assert_eq!(told(cut), told(whole));
    }

    #[test]
    fn no_text_is_too_strange(texts in prop::collection::vec(".{0,40}", 1..6)) {
        let stage = stage(json!({"profanity": true, "patterns": [r"\bcase [a-z]+\b"]}));
        let mut stream = stream(&stage);
        for text in &texts {
            stream.event(&StageEvent::Partial(Segment::new(0, 1, text.as_str()))).unwrap();
            stream.event(&segment(text)).unwrap();
        }
        stream.finish().unwrap();
    }
}
