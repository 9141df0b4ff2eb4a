//! What Auricle is measured against: a process that says what it is, then waits for a line and answers with one, in JSON.

use crate::Done;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// A running peer; it ends when this is dropped.
pub(crate) struct Peer {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// What it said it is.
    pub(crate) name: String,
}

impl Peer {
    /// Starts it, and waits until it has loaded what it needs.
    pub(crate) fn start(command: &mut Command) -> Done<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the peer has no standard input and output".into());
        };
        let mut peer = Self { child, questions, answers: BufReader::new(answers), name: String::new() };
        peer.name = peer.answer()?.as_str().unwrap_or_default().to_owned();
        Ok(peer)
    }

    /// Has it do something.
    pub(crate) fn ask(&mut self, what: &str) -> Done<Value> {
        writeln!(self.questions, "{what}")?;
        self.answer()
    }

    fn answer(&mut self) -> Done<Value> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err("the peer ended; what it wrote above says why".into());
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
