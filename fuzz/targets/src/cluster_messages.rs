//! Reads the messages between fronts and engine hosts: those of the handshake, and those after it, in both directions.
//!
//! Checks: bytes are refused with a one-line error, or are a message that is unchanged after it was written and read again. Whatever
//! a front says at first, it is answered or refused. A failure that is told is one line.

use crate::assert_one_line;
use auricle_cluster::{
    ClusterKey,
    handshake::{self, Hello, HostHandshake, Proof, Welcome},
    messages::{self, Answer, HostStatus, Request},
};
use serde::Serialize;

/// Reads a message, writes it, and reads it again. It compares the written bytes: NaN is not equal to itself, and the input may have
/// written a number in another way.
macro_rules! read {
    ($message:ty, $bytes:expr) => {
        match messages::decode::<$message>($bytes) {
            Ok(message) => {
                let bytes = written(&message);
                let again = messages::decode::<$message>(&bytes[4..]).expect("what was written can be read");
                assert_eq!(written(&again), bytes);
                Some(message)
            }
            Err(problem) => {
                assert_one_line(&problem);
                None
            }
        }
    };
}

/// The target; see the module.
pub fn cluster_messages(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 4 {
        0 => {
            let _ = read!(Request<'_>, bytes);
        }
        1 => {
            if let Some(Answer::Failed { code, message, detail }) = read!(Answer<'_>, bytes) {
                let failure = messages::failure(code, message, detail);
                assert_one_line(&failure);
                assert_one_line(failure.explained());
            }
        }
        2 => greet(bytes),
        _ => {
            if let Ok(status) = serde_json::from_slice::<HostStatus>(bytes) {
                let text = serde_json::to_vec(&status).expect("a status is JSON");
                assert_eq!(serde_json::from_slice::<HostStatus>(&text).expect("it can be read"), status);
            }
        }
    }
}

/// Answers what a front says at first.
fn greet(bytes: &[u8]) {
    let key = ClusterKey::new("the key of the cluster in this target");
    if let Ok(hello) = handshake::decode::<Hello>(bytes) {
        match HostHandshake::answer(&key, hello) {
            Ok((Welcome::Accepted { version, .. }, Ok(waiting))) => {
                assert_eq!(version, messages::VERSION);
                // No input proves a key that it does not have.
                waiting.check(&key, &Proof { proof: String::new() }).expect_err("there is no proof");
            }
            Ok((Welcome::Refused { reason, .. }, Err(problem))) => {
                assert_one_line(reason);
                assert_one_line(problem);
            }
            Ok(other) => panic!("the answer says one thing and the host does another: {other:?}"),
            Err(problem) => assert_one_line(problem),
        }
    }
    if let Err(problem) = handshake::decode::<Welcome>(bytes) {
        assert_one_line(problem);
    }
}

fn written(message: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    messages::encode(message, &mut bytes).expect("what was read is short enough to be written");
    bytes
}
