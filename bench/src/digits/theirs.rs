//! The reference: a Python process (`bench/sherpa/feed.py`).

use crate::{Done, peer::Peer};
use std::{path::Path, process::Command};

/// A running reference, which is stopped when this is dropped.
pub(super) struct Theirs(Peer);

impl Theirs {
    /// Starts it with the recording repeated `times` times, in pieces of `piece` samples, and waits until it has loaded
    /// the model.
    pub(super) fn start(model: &Path, recording: &Path, times: usize, piece: usize) -> Done<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("sherpa/feed.py");
        let mut command = Command::new("python3");
        command.arg(script).arg(model).arg(recording).args([times.to_string(), piece.to_string()]);
        let peer = Peer::start(&mut command)?;
        println!("against {}", peer.name);
        Ok(Self(peer))
    }

    /// Sends a request. Returns the processor time in seconds, and the text.
    pub(super) fn ask(&mut self, what: &str) -> Done<(f64, String)> {
        let answer = self.0.ask(what)?;
        let read = || Some((answer["cpu"].as_f64()?, answer["text"].as_str()?.to_owned()));
        read().ok_or_else(|| format!("the reference answered {answer}").into())
    }
}
