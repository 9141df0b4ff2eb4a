//! How far a run is, for whoever waits: counted by its streams, shown where standard error is a terminal.

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

/// How often the line is written anew.
const PERIOD: Duration = Duration::from_millis(250);

/// Counts of one run. The line goes when this is dropped.
pub(super) struct Watch {
    counts: Arc<Counts>,
    line: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Counts {
    open: AtomicUsize,
    messages: AtomicUsize,
}

/// An open connection, until it is dropped.
pub(super) struct Open<'a>(&'a Counts);

impl Watch {
    /// Of a run of that name which ends then.
    pub(super) fn new(name: String, end: Instant) -> Self {
        let counts = Arc::new(Counts::default());
        let line = std::io::stderr().is_terminal().then(|| tokio::spawn(show(name, end, Arc::clone(&counts))));
        Self { counts, line }
    }

    /// A connection was opened.
    pub(super) fn open(&self) -> Open<'_> {
        self.counts.open.fetch_add(1, Relaxed);
        Open(&self.counts)
    }

    /// A message came.
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

/// Keeps the line up to date; dropping the bar takes it off the screen.
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
