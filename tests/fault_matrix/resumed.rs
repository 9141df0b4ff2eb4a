//! A stream whose connection breaks in the middle, and which its client resumes in another one.

use super::{
    cell::Act,
    stage::{BEFORE, audio},
};
use auricle_tests::{Client, Host};
use serde_json::{Value, json};

/// Runs a whole stream. `begin` does the act in the middle.
pub(crate) fn stream(host: &Host, fields: &Value, act: Act, begin: impl FnOnce()) -> Client {
    let audio = audio();
    let mut before = Client::start(host, "faulty", json!({"options": fields, "resume": true}));
    before.audio_in_frames(&audio[..2 * BEFORE], 4_000);
    // An `ack` may come before it.
    let ready = before.until("ready");
    before.until("segment");
    begin();
    let heard = before.heard.clone();
    let silent = match act {
        Act::HalfOpen => Some(before),
        _ => {
            before.vanish();
            None
        }
    };
    let (token, last) = (&ready["resume"]["token"], heard.iter().filter_map(|message| message["seq"].as_u64()).max());
    let mut client = Client::connect(host);
    client.say(&json!({"type": "resume", "stream": ready["stream"], "token": token, "last_seq": last}));
    let received = client.until("resumed")["received"].as_u64().unwrap() as usize;
    client.audio_in_frames(&audio[2 * received..], 4_000);
    client.say(&json!({"type": "finish"}));
    client.to_end();
    if let Some(mut silent) = silent {
        assert_eq!(silent.to_end().code, 1006);
    }
    client.heard = [heard, client.heard].concat();
    let numbers: Vec<_> = client.heard.iter().filter_map(|message| message["seq"].as_u64()).collect();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
    client
}
