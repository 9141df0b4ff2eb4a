//! One stream: what its connection and its model's threads share.
//!
//! Invariants: at most one thread is in a call for the stream (it holds the `EngineSession`); a stream that has work, a parked
//! engine and room for events is in its model's queue, once. A stream of which a worker died goes on on the same model in a
//! worker of its own (`scheduler` of `Inner`; its place stays with the first). A processor is made, called and dropped on its model's
//! threads only. An engine's last word is passed on when its processor is gone, so that the client's next stream finds
//! the place free. Threads: the connection's tasks call everything that is `pub`; the model's threads call what is in `turn`.

use super::{
    ModelScheduler, StreamSettings,
    engine_session::EngineSession,
    inbox::{Inbox, Work},
    outbox::Outbox,
};
use auricle_core::{Event, Pace};
use auricle_core::{Failure, FailureCode, permits::Permit};
use serde_json::{Map, Value};
use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// One client's audio on one processor.
pub struct Stream {
    pub(super) id: String,
    pub(super) options: Map<String, Value>,
    pub(super) settings: StreamSettings,
    pub(super) outbox: Outbox,
    inner: Mutex<Inner>,
    /// A call has returned, or the stream has ended.
    pub(super) stepped: Notify,
    pub(super) home: Arc<ModelScheduler>,
    pub(super) span: tracing::Span,
}

pub(super) struct Inner {
    /// Where it is worked on.
    pub(super) scheduler: Arc<ModelScheduler>,
    pub(super) inbox: Inbox,
    /// Absent while a call is running, and after the end.
    pub(super) engine: Option<EngineSession>,
    /// Held until the processor is dropped, or its thread written off.
    place: Option<Permit>,
    /// What is said then.
    last: Option<Event>,
    pub(super) queued: bool,
    pub(super) ended: bool,
    lag_reported: Option<Instant>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Stream {
    /// Opens a stream on a model, in a place of its. `options` is the whole configuration. `Event::Ready` comes when the
    /// processor is made; audio may be pushed before.
    pub fn open(
        id: String,
        scheduler: Arc<ModelScheduler>,
        place: Permit,
        options: Map<String, Value>,
        settings: StreamSettings,
    ) -> Arc<Self> {
        let inner = Inner {
            scheduler: Arc::clone(&scheduler),
            inbox: Inbox::new(scheduler.metadata()),
            engine: Some(EngineSession::default()),
            place: Some(place),
            last: None,
            queued: false,
            ended: false,
            lag_reported: None,
        };
        let span = tracing::info_span!("stream", id);
        let stream = Arc::new(Self {
            id,
            options,
            settings,
            outbox: Outbox::default(),
            inner: Mutex::new(inner),
            stepped: Notify::new(),
            home: scheduler,
            span,
        });
        stream.home.note_stream(&stream);
        stream.schedule(&mut stream.lock());
        stream
    }

    /// The id, as in the log.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The model it is on.
    pub fn scheduler(&self) -> &Arc<ModelScheduler> {
        &self.home
    }

    /// Adds samples at the model's rate that came at `now`.
    pub fn push(self: &Arc<Self>, samples: &[f32], now: Instant) {
        let mut inner = self.lock();
        if inner.ended {
            return;
        }
        inner.inbox.push(samples, now);
        let behind = self.seconds(inner.inbox.queued());
        if self.settings.pace == Pace::Live && behind > self.settings.max_lag_seconds {
            let unread = self.outbox.waiting();
            let failure = if unread >= self.settings.max_unsent_events {
                let message = format!("{unread} events wait for the client to read them, and {behind:.1} s of audio");
                Failure::new(FailureCode::SlowReader, message)
            } else {
                let message = format!("{behind:.1} s of audio wait for the engine: more than it can follow");
                Failure::new(FailureCode::LagExceeded, message)
            };
            self.end(&mut inner, failure);
            return;
        }
        self.report_lag(&mut inner);
        self.schedule(&mut inner);
    }

    /// Has everything so far decoded and reported; `Event::Flushed(frames)` follows.
    pub fn flush(self: &Arc<Self>, frames: u64) {
        self.command(|inbox| inbox.push_end(Instant::now(), |rest| Work::Flush(rest, frames)));
    }

    /// Has everything decoded and reported; `Event::Done` follows.
    pub fn finish(self: &Arc<Self>) {
        self.command(|inbox| inbox.push_end(Instant::now(), Work::Finish));
    }

    /// Discards what was not reported and starts at time 0; `Event::Ready` follows.
    pub fn reset(self: &Arc<Self>) {
        let epoch = self.outbox.start_epoch();
        self.command(|inbox| inbox.reset(Instant::now(), epoch));
    }

    /// The client is gone: what it sent is still worked on and the processor finished, the events are dropped.
    pub fn abandon(self: &Arc<Self>) {
        self.outbox.abandon();
        self.finish();
    }

    /// Ends the stream with a failure; what was reported before still goes out.
    pub fn fail(self: &Arc<Self>, failure: Failure) {
        self.end(&mut self.lock(), failure);
    }

    /// Ends the stream whose call will not return in time, if ever.
    pub(super) fn write_off(self: &Arc<Self>, failure: Failure) {
        let mut inner = self.lock();
        // What is said last is said when the place is free.
        self.leave(&mut inner);
        self.end(&mut inner, failure);
    }

    /// Waits for events and takes all of them; never empty.
    pub async fn events(self: &Arc<Self>) -> VecDeque<Event> {
        let events = self.outbox.wait().await;
        self.taken(events)
    }

    /// Takes the events that there are.
    pub fn take_events(self: &Arc<Self>) -> VecDeque<Event> {
        self.taken(self.outbox.take())
    }

    fn taken(self: &Arc<Self>, events: VecDeque<Event>) -> VecDeque<Event> {
        if events.len() >= self.settings.max_unsent_events {
            // It was paused for its client to read.
            self.schedule(&mut self.lock());
        }
        events
    }

    /// Completes when the stream can take more audio: at once, except for a file that is ahead of the engine.
    pub async fn room(&self) {
        if self.settings.pace == Pace::Live {
            return;
        }
        self.until(|inner| self.seconds(inner.inbox.queued()) <= self.settings.file_buffer_seconds).await;
    }

    /// Completes when nothing waits for the engine, and no call is running.
    pub async fn caught_up(&self) {
        self.until(|inner| inner.engine.is_some() && inner.inbox.oldest().is_none()).await;
    }

    /// Completes when something is so, or the stream has ended.
    async fn until(&self, so: impl Fn(&Inner) -> bool) {
        loop {
            let stepped = self.stepped.notified();
            {
                let inner = self.lock();
                if inner.ended || so(&inner) {
                    return;
                }
            }
            stepped.await;
        }
    }

    fn command(self: &Arc<Self>, command: impl FnOnce(&mut Inbox)) {
        let mut inner = self.lock();
        if !inner.ended {
            command(&mut inner.inbox);
            self.schedule(&mut inner);
        }
    }

    /// Puts the stream into its model's queue if it can be worked on.
    pub(super) fn schedule(self: &Arc<Self>, inner: &mut Inner) {
        if inner.queued || inner.engine.is_none() {
            return;
        }
        let paused = self.outbox.waiting() >= self.settings.max_unsent_events;
        let since = match inner.inbox.oldest() {
            Some(since) if !paused => since,
            // Nothing to do but to drop the processor.
            None if inner.ended => Instant::now(),
            _ => return,
        };
        inner.queued = true;
        inner.scheduler.enqueue(since, Arc::clone(self));
    }

    fn end(self: &Arc<Self>, inner: &mut Inner, failure: Failure) {
        if !inner.ended {
            self.stop(inner, Event::Failed(failure));
            self.say_last(inner);
            self.schedule(inner);
        }
    }

    /// Nothing more is worked on; `last` is still to be said.
    pub(super) fn stop(&self, inner: &mut Inner, last: Event) {
        if let Event::Failed(failure) = &last {
            let _in_stream = self.span.enter();
            tracing::warn!(code = %failure.code, "stream failed: {failure}");
        }
        inner.ended = true;
        inner.inbox.clear();
        inner.last = Some(last);
        self.stepped.notify_waiters();
    }

    /// The processor is gone, or will never be.
    pub(super) fn leave(&self, inner: &mut Inner) {
        inner.place = None;
        self.say_last(inner);
    }

    fn say_last(&self, inner: &mut Inner) {
        if let Some(last) = inner.last.take() {
            self.outbox.push(None, last);
        }
    }

    pub(super) fn report_lag(&self, inner: &mut Inner) {
        const EVERY: Duration = Duration::from_secs(1);
        if self.settings.pace != Pace::Live || inner.ended {
            return;
        }
        let queued = inner.inbox.queued();
        let behind = self.seconds(queued) >= self.settings.report_lag_seconds;
        let report = match (behind, inner.lag_reported) {
            (true, last) if last.is_none_or(|at| at.elapsed() >= EVERY) => {
                inner.lag_reported = Some(Instant::now());
                queued as u64
            }
            (false, Some(_)) => {
                inner.lag_reported = None;
                0
            }
            _ => return,
        };
        self.outbox.push(None, Event::Lag(report));
    }

    pub(super) fn seconds(&self, samples: usize) -> f64 {
        samples as f64 / f64::from(self.home.metadata().sample_rate)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
