//! The last failures, for the operator: streams that failed, and streams that were requested and refused.
//!
//! Invariants: at most [`KEPT`] are kept. When a client meets the same failure again, it is counted and not added, so that one
//! client cannot displace the failures of others. What a client may have sent is shortened. No recognised text. Threads: any.

use super::{Caller, registry::Entry};
use auricle_core::{Failure, FailureCode};
use serde::{Deserialize, Serialize};
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

/// The number of failures that are kept.
const KEPT: usize = 100;
/// The characters that are kept of a preset's name, and of a message.
const MOST_OF_NAME: usize = 100;
const MOST_OF_MESSAGE: usize = 1_000;

/// The last failures, the newest first.
#[derive(Debug, Default)]
pub struct RecentFailures(Mutex<VecDeque<FailureReport>>);

/// A failure in the response to `GET /v1/failures`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailureReport {
    /// When it was noted last, in RFC 3339 (UTC).
    pub time: String,
    /// The stream's id, as in the log. The last one, if there were several.
    pub stream: String,
    /// The preset that the client requested.
    pub preset: String,
    /// The name of the dialect.
    pub dialect: String,
    /// The name of the client's key, if keys are required.
    pub key: Option<String>,
    /// The client's address, or the proxy's if there is a proxy.
    pub address: String,
    /// The code.
    pub code: FailureCode,
    /// The message for the operator.
    pub message: String,
    /// How often this client met this failure.
    pub count: u64,
}

impl FailureReport {
    /// The failure of a stream that was open.
    pub(super) fn of_stream(entry: &Entry, dialect: &str, failure: &Failure) -> Self {
        let (key, address) = (entry.key.clone(), entry.address.to_string());
        Self::new(&entry.id, &entry.preset, dialect, key, address, failure)
    }

    /// The refusal of a requested stream.
    pub(super) fn of_request(stream: &str, preset: &str, dialect: &str, caller: &Caller, failure: &Failure) -> Self {
        let key = caller.key_name().map(str::to_owned);
        Self::new(stream, preset, dialect, key, caller.address.to_string(), failure)
    }

    fn new(stream: &str, preset: &str, dialect: &str, key: Option<String>, address: String, failure: &Failure) -> Self {
        Self {
            time: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            stream: stream.to_owned(),
            preset: shortened(preset, MOST_OF_NAME),
            dialect: dialect.to_owned(),
            key,
            address,
            code: failure.code,
            message: shortened(&failure.explained(), MOST_OF_MESSAGE),
            count: 1,
        }
    }

    /// Whether the same client met the same failure.
    fn repeats(&self, other: &Self) -> bool {
        fn what(report: &FailureReport) -> (FailureCode, [&str; 4], Option<&str>) {
            let FailureReport { preset, dialect, key, address, code, message, .. } = report;
            (*code, [preset, dialect, address, message], key.as_deref())
        }
        what(self) == what(other)
    }
}

impl RecentFailures {
    /// All that are kept, the newest first.
    pub fn report(&self) -> Vec<FailureReport> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(super) fn note(&self, mut new: FailureReport) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = kept.iter().position(|old| old.repeats(&new)).and_then(|at| kept.remove(at)) {
            new.count += before.count;
        }
        kept.push_front(new);
        kept.truncate(KEPT);
    }
}

/// The text, or its first `most` characters and an ellipsis.
fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(preset: &str, address: &str) -> FailureReport {
        let failure = Failure::new(FailureCode::EngineError, "it failed").with_detail("at a place");
        FailureReport::new("4f", preset, "native", None, address.to_owned(), &failure)
    }

    #[test]
    fn the_newest_are_kept_and_repetitions_are_counted() {
        let failures = RecentFailures::default();
        for _ in 0..3 * KEPT {
            failures.note(failure("a", "10.0.0.1"));
        }
        failures.note(failure("a", "10.0.0.2"));
        let report = failures.report();
        assert_eq!(report.iter().map(|one| one.count).collect::<Vec<_>>(), [1, 300]);
        assert_eq!(report[0].message, "it failed: at a place");
        (0..KEPT).for_each(|n| failures.note(failure(&n.to_string(), "10.0.0.3")));
        let report = failures.report();
        assert_eq!((report.len(), &*report[0].preset, &*report[KEPT - 1].preset), (KEPT, "99", "0"));
        // No client can fill the memory.
        failures.note(failure(&"ä".repeat(1 << 20), "10.0.0.4"));
        assert_eq!(failures.report()[0].preset, format!("{}…", "ä".repeat(MOST_OF_NAME)));
    }
}
