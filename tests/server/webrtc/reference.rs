//! The exchange of a client of PyPI `fastrtc`, with its own server as the reference: a client that can read one's answers can read
//! the other's.

use super::{CLIENTS_OF_FASTRTC, setup};
use auricle_tests::{long, printed, skip};
use serde_json::Value;

#[test]
fn the_exchange_is_that_of_fastrtcs_own_server() {
    if !long() {
        return skip("fastrtc: its libraries are a gigabyte; it is among the long tests");
    }
    // As many as the reference server has.
    let host = setup("[limits]\nmax_streams = 1\n").start();
    let url = format!("http://{}", host.address());
    let Some(ran) = CLIENTS_OF_FASTRTC.python("client.py", &[&url]) else { return };
    let told: Value = serde_json::from_str(printed(ran).lines().last().unwrap()).unwrap();
    let steps = |of: &str| told[of].as_array().unwrap().clone();
    assert_eq!(steps("reference").len(), 7);
    for (reference, other) in steps("reference").iter().zip(steps("other")) {
        assert_eq!((&reference[0], &reference[1]), (&other[0], &other[1]), "{other}");
        match reference[0].as_str() {
            // The texts of both are objects that name their type.
            Some("a message") => assert!(reference[2]["type"].is_string() && other[2]["type"].is_string(), "{other}"),
            Some("an offer") => assert_eq!(names(&reference[2]), names(&other[2])),
            _ => assert!(has_all(&other[2], &reference[2]), "{other} for {reference}"),
        }
    }
}

/// The names of an object's fields.
fn names(object: &Value) -> Vec<String> {
    object.as_object().unwrap().keys().cloned().collect()
}

/// Whether a value has everything that another one has, and perhaps more.
fn has_all(value: &Value, wanted: &Value) -> bool {
    match wanted.as_object() {
        Some(fields) => fields.iter().all(|(name, wanted)| has_all(&value[name], wanted)),
        None => value == wanted,
    }
}
