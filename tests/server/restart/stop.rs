//! A server that is asked to stop, and another in its place.

use super::{
    RATE, STORE,
    listener::{Listener, wait_for_point},
    tone,
};
use auricle_tests::{Client, bytes, noise, tone_segments};
use serde_json::json;
use std::fs;
use tokio::task::block_in_place;

/// As a service manager does it. The audio is sent until the middle of a segment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_leaves_its_streams_to_the_next_one() {
    let setup = tone().settings(&format!("{STORE}\n[timeouts]\ndrain_seconds = 0.2"));
    let samples = noise(54, 9 * RATE);
    let (before, after) = samples.split_at(5 * RATE + RATE / 2);
    for waits in [false, true] {
        // The streams' before.
        let _ = fs::remove_dir_all(setup.path("resume"));
        let host = setup.clone().start();
        let listener = Listener::open(&host, "tone", 16_000).await;
        listener.stream.send(bytes(before)).unwrap();
        let host = block_in_place(|| {
            host.wait_for_audio(5.5);
            wait_for_point(&host, Some(0));
            if waits {
                // Where nobody listens.
                listener.relay.move_to("127.0.0.1:9");
                listener.relay.cut();
                host.wait_for("a stream that waits", || host.json("/v1/streams")["streams"][0]["waiting"] == true);
            }
            host.signal("TERM");
            let host = host.again();
            listener.relay.move_to(host.address());
            host
        });
        listener.stream.send(bytes(after)).unwrap();
        let heard = listener.end().await;
        assert!(matches!(heard.resumed[..], [(start, true)] if start > 0.0), "{waits} {heard:?}");
        assert_eq!(heard.texts, tone_segments(&samples, 16_000), "{waits} {heard:?}");
        host.wait_for_log(&["INFO", "continued from its stored point", "Exact"], 1);
    }
}

/// A client that does not say what it has would lose the text that it was not told.
#[test]
fn a_stream_whose_client_acknowledges_nothing_is_finished() {
    let host = tone().settings(&format!("{STORE}\n[timeouts]\ndrain_seconds = 0.2")).start();
    let samples = noise(55, RATE + RATE / 2);
    let mut client = Client::open(&host, "tone", json!({"resume": true}));
    client.audio(&bytes(&samples));
    host.wait_for_audio(1.5);
    host.signal("TERM");
    client.until("going_away");
    assert_eq!(client.to_end().code, 1000);
    assert_eq!(client.texts(), tone_segments(&samples, 16_000));
}
