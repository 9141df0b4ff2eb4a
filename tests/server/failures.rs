//! `/v1/failures` lists what failed of late: for operators, and without a word of what was said.

use auricle_tests::{Client, Host, Setup, bytes, library, noise, tone_segments};
use serde_json::{Value, json};

fn failures(host: &Host) -> Vec<Value> {
    host.json("/v1/failures")["failures"].as_array().unwrap().clone()
}

#[test]
fn streams_that_failed_are_listed_with_the_reason_the_newest_first() {
    let host = Setup::new()
        .plugin(&library("faulty"))
        .preset("faulty", &json!({"backend": "faulty", "host": {"open": ["fault", "after_chunks"]}}))
        .start();
    assert_eq!(failures(&host), [] as [Value; 0]);
    let mut whole = Client::open(&host, "faulty", json!({}));
    whole.audio(&bytes(&noise(1, 20_000)));
    whole.finish();
    for _ in 0..3 {
        let mut client = Client::open(&host, "faulty", json!({"options": {"fault": "panic", "after_chunks": 2}}));
        client.audio(&bytes(&noise(1, 40_000)));
        client.fails("engine_error", 4500);
    }
    // A failure is listed when its stream has ended, which may be after its client was told.
    let count = || failures(&host).iter().map(|one| one["count"].as_u64().unwrap()).sum::<u64>();
    host.wait_for("three failures", || count() == 3);
    Client::start(&host, "absent", json!({})).fails("unknown_preset", 4404);
    host.wait_for("the fourth failure", || count() == 4);
    let listed = failures(&host);
    let [refused, failed] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!(
        (&refused["code"], &refused["preset"], &refused["count"]),
        (&json!("unknown_preset"), &json!("absent"), &json!(1))
    );
    assert_eq!(
        (&failed["code"], &failed["preset"], &failed["count"]),
        (&json!("engine_error"), &json!("faulty"), &json!(3))
    );
    assert_eq!(
        (&failed["dialect"], &failed["address"], &failed["key"]),
        (&json!("native"), &json!("127.0.0.1"), &Value::Null)
    );
    // The operator is told the place, as in the log; the id is the last one's.
    let message = failed["message"].as_str().unwrap();
    assert!(message.contains("fault.rs") || message.contains("panic"), "{message}");
    host.wait_for_log(&["stream ended", failed["stream"].as_str().unwrap(), message], 1);
    assert!(failed["time"].as_str().unwrap().ends_with('Z'), "{failed}");
}

#[test]
fn no_recognised_text_is_listed() {
    let host = Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"})).start();
    let audio = noise(1, 40_000);
    let mut client = Client::open(&host, "tone", json!({}));
    client.audio(&bytes(&audio));
    client.until("segment");
    client.say(&json!({"type": "start", "preset": "tone"}));
    client.fails("bad_message", 4400);
    host.wait_for("the failure", || failures(&host).len() == 1);
    let listed = host.get("/v1/failures").1;
    assert!(tone_segments(&audio, 16_000).iter().all(|text| !listed.contains(text)), "{listed}");
}
