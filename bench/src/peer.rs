//! A reference in a process of its own: it prints its name, then answers each line with a line of JSON.

use crate::Done;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// A running reference, which is stopped when this is dropped.
pub(crate) struct Peer {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// The name that it printed.
    pub(crate) name: String,
}

impl Peer {
    /// Starts it, and waits until it has loaded everything.
    pub(crate) fn start(command: &mut Command) -> Done<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the peer has no standard input and output".into());
        };
        let mut peer = Self { child, questions, answers: BufReader::new(answers), name: String::new() };
        peer.name = peer.answer()?.as_str().unwrap_or_default().to_owned();
        Ok(peer)
    }

    /// Sends a request.
    pub(crate) fn ask(&mut self, what: &str) -> Done<Value> {
        writeln!(self.questions, "{what}")?;
        self.answer()
    }

    fn answer(&mut self) -> Done<Value> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err("the peer ended; see its output above".into());
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
