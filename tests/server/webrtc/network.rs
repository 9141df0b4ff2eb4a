//! Networks that lose and delay packets: the words are nearly those over WebSocket. And media over TCP.

use super::{call_together, over_websocket, segments, setup, texts};
use auricle_tests::{MediaRelay, Weather, fixture, word_errors, words};
use serde_json::json;
use std::time::Duration;

#[test]
fn loss_and_jitter_cost_few_words() {
    let host = setup("").start();
    let said = words(&over_websocket(&host, &fixture("digits.wav")));
    let media = host.listener(1);
    let jitter = Duration::from_millis(50);
    // Of all together, since one recording has few words.
    let (mut errors, mut all) = (0, 0);
    for loss in [0.05, 0.10] {
        let relays: Vec<_> =
            (0..4).map(|_| MediaRelay::new(&media, Weather { loss, jitter, corrupted: 0.0 })).collect();
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
