//! The thread that writes the log.
//!
//! Invariants: only this thread waits for the log's reader. A line that cannot be written is dropped and counted. A
//! line that was written in part is ended before the next one. Threads: `log-writer`; any thread logs.

use super::queue::{Item, Queue};
use auricle_core::{log::Dropped, metrics::LogMeter};
use std::{
    io::{self, ErrorKind, Write},
    sync::Arc,
    thread,
    time::Duration,
};
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Pause before the next write where the descriptor is non-blocking and nobody reads.
const PAUSE: Duration = Duration::from_millis(10);

/// Adds lines to the log; clones share the queue.
#[derive(Debug, Clone)]
pub(crate) struct LogWriter {
    queue: Arc<Queue>,
    meter: LogMeter,
}

impl LogWriter {
    /// Starts the thread. `format_gap` formats a message about dropped lines as a line of the log, with its line end.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(
        out: impl Write + Send + 'static,
        format_gap: impl Fn(&str) -> String + Send + 'static,
    ) -> io::Result<Self> {
        let log = Self { queue: Arc::default(), meter: LogMeter::default() };
        let (own, out) = (log.clone(), Out { to: out, torn: false });
        thread::Builder::new().name("log-writer".into()).spawn(move || own.write_all(out, &format_gap))?;
        Ok(log)
    }

    /// Adds a line, which includes its line end. Does not wait.
    pub(crate) fn add(&self, level: Level, line: impl Into<Vec<u8>>) {
        if !self.queue.add(level, line.into()) {
            self.meter.dropped(level);
        }
    }

    /// Counts the dropped lines.
    pub(crate) fn meter(&self) -> &LogMeter {
        &self.meter
    }

    /// Waits until all lines are written or dropped, for at most `limit`.
    pub(crate) fn drain(&self, limit: Duration) {
        self.queue.drain(limit);
    }
}

impl LogWriter {
    fn write_all(self, mut out: Out<impl Write>, format_gap: &impl Fn(&str) -> String) -> ! {
        let mut missing = Dropped::default();
        loop {
            let item = self.queue.take();
            if let Item::Gap(dropped) = &item {
                missing.join(dropped);
            }
            // Before the next line, where the dropped ones would be.
            if !missing.is_empty() && out.line(format_gap(&missing.to_string()).as_bytes()).is_ok() {
                missing = Dropped::default();
            }
            if let Item::Line(level, line) = item
                && out.line(&line).is_err()
            {
                missing.add(level);
                self.meter.dropped(level);
            }
        }
    }
}

struct Out<W> {
    to: W,
    /// The last line was written in part.
    torn: bool,
}

impl<W: Write> Out<W> {
    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.bytes(b"\n")?;
        }
        self.bytes(line)
    }

    fn bytes(&mut self, mut rest: &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            match self.to.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    rest = &rest[count..];
                    self.torn = !rest.is_empty();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// `tracing-subscriber` writes each line with one call.
impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { log: self, level: Level::ERROR }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Line<'a> {
        Line { log: self, level: *metadata.level() }
    }
}

/// Writes lines of one level.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    log: &'a LogWriter,
    level: Level,
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.log.add(self.level, line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        collections::VecDeque,
        sync::{
            Mutex,
            mpsc::{Receiver, channel},
        },
    };

    const LONG: Duration = Duration::from_secs(60);

    /// The text that was written, and the results of the next writes: a number of bytes, or an error. Without an entry
    /// a write takes everything.
    #[derive(Clone, Default)]
    struct FakeOutput {
        text: Arc<Mutex<String>>,
        results: Arc<Mutex<VecDeque<Result<usize, ErrorKind>>>>,
    }

    impl FakeOutput {
        fn text(&self) -> String {
            self.text.lock().unwrap().clone()
        }

        fn script(&self, results: impl IntoIterator<Item = Result<usize, ErrorKind>>) {
            self.results.lock().unwrap().extend(results);
        }
    }

    impl Write for FakeOutput {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = self.results.lock().unwrap().pop_front().unwrap_or(Ok(bytes.len()))?;
            self.text.lock().unwrap().push_str(std::str::from_utf8(&bytes[..count]).unwrap());
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn format_gap(what: &str) -> String {
        format!("{}\n", what.rsplit_once(": ").unwrap().1)
    }

    #[test]
    fn a_line_that_cannot_be_written_is_counted_and_told_of_before_the_next() {
        let output = FakeOutput::default();
        let log = LogWriter::start(output.clone(), format_gap).unwrap();
        // Two lines, and a report of dropped lines: the writer tries that before the second line, too.
        output.script([Err(ErrorKind::StorageFull), Err(ErrorKind::BrokenPipe), Err(ErrorKind::StorageFull)]);
        log.add(Level::ERROR, "one\n");
        log.add(Level::INFO, "two\n");
        log.drain(LONG);
        assert_eq!(output.text(), "");
        output.script([Err(ErrorKind::Interrupted), Err(ErrorKind::WouldBlock)]);
        log.add(Level::INFO, "three\n");
        log.add(Level::INFO, "four\n");
        log.drain(LONG);
        assert_eq!(output.text(), "1 error, 1 info\nthree\nfour\n");
    }

    #[test]
    fn a_line_written_in_part_is_ended_before_the_next() {
        let output = FakeOutput::default();
        let log = LogWriter::start(output.clone(), format_gap).unwrap();
        output.script([Ok(2), Err(ErrorKind::StorageFull)]);
        log.add(Level::WARN, "one\n");
        log.add(Level::WARN, "two\n");
        log.drain(LONG);
        assert_eq!(output.text(), "on\n1 warn\ntwo\n");
    }

    /// Does not write until the other end of the channel is dropped.
    struct Stuck(Receiver<()>, FakeOutput);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_never_reads_keeps_nobody_waiting() {
        let (output, (reader, read)) = (FakeOutput::default(), channel());
        let log = LogWriter::start(Stuck(read, output.clone()), format_gap).unwrap();
        let line = format!("{}\n", "x".repeat(1_000));
        for _ in 0..3_000 {
            log.add(Level::INFO, line.as_str());
        }
        log.add(Level::ERROR, "bad\n");
        log.drain(Duration::from_millis(10));
        assert_eq!(output.text(), "");
        drop(reader);
        log.drain(LONG);
        let text = output.text();
        let written = text.lines().filter(|line| line.starts_with('x')).count();
        assert!((400..600).contains(&written), "{written}");
        assert!(text.ends_with(&format!("bad\n{} info\n", 3_000 - written)), "{}", &text[text.len() - 200..]);
    }
}
