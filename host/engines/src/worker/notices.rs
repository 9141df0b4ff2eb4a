//! The worker's notices on their way to the host.
//!
//! Invariants: a line of the log never waits for the host; what the socket does not take at once waits here, in the room
//! that the host's own log has, and what finds none is dropped and counted. Notices arrive in the order they were made.
//! Threads: any, one at a time; one pushes on what waits.

use super::{framed::Sender, wire::Notice};
use auricle_core::log::{Dropped, takes};
use auricle_plugin_api::host::LogLevel;
use std::time::Duration;
use tracing::Level;

/// What goes to the host.
#[derive(Debug)]
pub(super) struct Notices {
    sender: Sender,
    dropped: Dropped,
}

impl Notices {
    pub(super) fn new(sender: Sender) -> Self {
        Self { sender, dropped: Dropped::default() }
    }

    /// Says what must be heard, behind all that was said before, without waiting.
    pub(super) fn tell(&mut self, notice: &Notice) {
        // Without a host there is nobody to tell, and nothing to go on for: the watch ends the process.
        let _ = self.sender.encode(notice);
        let _ = self.sender.try_flush();
    }

    /// Says a line of the log, without waiting.
    pub(super) fn log(&mut self, level: LogLevel, from: &str, stream: Option<String>, message: String) {
        self.push_on();
        let (named, length) = (name(level), from.len() + message.len());
        if !takes(named, length, self.sender.waiting(), !self.dropped.is_empty()) {
            return self.dropped.add(named);
        }
        self.tell_of_dropped();
        self.tell(&Notice::Log { level: level.number(), from: from.to_owned(), stream, message });
    }

    /// Hands over what waits, as far as the host takes it.
    pub(super) fn push_on(&mut self) {
        let _ = self.sender.try_flush();
        if takes(Level::INFO, 0, self.sender.waiting(), true) {
            self.tell_of_dropped();
        }
    }

    /// Hands over what waits, for so long at most.
    pub(super) fn end(&mut self, limit: Duration) {
        let _ = self.sender.limit(limit);
        let _ = self.sender.flush();
    }

    fn tell_of_dropped(&mut self) {
        if !self.dropped.is_empty() {
            let message = std::mem::take(&mut self.dropped).to_string();
            self.tell(&Notice::Log { level: LogLevel::Warn.number(), from: "log".into(), stream: None, message });
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
        // It reads again; the worker has nothing more to say.
        let (_, mut receiver) = framed::split(far).unwrap();
        receiver.limit(Duration::from_millis(1)).unwrap();
        let mut heard: Vec<String> = Vec::new();
        while !heard.last().is_some_and(|last| last.ends_with(": 10 debug")) {
            match receiver.receive::<Notice>().unwrap() {
                Received::Message(Notice::Log { message, .. }) => heard.push(message),
                Received::Nothing => notices.push_on(),
                other => panic!("{other:?}"),
            }
        }
        let lines = heard.iter().filter(|line| **line == long).count();
        assert!((500..4_000).contains(&lines), "{lines}");
        let [missed, error, _] = &heard[lines..] else { panic!("{:?}", &heard[lines..]) };
        assert!(missed.ends_with(&format!(": {} info", 5_000 - lines)), "{missed}");
        assert_eq!(error, "bad");
    }
}
