//! What happens on a connection at which time, so that one timer serves all and is not set for every message.

use super::ConnectionSettings;
use std::time::Duration;
use tokio::time::Instant;

/// The times of a connection.
pub(super) struct Clock {
    /// When the client was heard last.
    heard: Instant,
    /// How long it may be silent.
    pub(super) limit: Duration,
    ping: Instant,
    every: Duration,
    /// When the text so far becomes final, unless there is more audio.
    pub(super) settle: Option<Instant>,
}

impl Clock {
    pub(super) fn start(settings: &ConnectionSettings) -> Self {
        let (heard, every) = (Instant::now(), settings.idle_limit / 4);
        // Not at once, as in `native::reader`.
        Self { heard, limit: settings.start_limit, ping: heard + every, every, settle: None }
    }

    pub(super) fn heard(&mut self, settings: &ConnectionSettings) {
        (self.heard, self.limit) = (Instant::now(), settings.idle_limit);
    }

    /// When the first of them happens.
    pub(super) fn due(&self) -> Instant {
        let first = self.ping.min(self.heard + self.limit);
        self.settle.map_or(first, |settle| settle.min(first))
    }

    pub(super) fn is_silent(&self, now: Instant) -> bool {
        now >= self.heard + self.limit
    }

    /// Whether it is time for a ping; the next one is later.
    pub(super) fn pings(&mut self, now: Instant) -> bool {
        let due = now >= self.ping;
        if due {
            self.ping = now + self.every;
        }
        due
    }
}
