//! A case: one clause of the contract, a check of it, and how the check ended.

use super::Subject;
use auricle_plugin_api::{Error, ErrorCode};
use serde::{Deserialize, Serialize};

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The plugin does what the clause says.
    Pass,
    /// It works, but clients or operators will notice.
    Warning,
    /// The plugin breaks the contract.
    Fail,
    /// The case does not apply to the plugin, or an earlier one did not pass.
    Skipped,
    /// The process of the case ended before the case did.
    Crashed,
}

impl Outcome {
    /// Whether an engine with this outcome is not fit for a server.
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Fail | Self::Crashed)
    }
}

/// The result of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// How it ended.
    pub outcome: Outcome,
    /// What was found, in one line. May be empty if it passed.
    pub reason: String,
}

impl Verdict {
    /// Creates a verdict. Line ends in `reason` become spaces.
    pub fn new(outcome: Outcome, reason: impl Into<String>) -> Self {
        Self { outcome, reason: reason.into().split_whitespace().collect::<Vec<_>>().join(" ") }
    }

    pub(super) fn fail(reason: impl Into<String>) -> Self {
        Self::new(Outcome::Fail, reason)
    }

    pub(super) fn warning(reason: impl Into<String>) -> Self {
        Self::new(Outcome::Warning, reason)
    }

    pub(super) fn skipped(reason: impl Into<String>) -> Self {
        Self::new(Outcome::Skipped, reason)
    }

    /// The engine has reported nothing to check.
    pub(super) fn no_text(subject: &Subject) -> Self {
        Self::skipped(match subject.speech {
            Some(_) => "the engine reported no text for the recording",
            None => "the engine reported no text for the built-in signal; give it speech with --audio",
        })
    }
}

/// An error of a call that must succeed.
impl From<Error> for Verdict {
    fn from(error: Error) -> Self {
        match error.code {
            ErrorCode::PANIC => Self::fail(format!("a call {}", error.message)),
            code => Self::fail(format!("a call returned an error ({}): {}", code.name(), error.message)),
        }
    }
}

/// The result of a check: a note, which may be empty, or what is wrong.
pub(super) type Checked = Result<String, Verdict>;

/// A clause of the contract, and its check.
#[derive(Debug)]
pub struct Case {
    pub(super) group: &'static str,
    pub(super) check_name: &'static str,
    /// What the plugin API says.
    pub clause: &'static str,
    /// What an author can do if the case does not pass.
    pub advice: &'static str,
    pub(super) check: fn(&Subject) -> Checked,
}

impl Case {
    fn group(&self) -> String {
        self.group.replace('_', "-")
    }

    /// The name, such as `stream.one-sample`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.group(), self.check_name.replace('_', "-"))
    }

    /// Whether a name on the command line selects the case: its own, or that of its group.
    pub fn is_named(&self, name: &str) -> bool {
        name == self.group() || name == self.name()
    }

    /// Whether the case must run in the sandbox of a worker process. Its caller enters it.
    pub fn is_sandboxed(&self) -> bool {
        self.check_name == "sandbox"
    }

    /// Whether the case is about what the engine prints. Its caller looks at the standard output.
    pub fn is_about_output(&self) -> bool {
        self.check_name == "prints"
    }

    /// Checks an engine or a stage. Runs its code in this process, which it may crash.
    pub fn run(&self, subject: &Subject) -> Verdict {
        match (self.check)(subject) {
            Ok(note) => Verdict::new(Outcome::Pass, note),
            Err(verdict) => verdict,
        }
    }
}

/// Cases about the same thing.
#[derive(Debug)]
pub struct Section {
    /// The heading.
    pub title: &'static str,
    /// Whether all later cases need the first case of this section to pass.
    pub is_gate: bool,
    /// The cases, in order.
    pub cases: &'static [Case],
}

/// Returns with a verdict unless the condition holds: `ensure!(a == b, fail, "a is {a}")`.
macro_rules! ensure {
    ($condition:expr, $outcome:ident, $($text:tt)+) => {{
        let holds: bool = $condition;
        if !holds {
            return Err($crate::validate::Verdict::$outcome(format!($($text)+)));
        }
    }};
}
pub(super) use ensure;
