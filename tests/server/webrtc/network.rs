//! Networks that lose and delay packets: the words are nearly those over WebSocket. And media over TCP.

use super::{call_together, over_websocket, segments, setup, texts};
use crate::openai::wav_file;
use auricle_tests::{MediaRelay, Weather, fixture, long, skip, wav, word_errors, words};
use serde_json::json;
use std::{fs, time::Duration};

const JITTER: Duration = Duration::from_millis(50);

#[test]
fn loss_and_jitter_cost_few_words() {
    let host = setup("").start();
    let said = words(&over_websocket(&host, &fixture("digits.wav")));
    let media = host.listener(1);
    // Of all together, since one recording has few words.
    let (mut errors, mut all) = (0, 0);
    for loss in [0.05, 0.10] {
        let relays: Vec<_> =
            (0..4).map(|_| MediaRelay::new(&media, Weather { loss, jitter: JITTER, corrupted: 0.0 })).collect();
        let told = relays.iter().enumerate().map(|(n, relay)| {
            // At the speed of speech, because jitter counts in its time.
            json!({"id": n.to_string(), "relay": relay.port(), "redundancy": true, "speed": 1, "body": {"preset": "digits"}})
        });
        let Some(results) = call_together(&host, told.collect()) else { return };
        errors += results.iter().map(|result| word_errors(&said, &words(&texts(&segments(result))))).sum::<usize>();
        all += said.len() * results.len();
    }
    assert!(errors <= all / 50, "{errors} of {all} words");
}

#[test]
fn of_five_hundred_words_few_are_lost_and_without_loss_none() {
    if !long() {
        return skip("five hundred words over networks that lose packets: four minutes of speech");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("long.wav");
    let (_, samples) = wav(&fixture("digits.wav"));
    fs::write(&file, wav_file(&samples.repeat(24))).unwrap();
    let host = setup("").start();
    let said = words(&over_websocket(&host, &file));
    assert!(said.len() >= 500, "{} words", said.len());
    let media = host.listener(1);
    let losses = [0.0, 0.05, 0.10];
    let weather = |loss| Weather { loss, jitter: if loss > 0.0 { JITTER } else { Duration::ZERO }, corrupted: 0.0 };
    let relays = losses.map(|loss| MediaRelay::new(&media, weather(loss)));
    let told = relays.iter().enumerate().map(|(n, relay)| {
        json!({
            "id": n.to_string(), "relay": relay.port(), "redundancy": true, "speed": 1, "audio": file, "body": {"preset": "digits"},
        })
    });
    let Some(results) = call_together(&host, told.collect()) else { return };
    let errors: Vec<_> = results.iter().map(|result| word_errors(&said, &words(&texts(&segments(result))))).collect();
    println!("errors in {} words at {losses:?} of loss: {errors:?}", said.len());
    assert_eq!(errors[0], 0, "without loss");
    assert!(errors[1..].iter().all(|errors| *errors <= said.len() / 50), "{errors:?} of {} words", said.len());
}
