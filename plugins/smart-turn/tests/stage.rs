//! The stage behind the plugin boundary, with the published networks.

#![allow(clippy::unwrap_used, reason = "a test may")]

use auricle_plugin_api::{StageEvent, Turn, TurnChange, TurnTrigger};
use auricle_plugin_test::{
    StubHost, TestStage, TestStageStream,
    audio::{floats, noise, wav_floats},
    onnx_runtime_dir,
};
use auricle_stage_smart_turn::Loader;
use serde_json::{Value, json};
use std::path::Path;

/// A sentence, three seconds of silence, and the beginning of another sentence.
fn talk() -> Vec<f32> {
    let fixture = |name| wav_floats(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../fixtures/{name}.wav")));
    let (first, second) = (fixture("demo"), fixture("train"));
    [&vec![0.0; 8_000], &first[64_000..128_000], &vec![0.0; 48_000], &second[..40_000], &vec![0.0; 20_000]].concat()
}

fn stage() -> TestStage {
    let host = StubHost::new().resource_dir(onnx_runtime_dir(env!("CARGO_MANIFEST_DIR")));
    TestStage::in_process(Loader, &host, json!({}))
}

fn turns(events: &[StageEvent]) -> Vec<Turn> {
    let turn = |event: &StageEvent| match event {
        StageEvent::Turn(turn) => Some(*turn),
        _ => None,
    };
    events.iter().filter_map(turn).collect()
}

fn changes(events: &[StageEvent]) -> Vec<TurnChange> {
    turns(events).iter().map(|turn| turn.change).collect()
}

fn hear(mut stream: TestStageStream, pieces: &[&[f32]]) -> Vec<StageEvent> {
    pieces.iter().for_each(|piece| stream.audio(piece).unwrap());
    stream.finish().unwrap();
    stream.take()
}

/// With an answer at each pause, and more.
fn talkative() -> Value {
    json!({"pause_seconds": 0.1, "eager_threshold": 0.05, "end_threshold": 0.9, "silence_seconds": 1.5, "update_seconds": 0.5})
}

#[test]
fn a_sentence_ends_a_turn_soon() {
    let told = turns(&hear(stage().stream(json!({})), &[&talk()]));
    let (start, end) = (told[0], told[1]);
    assert_eq!((start.change, end.change), (TurnChange::Started, TurnChange::Ended(TurnTrigger::Model)), "{told:?}");
    assert!(end.confidence.unwrap() >= 0.5 && start.confidence.is_none(), "{told:?}");
    // The sentence is in the samples from 14,560 to 59,520.
    assert!(start.sample.abs_diff(14_560) < 3_200 && end.sample.abs_diff(59_520) < 4_800, "{told:?}");
    assert_eq!(told[2].change, TurnChange::Started, "{told:?}");
}

#[test]
fn turns_do_not_depend_on_how_the_audio_is_cut() {
    let (audio, stage) = (talk(), stage());
    for options in [json!({}), talkative()] {
        let whole = hear(stage.stream(options.clone()), &[&audio]);
        for length in [1_600, 511, 77] {
            let pieces: Vec<_> = audio.chunks(length).collect();
            assert_eq!(hear(stage.stream(options.clone()), &pieces), whole, "{length}");
        }
    }
}

#[test]
fn another_process_goes_on_from_any_state() {
    let (audio, stage) = (talk(), stage());
    let whole = hear(stage.stream(talkative()), &[&audio]);
    assert!(changes(&whole).len() > 4, "{whole:?}");
    for cut in (1_000..audio.len()).step_by(17_000) {
        let mut first = stage.stream(talkative());
        first.audio(&audio[..cut]).unwrap();
        let state = first.save().unwrap();
        let mut second = stage.stream(talkative());
        second.restore(cut as u64, &state).unwrap();
        let told = [first.take(), hear(second, &[&audio[cut..]])].concat();
        assert_eq!(told, whole, "{cut}");
    }
    assert!(stage.stream(json!({})).restore(0, b"nonsense").is_err());
}

#[test]
fn the_state_of_a_long_turn_is_small() {
    let host = StubHost::new().resource_dir(onnx_runtime_dir(env!("CARGO_MANIFEST_DIR")));
    let stage = TestStage::in_process(Loader, &host, json!({"vad": "energy"}));
    // Nothing ends the turn.
    let mut stream = stage.stream(json!({"pause_seconds": 5.0, "end_threshold": 0.99, "silence_seconds": 60.0}));
    stream.audio(&[floats(&noise(1, 16_000)), vec![0.0; 30 * 16_000]].concat()).unwrap();
    assert_eq!(changes(&stream.take()), [TurnChange::Started]);
    let state = stream.save().unwrap().len();
    assert!((256_000..265_000).contains(&state), "{state}");
}

#[test]
fn the_client_ends_a_turn_and_so_does_the_end_of_the_audio() {
    let audio = talk();
    let mut stream = stage().stream(json!({}));
    stream.end_turn().unwrap();
    stream.audio(&audio[..40_000]).unwrap();
    stream.end_turn().unwrap();
    let manual = TurnChange::Ended(TurnTrigger::Manual);
    assert_eq!(changes(&stream.take()), [TurnChange::Started, manual]);
    stream.audio(&audio[40_000..60_000]).unwrap();
    stream.finish().unwrap();
    assert_eq!(changes(&stream.take()), [TurnChange::Started, manual]);
}

#[test]
fn early_ends_that_need_more_than_ends_are_not_told() {
    let told = hear(stage().stream(json!({"eager_threshold": 0.95, "end_threshold": 0.05})), &[&talk()]);
    let changes = changes(&told);
    assert!(changes.contains(&TurnChange::Ended(TurnTrigger::Model)), "{changes:?}");
    assert!(!changes.contains(&TurnChange::EagerEnd), "{changes:?}");
}
