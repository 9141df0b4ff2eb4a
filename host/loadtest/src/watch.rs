//! Shows the progress of a run in a line on standard error, if that is a terminal.

use indicatif::ProgressBar;
use std::{
    io::IsTerminal,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

/// Time between two updates of the line.
const PERIOD: Duration = Duration::from_millis(250);

/// Counts connections and messages of a run. The line is removed when this is dropped.
pub(super) struct Watch {
    counts: Arc<Counts>,
    line: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Counts {
    open: AtomicUsize,
    messages: AtomicUsize,
}

/// Counts an open connection until it is dropped.
pub(super) struct Open<'a>(&'a Counts);

impl Watch {
    /// Starts a run with this name, which is expected to end at `end`.
    pub(super) fn new(name: String, end: Instant) -> Self {
        let counts = Arc::new(Counts::default());
        let line = std::io::stderr().is_terminal().then(|| tokio::spawn(show(name, end, Arc::clone(&counts))));
        Self { counts, line }
    }

    /// Counts a new connection.
    pub(super) fn open(&self) -> Open<'_> {
        self.counts.open.fetch_add(1, Relaxed);
        Open(&self.counts)
    }

    /// Counts a message.
    pub(super) fn message(&self) {
        self.counts.messages.fetch_add(1, Relaxed);
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(line) = &self.line {
            line.abort();
        }
    }
}

/// Keeps the line up to date. Dropping the bar removes it from the screen.
async fn show(name: String, end: Instant, counts: Arc<Counts>) {
    let bar = ProgressBar::new_spinner();
    let _clear = Clear(&bar);
    loop {
        let left = end.saturating_duration_since(Instant::now()).as_secs_f64().ceil();
        let (open, messages) = (counts.open.load(Relaxed), counts.messages.load(Relaxed));
        bar.set_message(format!("{name}: {open} open, {messages} messages, {left:.0} s to go"));
        bar.tick();
        sleep(PERIOD).await;
    }
}

struct Clear<'a>(&'a ProgressBar);

impl Drop for Clear<'_> {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
