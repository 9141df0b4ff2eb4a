//! How far a live stream is behind, and when that is too far.
//!
//! The lag is how long the oldest waiting audio has waited for the engine since it arrived. It is not the amount of audio
//! that waits: a client that sends at once what was said during a break in its network is caught up if the engine is fast
//! enough. The amount has bounds of its own, for the memory. A stream whose client has sent everything never fails because
//! it is behind: nothing is added, and its last words must not be lost.
//!
//! Threads: the connection's tasks and the model's threads, under the stream's lock.

use super::{Stream, stream::Inner};
use auricle_core::{Event, Failure, FailureCode, Pace};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How often a lag is reported.
const REPORT_EVERY: Duration = Duration::from_secs(1);

impl Stream {
    /// Reports the lag of a live stream, and fails the stream if audio has waited for too long.
    pub(super) fn check_lag(self: &Arc<Self>, inner: &mut Inner) {
        if self.settings.pace != Pace::Live || inner.ended {
            return;
        }
        let waited = inner.inbox.waited();
        self.report_lag(inner, waited);
        let waited = waited.as_secs_f64();
        if !inner.complete && waited > self.settings.max_lag_seconds {
            let reason = format!("the oldest for {waited:.1} s: the engine cannot process it in time; try again later");
            self.fall_behind(inner, &reason);
        }
    }

    /// Fails the stream if too much audio waits. Only when audio is added: a stream does not fail later because others
    /// have filled the shared bound.
    pub(super) fn check_backlog(self: &Arc<Self>, inner: &mut Inner) {
        if inner.ended {
            return;
        }
        let most = self.settings.max_backlog_seconds;
        if self.settings.pace == Pace::Live && self.seconds(inner.inbox.queued()) > most {
            let reason = format!("and at most {most} s may (`limits.max_backlog_seconds`): send it more slowly");
            self.fall_behind(inner, &reason);
        } else if inner.inbox.backlog().is_over() {
            let reason = "and too much in all streams together (`limits.max_shared_backlog_seconds`): try again later";
            self.fall_behind(inner, reason);
        }
    }

    fn report_lag(&self, inner: &mut Inner, waited: Duration) {
        let behind = waited.as_secs_f64() >= self.settings.report_lag_seconds;
        let lag = match (behind, inner.lag_reported) {
            (true, last) if last.is_none_or(|at| at.elapsed() >= REPORT_EVERY) => {
                inner.lag_reported = Some(Instant::now());
                waited
            }
            (false, Some(_)) => {
                inner.lag_reported = None;
                Duration::ZERO
            }
            _ => return,
        };
        self.outbox.push(None, Event::Lag(lag));
    }

    fn fall_behind(self: &Arc<Self>, inner: &mut Inner, reason: &str) {
        let (unread, queued) = (self.outbox.waiting(), self.seconds(inner.inbox.queued()));
        let failure = if unread >= self.settings.max_unsent_events {
            let message = format!("{unread} events wait for the client to read them, and {queued:.1} s of audio");
            Failure::new(FailureCode::SlowReader, message)
        } else {
            let message = format!("{queued:.1} s of audio wait for the engine, {reason}");
            Failure::new(FailureCode::LagExceeded, message)
        };
        self.end(inner, failure);
    }

    /// The waiting audio of a live stream as a number of streams: to process it within `max_lag_seconds` takes as much as
    /// to serve so many. 0 when the client has sent everything: then it may take longer.
    pub(super) fn backlog(&self) -> f64 {
        let inner = self.lock();
        if self.settings.pace == Pace::File || inner.complete {
            return 0.0;
        }
        self.seconds(inner.inbox.queued()) / self.settings.max_lag_seconds
    }
}
