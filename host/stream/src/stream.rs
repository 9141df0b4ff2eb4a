//! One stream: the state that its connection and its model's threads share.
//!
//! Invariants:
//! - At most one thread is in a call for the stream. It holds the `EngineSession`.
//! - A stream that has work, a parked engine and room for events is in its model's queue, exactly once.
//! - A stream that crashed a worker continues on the same model in a dedicated worker (`scheduler` of `Inner`). Its
//!   permit stays with the first model.
//! - A processor is created, called and dropped only on its model's threads.
//! - The last event is sent after the processor was dropped, so that the client's next stream finds the permit free.
//!
//! Threads: the connection's tasks call all methods that are `pub`; the model's threads call those in `turn`.

use super::{
    Continuation, ModelScheduler, StreamPoint, StreamSettings,
    backlog::Backlog,
    engine_session::EngineSession,
    inbox::{Inbox, Work},
    outbox::Outbox,
    point::Points,
    usage::StreamUsage,
};
use auricle_core::{Event, Failure, Pace};
use serde_json::{Map, Value};
use std::{
    any::Any,
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
    /// If somebody stores them.
    pub(super) points: Option<Points>,
    pub(super) usage: Arc<StreamUsage>,
    inner: Mutex<Inner>,
    /// A call has returned, or the stream has ended.
    pub(super) stepped: Notify,
    pub(super) home: Arc<ModelScheduler>,
    pub(super) span: tracing::Span,
}

pub(super) struct Inner {
    /// The model that processes the stream now.
    pub(super) scheduler: Arc<ModelScheduler>,
    pub(super) inbox: Inbox,
    /// Absent while a call is running, and after the end.
    pub(super) engine: Option<EngineSession>,
    /// What is held until the processor is dropped or its thread abandoned: the model's permit.
    held: Option<Box<dyn Any + Send>>,
    /// The last event, pushed when that is dropped.
    last: Option<Event>,
    pub(super) queued: bool,
    pub(super) ended: bool,
    /// The client has sent all its audio, or is gone.
    pub(super) complete: bool,
    /// The last event instead of `Event::Done`. What the client sends is ignored.
    pub(super) closing: Option<Failure>,
    pub(super) lag_reported: Option<Instant>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Stream {
    /// Opens a stream on a model. `held`, with a permit of that model, is dropped when the processor is. `options` is
    /// the complete configuration. `Event::Ready` follows when the processor is created. Audio may be pushed before
    /// that.
    pub fn open(
        id: String,
        scheduler: Arc<ModelScheduler>,
        held: impl Any + Send,
        options: Map<String, Value>,
        settings: StreamSettings,
        usage: Arc<StreamUsage>,
    ) -> Arc<Self> {
        Self::start(id, scheduler, held, options, settings, usage, None)
    }

    /// Like [`open`](Self::open), for a stream whose points are stored: [`latest_point`](Self::latest_point). If another process
    /// began it, it continues from there, with the audio from [`StreamPoint::sample`] on, and no `Event::Ready` follows.
    pub fn open_storable(
        id: String,
        scheduler: Arc<ModelScheduler>,
        held: impl Any + Send,
        options: Map<String, Value>,
        settings: StreamSettings,
        usage: Arc<StreamUsage>,
        from: Option<Continuation>,
    ) -> Arc<Self> {
        Self::start(id, scheduler, held, options, settings, usage, Some(from))
    }

    fn start(
        id: String,
        scheduler: Arc<ModelScheduler>,
        held: impl Any + Send,
        options: Map<String, Value>,
        settings: StreamSettings,
        usage: Arc<StreamUsage>,
        storable: Option<Option<Continuation>>,
    ) -> Arc<Self> {
        let allowance = match settings.pace {
            Pace::Live => settings.max_lag_seconds,
            Pace::File => f64::INFINITY,
        };
        let metadata = scheduler.metadata();
        let backlog = Backlog::new(metadata.sample_rate, allowance, settings.shared_backlog.clone());
        let points = storable.as_ref().map(|_| Points::default());
        let from = storable.flatten();
        if let (Some(points), Some(from)) = (&points, &from) {
            points.continued(from);
        }
        let outbox = Outbox::of_epoch(from.as_ref().map_or(0, |from| from.point.epoch));
        let inbox = Inbox::new(metadata, backlog, from.as_ref().map(|from| &from.point));
        let inner = Inner {
            scheduler: Arc::clone(&scheduler),
            inbox,
            engine: Some(from.map_or_else(EngineSession::default, EngineSession::continuing)),
            held: Some(Box::new(held)),
            last: None,
            queued: false,
            ended: false,
            complete: false,
            closing: None,
            lag_reported: None,
        };
        let span = tracing::info_span!("stream", id);
        let stream = Arc::new(Self {
            id,
            options,
            settings,
            outbox,
            points,
            usage,
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

    /// The last point from which another process could continue the stream; `None` if its points are not stored.
    pub fn latest_point(&self) -> Option<StreamPoint> {
        self.points.as_ref().map(Points::latest)
    }

    /// The model on which the stream was opened.
    pub fn scheduler(&self) -> &Arc<ModelScheduler> {
        &self.home
    }

    /// Adds samples at the model's rate that arrived at `now`. Fails a live stream that is too far behind.
    pub fn push(self: &Arc<Self>, samples: &[f32], now: Instant) {
        let mut inner = self.lock();
        if inner.ended || inner.closing.is_some() {
            return;
        }
        inner.inbox.push(samples, now);
        self.check_lag(&mut inner);
        self.check_backlog(&mut inner);
        self.schedule(&mut inner);
    }

    /// Processes all audio so far and reports its text; `Event::Flushed(frames)` follows.
    pub fn flush(self: &Arc<Self>, frames: u64) {
        self.command(|inbox| inbox.push_end(Instant::now(), |rest| Work::Flush(rest, frames)));
    }

    /// Ends the turn of the speaker, if a stage has found the start of one.
    pub fn end_turn(self: &Arc<Self>) {
        self.command(|inbox| inbox.end_turn(Instant::now()));
    }

    /// Ends the audio: all text is reported, then `Event::Done` follows. The stream no longer fails because it is behind.
    pub fn finish(self: &Arc<Self>) {
        self.lock().complete = true;
        self.command(|inbox| inbox.push_end(Instant::now(), Work::Finish));
    }

    /// Ends the audio here, whatever the client sends afterwards: all text is reported, then `Event::Failed` follows. If
    /// the client has ended the audio already, `Event::Done` follows as if this was not called.
    pub fn close(self: &Arc<Self>, failure: Failure) {
        let mut inner = self.lock();
        if inner.ended || inner.complete {
            return;
        }
        inner.complete = true;
        inner.closing = Some(failure);
        inner.inbox.push_end(Instant::now(), Work::Finish);
        self.schedule(&mut inner);
    }

    /// Discards unprocessed audio and unsent events and starts a new epoch at time 0; `Event::Ready` follows.
    pub fn reset(self: &Arc<Self>) {
        self.command(|inbox| inbox.reset(Instant::now(), self.outbox.start_epoch()));
    }

    /// For a client that is gone: its audio is still processed and the processor finished, but the events are dropped.
    /// The stream no longer counts against the limits of open streams, so all its audio counts against the shared bound.
    pub fn abandon(self: &Arc<Self>) {
        self.outbox.abandon();
        self.finish();
        let mut inner = self.lock();
        inner.inbox.backlog().end_allowance();
        self.check_backlog(&mut inner);
    }

    /// Ends the stream with a failure. Events reported before are still sent.
    pub fn fail(self: &Arc<Self>, failure: Failure) {
        self.end(&mut self.lock(), failure);
    }

    /// Ends the stream after its call took too long. The call may never return; `busy` is its time so far.
    pub(super) fn abandon_call(self: &Arc<Self>, busy: Duration, failure: Failure) {
        self.usage.add_engine_time(busy);
        let mut inner = self.lock();
        // First, so that the permit is free when the last event is sent.
        self.leave(&mut inner);
        self.end(&mut inner, failure);
    }

    /// Waits for events and takes all of them. Never empty. Meanwhile looks at the lag: neither the client nor the engine
    /// may do anything for a long time.
    pub async fn events(self: &Arc<Self>) -> VecDeque<Event> {
        let every = self.settings.check_every();
        loop {
            if let Ok(events) = tokio::time::timeout(every, self.outbox.wait()).await {
                return self.taken(events);
            }
            self.check_lag(&mut self.lock());
        }
    }

    /// Takes all waiting events.
    pub fn take_events(self: &Arc<Self>) -> VecDeque<Event> {
        self.taken(self.outbox.take())
    }

    fn taken(self: &Arc<Self>, events: VecDeque<Event>) -> VecDeque<Event> {
        if events.len() >= self.settings.max_unsent_events {
            // The stream was paused until its client reads.
            self.schedule(&mut self.lock());
        }
        events
    }

    /// Waits until the stream accepts more audio. Returns at once, except for a file that is ahead of the engine.
    pub async fn room(&self) {
        if self.settings.pace == Pace::Live {
            return;
        }
        self.until(|inner| self.seconds(inner.inbox.queued()) <= self.settings.file_buffer_seconds).await;
    }

    /// Waits until no work waits for the engine and no call is running.
    pub async fn caught_up(&self) {
        self.until(|inner| inner.engine.is_some() && inner.inbox.due().is_none()).await;
    }

    /// Waits until the condition holds or the stream has ended.
    async fn until(&self, holds: impl Fn(&Inner) -> bool) {
        loop {
            let stepped = self.stepped.notified();
            {
                let inner = self.lock();
                if inner.ended || holds(&inner) {
                    return;
                }
            }
            stepped.await;
        }
    }

    pub(super) fn command(self: &Arc<Self>, command: impl FnOnce(&mut Inbox)) {
        let mut inner = self.lock();
        if !inner.ended && inner.closing.is_none() {
            command(&mut inner.inbox);
            self.schedule(&mut inner);
        }
    }

    /// Puts the stream into its model's queue if there is work that can be done now.
    pub(super) fn schedule(self: &Arc<Self>, inner: &mut Inner) {
        if inner.queued || inner.engine.is_none() {
            return;
        }
        let paused = self.outbox.waiting() >= self.settings.max_unsent_events;
        let due = match inner.inbox.due() {
            Some(due) if !paused => due,
            // Only to drop the processor.
            None if inner.ended => Instant::now(),
            _ => return,
        };
        inner.queued = true;
        inner.scheduler.enqueue(self.settings.pace, due, Arc::clone(self));
    }

    pub(super) fn end(self: &Arc<Self>, inner: &mut Inner, failure: Failure) {
        if !inner.ended {
            self.stop(inner, Event::Failed(failure));
            self.push_last(inner);
            self.schedule(inner);
        }
    }

    /// Ends the work. `last` is pushed when the processor is dropped.
    pub(super) fn stop(&self, inner: &mut Inner, last: Event) {
        if let Event::Failed(failure) = &last {
            self.usage.fail(failure);
        }
        inner.ended = true;
        inner.inbox.clear();
        inner.last = Some(last);
        self.stepped.notify_waiters();
    }

    /// Returns the permit and pushes the last event, when the processor is dropped or its thread abandoned.
    pub(super) fn leave(&self, inner: &mut Inner) {
        inner.held = None;
        self.push_last(inner);
    }

    fn push_last(&self, inner: &mut Inner) {
        if let Some(last) = inner.last.take() {
            self.outbox.push(None, last);
        }
    }

    pub(super) fn seconds(&self, samples: usize) -> f64 {
        samples as f64 / f64::from(self.home.metadata().sample_rate)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
