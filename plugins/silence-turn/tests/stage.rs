//! The stage behind the plugin boundary.

#![allow(clippy::unwrap_used, reason = "a test may")]

use auricle_plugin_api::{StageEvent, TurnChange, TurnTrigger};
use auricle_plugin_test::{
    StubHost, TestStage, TestStageStream,
    audio::{floats, noise},
};
use auricle_stage_silence_turn::Loader;
use serde_json::json;

/// Half a second of noise and a second of silence, twice.
fn two_turns() -> Vec<f32> {
    let one = |seed| [floats(&noise(seed, 8_000)), vec![0.0; 16_000]].concat();
    [vec![0.0; 8_000], one(1), one(2)].concat()
}

fn stage() -> TestStage {
    TestStage::in_process(Loader, &StubHost::new(), json!({"vad": "energy"}))
}

fn changes(events: &[StageEvent]) -> Vec<TurnChange> {
    let change = |event: &StageEvent| match event {
        StageEvent::Turn(turn) => Some(turn.change),
        _ => None,
    };
    events.iter().filter_map(change).collect()
}

fn hear(mut stream: TestStageStream, pieces: &[&[f32]]) -> Vec<StageEvent> {
    pieces.iter().for_each(|piece| stream.audio(piece).unwrap());
    stream.finish().unwrap();
    stream.take()
}

#[test]
fn turns_do_not_depend_on_how_the_audio_is_cut() {
    let audio = two_turns();
    let whole = hear(stage().stream(json!({})), &[&audio]);
    let end = TurnChange::Ended(TurnTrigger::Model);
    assert_eq!(changes(&whole), [TurnChange::Started, end, TurnChange::Started, end]);
    for length in [1_600, 511, 7] {
        let pieces: Vec<_> = audio.chunks(length).collect();
        assert_eq!(hear(stage().stream(json!({})), &pieces), whole, "{length}");
    }
}

// ANCHOR: test
#[test]
fn another_process_goes_on_from_any_state() {
    let audio = two_turns();
    let options = || json!({"eager_seconds": 0.2, "update_seconds": 0.1});
    let whole = hear(stage().stream(options()), &[&audio]);
    for cut in (1_000..audio.len()).step_by(5_000) {
        let mut first = stage().stream(options());
        first.audio(&audio[..cut]).unwrap();
        let state = first.save().unwrap();
        let mut second = stage().stream(options());
        second.restore(cut as u64, &state).unwrap();
        let told = [first.take(), hear(second, &[&audio[cut..]])].concat();
        assert_eq!(told, whole, "{cut}");
    }
    assert!(stage().stream(options()).restore(0, b"nonsense").is_err());
}
// ANCHOR_END: test

#[test]
fn the_client_ends_a_turn_and_so_does_the_end_of_the_audio() {
    let mut stream = stage().stream(json!({}));
    stream.end_turn().unwrap();
    stream.audio(&two_turns()[..14_000]).unwrap();
    stream.end_turn().unwrap();
    let manual = TurnChange::Ended(TurnTrigger::Manual);
    assert_eq!(changes(&stream.take()), [TurnChange::Started, manual]);
    stream.audio(&two_turns()[8_000..14_000]).unwrap();
    stream.finish().unwrap();
    assert_eq!(changes(&stream.take()), [TurnChange::Started, manual]);
}

#[test]
fn limits_that_contradict_each_other_name_the_field() {
    let error = stage().try_stream(json!({"eager_seconds": 2.0, "silence_seconds": 1.0})).err().unwrap();
    assert!(error.message.contains("field `eager_seconds`"), "{error}");
}
