//! The stage as the server uses it: through the plugin boundary.

use my_engine::Loader;

use auricle_plugin_api::{Segment, StageEvent, Word};
use auricle_plugin_test::{StubHost, TestStage};
use serde_json::json;

fn stage() -> TestStage {
    TestStage::in_process(Loader, &StubHost::new(), json!({}))
}

fn segment(text: &str) -> Segment {
    let word = Word::new(0, 9, "Anna").confidence(0.5);
    Segment::new(0, 9, text).language("en").words(vec![word])
}

#[test]
fn words_are_replaced_and_all_else_stays() {
    let mut stream = stage().stream(json!({"words": {"anna": "Hannah"}}));
    for event in [
        StageEvent::SpeechStarted(0),
        StageEvent::Partial(segment("Anna")),
        StageEvent::Segment(segment("Anna said")),
        StageEvent::Endpoint(9),
    ] {
        stream.event(&event).unwrap();
    }
    stream.finish().unwrap();
    let word = Word::new(0, 9, "Hannah").confidence(0.5);
    let replaced = |text: &str| segment(text).words(vec![word.clone()]);
    let expected = [
        StageEvent::SpeechStarted(0),
        StageEvent::Partial(replaced("Hannah")),
        StageEvent::Segment(replaced("Hannah said")),
        StageEvent::Endpoint(9),
    ];
    assert_eq!(stream.take(), expected);
}

#[test]
fn without_words_nothing_changes() {
    let mut stream = stage().stream(json!({}));
    let event = StageEvent::Segment(segment("Anna said"));
    stream.event(&event).unwrap();
    assert_eq!(stream.take(), [event]);
}

#[test]
fn a_wrong_value_is_refused_by_name() {
    let refusal = stage().try_stream(json!({"words": "none"})).err().unwrap();
    assert!(refusal.message.starts_with("field `words`"), "{refusal}");
}
