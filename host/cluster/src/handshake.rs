//! The start of a connection between a front and an engine host: which versions they speak, and that both have the key of
//! the cluster.
//!
//! Each message is a length (`u32`, little-endian) and JSON, so that versions which share nothing else can still refuse
//! each other in words. Both sides give a random number, and prove the key over both numbers and both versions: a proof
//! is good for one connection only, and the key is never sent. Here are the messages and the checks; who reads and writes
//! them is elsewhere. Threads: any.

use super::{
    key::{ClusterKey, nonce},
    messages::{VERSION, Version},
};
use auricle_core::one_line;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io;

/// The largest size of a message of the handshake, in bytes.
pub const MOST_BYTES: usize = 4 << 10;

const PROTOCOL: &str = "auricle-cluster";

/// Why a connection is not used.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The connection broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What came is not of this protocol.
    #[error("it does not speak the protocol of engine hosts: is this the address of `cluster.listen`?")]
    Stranger,
    /// The versions are too far apart.
    #[error("it speaks version {theirs} of the protocol, and this host {ours}: update the older one")]
    Version {
        /// The other side's.
        theirs: Version,
        /// This side's.
        ours: Version,
    },
    /// The other side does not have the key.
    #[error("it has another cluster key: `cluster.key` must be the same on all hosts")]
    Key,
    /// The other side refuses.
    #[error("it refuses the connection: {0}")]
    Refused(String),
}

/// A front's first message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hello {
    /// Always `auricle-cluster`.
    pub protocol: String,
    /// The newest version that the front speaks.
    pub version: Version,
    /// A random number, hexadecimal.
    pub nonce: String,
}

/// An engine host's answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Welcome {
    /// The connection may be used, if the front has the key.
    Accepted {
        /// The newest version that the engine host speaks.
        version: Version,
        /// A random number, hexadecimal.
        nonce: String,
        /// The engine host's proof.
        proof: String,
    },
    /// The versions are too far apart.
    Refused {
        /// The newest version that the engine host speaks.
        version: Version,
        /// Why, for people.
        reason: String,
    },
}

/// A front's second message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Proof {
    /// The front's proof.
    pub proof: String,
}

/// What both sides prove.
#[derive(Debug)]
struct Proven {
    front: (Version, String),
    host: (Version, String),
}

impl Proven {
    fn text(&self, who: &str) -> String {
        let ((front, front_nonce), (host, host_nonce)) = (&self.front, &self.host);
        format!("{PROTOCOL} {who} {front} {front_nonce} {host} {host_nonce}")
    }
}

/// The front's side.
#[derive(Debug)]
pub struct FrontHandshake(Hello);

impl FrontHandshake {
    /// Begins a handshake. Send [`hello`](Self::hello).
    ///
    /// # Errors
    /// The system gives no random number.
    pub fn begin() -> io::Result<Self> {
        Ok(Self(Hello { protocol: PROTOCOL.to_owned(), version: VERSION, nonce: nonce()? }))
    }

    /// The first message.
    pub fn hello(&self) -> &Hello {
        &self.0
    }

    /// Checks the answer. Returns the message to send, and the version that both sides speak.
    ///
    /// # Errors
    /// Why the connection is not used.
    pub fn prove(self, key: &ClusterKey, welcome: Welcome) -> Result<(Proof, Version), HandshakeError> {
        let ours = self.0.version;
        let (theirs, nonce, proof) = match welcome {
            Welcome::Accepted { version, nonce, proof } => (version, nonce, proof),
            Welcome::Refused { version, reason } if ours.shared_with(version).is_some() => {
                return Err(HandshakeError::Refused(one_line(reason)));
            }
            Welcome::Refused { version, .. } => return Err(HandshakeError::Version { theirs: version, ours }),
        };
        let shared = ours.shared_with(theirs).ok_or(HandshakeError::Version { theirs, ours })?;
        let proven = Proven { front: (ours, self.0.nonce), host: (theirs, nonce) };
        if !key.proves(&proven.text("host"), &proof) {
            return Err(HandshakeError::Key);
        }
        Ok((Proof { proof: key.proof(&proven.text("front")) }, shared))
    }
}

/// The engine host's side, after its answer.
#[derive(Debug)]
pub struct HostHandshake {
    proven: Proven,
    shared: Version,
}

impl HostHandshake {
    /// Checks the first message. Returns the answer to send, and how it goes on.
    ///
    /// # Errors
    /// The front is no front, or the system gives no random number; there is no answer then.
    pub fn answer(key: &ClusterKey, hello: Hello) -> Result<(Welcome, Result<Self, HandshakeError>), HandshakeError> {
        if hello.protocol != PROTOCOL {
            return Err(HandshakeError::Stranger);
        }
        let (ours, theirs) = (VERSION, hello.version);
        let Some(shared) = ours.shared_with(theirs) else {
            let problem = HandshakeError::Version { theirs, ours };
            let reason = format!("the engine host speaks version {ours} of the protocol");
            return Ok((Welcome::Refused { version: ours, reason }, Err(problem)));
        };
        let nonce = nonce()?;
        let proven = Proven { front: (theirs, hello.nonce), host: (ours, nonce.clone()) };
        let proof = key.proof(&proven.text("host"));
        Ok((Welcome::Accepted { version: ours, nonce, proof }, Ok(Self { proven, shared })))
    }

    /// Checks the second message. Returns the version that both sides speak.
    ///
    /// # Errors
    /// The front does not have the key.
    pub fn check(self, key: &ClusterKey, proof: &Proof) -> Result<Version, HandshakeError> {
        match key.proves(&self.proven.text("front"), &proof.proof) {
            true => Ok(self.shared),
            false => Err(HandshakeError::Key),
        }
    }
}

/// A message with its length.
pub fn encode(message: &impl Serialize) -> Vec<u8> {
    // These messages always fit and always are JSON.
    let text = serde_json::to_vec(message).unwrap_or_default();
    let mut bytes = (text.len() as u32).to_le_bytes().to_vec();
    bytes.extend(text);
    bytes
}

/// A message without its length.
///
/// # Errors
/// The bytes are not a message of this type.
pub fn decode<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, HandshakeError> {
    serde_json::from_slice(bytes).map_err(|_| HandshakeError::Stranger)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shake(front: &ClusterKey, host: &ClusterKey) -> Result<Version, HandshakeError> {
        let begun = FrontHandshake::begin().unwrap();
        let (welcome, waiting) = HostHandshake::answer(host, begun.hello().clone()).unwrap();
        let welcome = decode(&encode(&welcome)[4..])?;
        let (proof, version) = begun.prove(front, welcome)?;
        assert_eq!(waiting?.check(host, &proof)?, version);
        Ok(version)
    }

    #[test]
    fn hosts_with_the_same_key_trust_each_other_and_others_do_not() {
        let (key, other) = (ClusterKey::new("one"), ClusterKey::new("two"));
        assert_eq!(shake(&key, &key).unwrap(), VERSION);
        assert!(matches!(shake(&key, &other), Err(HandshakeError::Key)));
    }

    #[test]
    fn a_front_without_the_key_is_refused_even_if_it_repeats_what_it_heard() {
        let key = ClusterKey::new("one");
        let begun = FrontHandshake::begin().unwrap();
        let (welcome, waiting) = HostHandshake::answer(&key, begun.hello().clone()).unwrap();
        let Welcome::Accepted { proof, .. } = welcome else { panic!("refused") };
        assert!(matches!(waiting.unwrap().check(&key, &Proof { proof }), Err(HandshakeError::Key)));
    }

    #[test]
    fn a_version_that_is_too_far_away_is_named_on_both_sides() {
        let key = ClusterKey::new("one");
        let begun = FrontHandshake::begin().unwrap();
        let far = Version { major: VERSION.major, minor: VERSION.minor + 2 };
        let (welcome, waiting) = HostHandshake::answer(&key, Hello { version: far, ..begun.hello().clone() }).unwrap();
        assert!(matches!(waiting, Err(HandshakeError::Version { theirs, .. }) if theirs == far));
        assert!(matches!(&welcome, Welcome::Refused { reason, .. } if reason.contains("speaks version 1.0")));
        let newer = Welcome::Refused { version: Version { major: 2, minor: 0 }, reason: String::new() };
        let problem = begun.prove(&key, newer).unwrap_err().to_string();
        assert_eq!(problem, "it speaks version 2.0 of the protocol, and this host 1.0: update the older one");
    }

    #[test]
    fn a_neighbouring_version_is_accepted() {
        let key = ClusterKey::new("one");
        let begun = FrontHandshake::begin().unwrap();
        let near = Version { major: VERSION.major, minor: VERSION.minor + 1 };
        let (_, waiting) = HostHandshake::answer(&key, Hello { version: near, ..begun.hello().clone() }).unwrap();
        assert_eq!(waiting.unwrap().shared, VERSION);
    }

    #[test]
    fn what_is_no_handshake_is_named() {
        assert!(matches!(decode::<Hello>(b"GET / HTTP/1.1"), Err(HandshakeError::Stranger)));
        let hello = Hello { protocol: "other".into(), version: VERSION, nonce: String::new() };
        assert!(matches!(HostHandshake::answer(&ClusterKey::new("k"), hello), Err(HandshakeError::Stranger)));
    }
}
