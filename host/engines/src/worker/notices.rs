//! The worker's notices to the host: log lines, the result of loading, crash reports.
//!
//! Invariants: writing a log line never waits for the host. Bytes that the socket does not accept at once wait here,
//! within the limits of `auricle_core::log`; lines beyond them are dropped and counted. Notices arrive in order.
//! Threads: any, one at a time; one thread regularly sends what waits.

use super::{framed::Sender, wire::Notice};
use auricle_core::log::{Dropped, takes};
use auricle_plugin_api::host::LogLevel;
use std::time::Duration;
use tracing::Level;

/// The queue of notices to the host.
#[derive(Debug)]
pub(super) struct Notices {
    sender: Sender,
    dropped: Dropped,
}

impl Notices {
    pub(super) fn new(sender: Sender) -> Self {
        Self { sender, dropped: Dropped::default() }
    }

    /// Queues a notice that must not be dropped. Does not wait.
    pub(super) fn notify(&mut self, notice: &Notice) {
        // An error means that the host is gone. `host-watch` then ends the process.
        let _ = self.sender.encode(notice);
        let _ = self.sender.try_flush();
    }

    /// Queues or drops a log line. Does not wait.
    pub(super) fn log(&mut self, level: LogLevel, from: &str, stream: Option<String>, message: String) {
        self.retry();
        let (named, length) = (name(level), from.len() + message.len());
        if !takes(named, length, self.sender.waiting(), !self.dropped.is_empty()) {
            return self.dropped.add(named);
        }
        self.report_dropped();
        self.notify(&Notice::Log { level: level.number(), from: from.to_owned(), stream, message });
    }

    /// Sends what waits, as far as the host accepts it. Does not wait.
    pub(super) fn retry(&mut self) {
        let _ = self.sender.try_flush();
        if takes(Level::INFO, 0, self.sender.waiting(), true) {
            self.report_dropped();
        }
    }

    /// Sends what waits. Waits for at most `limit`.
    pub(super) fn end(&mut self, limit: Duration) {
        let _ = self.sender.limit(limit);
        let _ = self.sender.flush();
    }

    fn report_dropped(&mut self) {
        if !self.dropped.is_empty() {
            let message = std::mem::take(&mut self.dropped).to_string();
            self.notify(&Notice::Log { level: LogLevel::Warn.number(), from: "log".into(), stream: None, message });
        }
    }
}

fn name(level: LogLevel) -> Level {
    match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::framed, *};
    use crate::worker::framed::Received;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_host_that_does_not_read_keeps_nobody_waiting_and_hears_how_much_it_missed() {
        let (near, far) = UnixStream::pair().unwrap();
        let mut notices = Notices::new(framed::split(near).unwrap().0);
        let long = "x".repeat(1_000);
        for _ in 0..5_000 {
            notices.log(LogLevel::Info, "engine", None, long.clone());
        }
        notices.log(LogLevel::Error, "engine", None, "bad".into());
        for _ in 0..10 {
            notices.log(LogLevel::Debug, "engine", None, long.clone());
        }
        // The host reads again. The worker logs nothing more.
        let (_, mut receiver) = framed::split(far).unwrap();
        receiver.limit(Duration::from_millis(1)).unwrap();
        let mut received: Vec<String> = Vec::new();
        while !received.last().is_some_and(|last| last.ends_with(": 10 debug")) {
            match receiver.receive::<Notice>().unwrap() {
                Received::Message(Notice::Log { message, .. }) => received.push(message),
                Received::Nothing => notices.retry(),
                other => panic!("{other:?}"),
            }
        }
        let lines = received.iter().filter(|line| **line == long).count();
        assert!((500..4_000).contains(&lines), "{lines}");
        let [missed, error, _] = &received[lines..] else { panic!("{:?}", &received[lines..]) };
        assert!(missed.ends_with(&format!(": {} info", 5_000 - lines)), "{missed}");
        assert_eq!(error, "bad");
    }
}
