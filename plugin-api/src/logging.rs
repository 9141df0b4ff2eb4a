//! Forwards the engine's `tracing` events and panics to the server's log.
//!
//! A plugin has its own copy of `tracing` and of the standard library, so its global subscriber and panic hook are its
//! own. They are set once, when the library is loaded. The server adds the stream's id, which it knows from the calling
//! thread.

use crate::{Host, guard};
use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::Interest,
};

/// From now on, sends this library's events and panics to `host`. A second call has no effect.
pub(crate) fn install(host: &Host) {
    let forward = Forward { host: host.clone(), next_span: AtomicU64::new(1) };
    if tracing::subscriber::set_global_default(forward).is_ok() {
        std::panic::set_hook(Box::new(|info| {
            let place = info.location().map_or_else(|| "an unknown location".to_owned(), ToString::to_string);
            if guard::is_guarded() {
                guard::note_place(place);
            } else {
                let message = info.payload_as_str().unwrap_or("without a message");
                tracing::error!("a thread of the engine panicked at {place}: {message}");
            }
        }));
    }
}

struct Forward {
    host: Host,
    next_span: AtomicU64,
}

fn rank(level: &Level) -> u32 {
    match *level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

impl Subscriber for Forward {
    /// Checks the level again for each event, because the server's level may change.
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.is_event() { Interest::sometimes() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && rank(metadata.level()) <= self.host.log_level()
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(self.next_span.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let metadata = event.metadata();
        self.host.log(rank(metadata.level()), metadata.target(), &line.finish());
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// An event as text: the message, then `name=value` for each other field.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Line {
    fn finish(self) -> String {
        self.message + &self.fields
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a String cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
