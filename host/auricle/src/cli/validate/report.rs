//! The results for people: a line for each case, with what to do where it did not pass.

use super::runner::CaseReport;
use auricle_plugin_test::validate::Outcome;
use serde::Serialize;
use std::fmt;

/// Columns of the cases' names.
const NAME: usize = 28;

/// The number of cases with each outcome.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    pub(super) pass: usize,
    pub(super) warning: usize,
    pub(super) fail: usize,
    pub(super) crashed: usize,
    pub(super) skipped: usize,
}

impl Counts {
    pub(super) fn of(reports: &[CaseReport]) -> Self {
        let of = |outcome| reports.iter().filter(|report| report.verdict.outcome == outcome).count();
        Self {
            pass: of(Outcome::Pass),
            warning: of(Outcome::Warning),
            fail: of(Outcome::Fail),
            crashed: of(Outcome::Crashed),
            skipped: of(Outcome::Skipped),
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pass, warning, fail, crashed, skipped } = self;
        write!(f, "{pass} passed, {warning} with a warning, {fail} failed, {crashed} crashed, {skipped} skipped")
    }
}

/// The lines of a case. Clause and advice follow where there is something to do.
pub(super) fn describe(report: &CaseReport) -> String {
    let CaseReport { case, verdict, clause, advice, .. } = report;
    let outcome = match verdict.outcome {
        Outcome::Pass => "pass",
        Outcome::Warning => "WARNING",
        Outcome::Fail => "FAIL",
        Outcome::Skipped => "skipped",
        Outcome::Crashed => "CRASHED",
    };
    let line = format!("  {outcome:8} {case:NAME$} {}", verdict.reason);
    let line = line.trim_end();
    match verdict.outcome {
        Outcome::Pass | Outcome::Skipped => line.to_owned(),
        _ => format!("{line}\n{:11}Contract: {clause}\n{:11}To do: {advice}", "", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_plugin_test::validate::Verdict;

    #[test]
    fn what_did_not_pass_says_what_to_do() {
        let report = |outcome| CaseReport {
            section: "Streams",
            case: "stream.empty".into(),
            verdict: Verdict::new(outcome, "reports `x`"),
            clause: "No audio, no text.",
            advice: "Return at once.",
            seconds: 0.1,
        };
        let passed = describe(&report(Outcome::Pass));
        assert_eq!(passed, "  pass     stream.empty                 reports `x`");
        let failed = describe(&report(Outcome::Fail));
        let lines: Vec<_> = failed.lines().map(str::trim).collect();
        let expected = ["Contract: No audio, no text.", "To do: Return at once."];
        assert_eq!(lines[1..], expected);
        assert_eq!(
            Counts::of(&[report(Outcome::Fail), report(Outcome::Pass)]).to_string(),
            "1 passed, 0 with a warning, 1 failed, 0 crashed, 0 skipped"
        );
    }
}
