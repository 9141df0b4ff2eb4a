//! The reference's side: a Python process that waits for a line and answers with one (`bench/sherpa/feed.py`).

use crate::Done;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// A running reference; it ends when this is dropped.
pub(super) struct Theirs {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Theirs {
    /// Starts it on so many times the recording, in pieces of so many samples, and waits until it has loaded the model.
    pub(super) fn start(model: &Path, recording: &Path, times: usize, piece: usize) -> Done<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("sherpa/feed.py");
        let mut command = Command::new("python3");
        command.arg(script).arg(model).arg(recording).args([times.to_string(), piece.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the reference has no standard input and output".into());
        };
        let mut theirs = Self { child, questions, answers: BufReader::new(answers) };
        println!("against {}", theirs.answer()?.as_str().unwrap_or_default());
        Ok(theirs)
    }

    /// Has it do something. Returns the processor time in seconds, and the text.
    pub(super) fn ask(&mut self, what: &str) -> Done<(f64, String)> {
        writeln!(self.questions, "{what}")?;
        let answer = self.answer()?;
        let read = || Some((answer["cpu"].as_f64()?, answer["text"].as_str()?.to_owned()));
        read().ok_or_else(|| format!("the reference answered {answer}").into())
    }

    fn answer(&mut self) -> Done<Value> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err("the reference ended; what it wrote above says why".into());
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
