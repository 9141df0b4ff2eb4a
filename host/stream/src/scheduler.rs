//! A loaded model at work: its queue of streams and the threads that call it.
//!
//! Among the streams with work the one whose oldest unprocessed audio came first goes next; a model that works on several
//! at once gets those that wait, up to its share, and nobody waits for more to come. A call past its limit has its
//! thread written off (nothing can stop it) and replaced, and its stream fails; after several the model is refused.
//! A model in a worker process needs no watchdog: its calls end by themselves, with the process if need be. Threads:
//! `concurrency` workers and perhaps one watchdog per model, which end when the last handle is dropped and take the model
//! with them.

use super::{
    Stream,
    cost::Cost,
    model::Model,
    slot::{Call, Slot},
};
use auricle_core::{
    Failure, FailureCode,
    metrics::{Metrics, ModelMeter},
    permits::{Permit, Permits},
};
use auricle_plugin_api::Metadata;
use std::{
    collections::BTreeMap,
    fmt, io,
    ops::Deref,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// The id of the next model of this process.
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// How a model is run.
#[derive(Debug, Clone)]
pub struct SchedulerSettings {
    /// For the log and thread names.
    pub name: String,
    /// The engine, for the metrics.
    pub engine: String,
    /// Calls at the same time.
    pub concurrency: usize,
    /// The longest a call may take.
    pub call_limit: Duration,
    /// Calls past the limit before the model is refused.
    pub max_call_timeouts: u32,
    /// Streams at the same time.
    pub max_streams: usize,
    /// Streams that may have a worker of their own, after one died of them.
    pub max_dedicated_workers: usize,
}

/// Why a stream has no worker of its own.
#[derive(Debug, thiserror::Error)]
pub(super) enum DedicatedError {
    #[error("{most} streams of this preset have workers of their own already")]
    NoPlace { most: usize },
    #[error("it is not in a worker process")]
    NotIsolated,
    #[error("no thread for it: {0}")]
    Thread(io::Error),
}

/// A model's handle: the threads live as long as it does.
pub struct ModelScheduler(Arc<Shared>);

/// What the handle, the threads and the places share.
pub struct Shared {
    id: u64,
    model: Box<dyn Model>,
    settings: SchedulerSettings,
    meter: ModelMeter,
    cost: Arc<Cost>,
    queue: Mutex<Queue>,
    filled: Condvar,
    places: Permits,
    streams: Mutex<Vec<Weak<Stream>>>,
    threads: Mutex<Threads>,
    refused: OnceLock<String>,
    sequence: AtomicU64,
    /// Streams with a worker of their own.
    dedicated: Permits,
    /// This one's count, where it is for a stream with a worker of their own.
    _counted: Option<Permit>,
}

#[derive(Default)]
struct Queue {
    ready: BTreeMap<(Instant, u64), Arc<Stream>>,
    /// Threads that wait for a stream.
    idle: usize,
    stopping: bool,
}

#[derive(Default)]
struct Threads {
    slots: Vec<Arc<Slot<Stream>>>,
    started: usize,
    timeouts: u32,
}

impl fmt::Debug for ModelScheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelScheduler").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl Deref for ModelScheduler {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl ModelScheduler {
    /// Starts the threads for a model.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn start(model: Box<dyn Model>, settings: SchedulerSettings, metrics: &Metrics) -> io::Result<Arc<Self>> {
        let meter = metrics.model(&settings.name, &settings.engine);
        Self::start_counted(model, settings, meter, None)
    }

    fn start_counted(
        model: Box<dyn Model>,
        settings: SchedulerSettings,
        meter: ModelMeter,
        counted: Option<Permit>,
    ) -> io::Result<Arc<Self>> {
        let concurrency = settings.concurrency;
        let watched = !model.is_isolated();
        let engine = model.metadata().max_streams.map_or(usize::MAX, |most| most as usize);
        let (places, dedicated) =
            (Permits::new(settings.max_streams.min(engine)), Permits::new(settings.max_dedicated_workers));
        let shared = Arc::new(Shared {
            model,
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            meter,
            settings,
            cost: Arc::default(),
            queue: Mutex::default(),
            filled: Condvar::new(),
            places,
            streams: Mutex::default(),
            threads: Mutex::default(),
            refused: OnceLock::new(),
            sequence: AtomicU64::new(0),
            dedicated,
            _counted: counted,
        });
        // Before the first thread: dropping the handle ends those that did start.
        let scheduler = Arc::new(Self(Arc::clone(&shared)));
        for _ in 0..concurrency {
            shared.add_thread()?;
        }
        if watched {
            let name = format!("{}-watch", shared.settings.name);
            thread::Builder::new().name(name).spawn(move || shared.watch())?;
        }
        Ok(scheduler)
    }

    /// The same model in a worker of its own, for one stream.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn dedicated(&self) -> Result<Arc<Self>, DedicatedError> {
        let most = self.0.dedicated.limit();
        let place = self.0.dedicated.try_take().ok_or(DedicatedError::NoPlace { most })?;
        let model = self.model.dedicated().ok_or(DedicatedError::NotIsolated)?;
        let name = format!("{}-dedicated", self.settings.name);
        let settings = SchedulerSettings { name, concurrency: 1, ..self.settings.clone() };
        let meter = self.meter.clone();
        Self::start_counted(model, settings, meter, Some(place)).map_err(DedicatedError::Thread)
    }
}

impl Drop for ModelScheduler {
    fn drop(&mut self) {
        self.queue().stopping = true;
        self.filled.notify_all();
    }
}

impl Shared {
    /// Tells it from every other model of this process.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What the model says of itself.
    pub fn metadata(&self) -> &Metadata {
        self.model.metadata()
    }

    /// Why the model serves no more, if so.
    pub fn refused(&self) -> Option<String> {
        self.refused.get().cloned().or_else(|| self.model.unavailable())
    }

    /// Open streams.
    pub fn open_streams(&self) -> usize {
        self.places.taken()
    }

    /// How busy the model's threads would be with so many live streams, from 0 to 1 and beyond; once that is known.
    pub fn load_with(&self, streams: usize) -> Option<f64> {
        Some(self.cost.per_second()? * streams as f64 / self.settings.concurrency as f64)
    }

    pub(super) fn model(&self) -> &dyn Model {
        &*self.model
    }

    /// A place for one stream.
    ///
    /// # Errors
    /// Where the model takes no further stream.
    pub fn take_place(&self) -> Result<Permit, Failure> {
        if let Some(reason) = self.refused() {
            return Err(Failure::new(FailureCode::EngineUnavailable, reason));
        }
        self.places.try_take().ok_or_else(|| {
            let most = self.places.limit();
            let message = format!("this preset serves {most} streams at once and has no room; try again later");
            Failure::new(FailureCode::Capacity, message)
        })
    }

    /// Remembers a stream, to be ended if the model is refused.
    pub(super) fn note_stream(&self, stream: &Arc<Stream>) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if streams.len() >= 32 && streams.len() >= 2 * self.open_streams() {
            streams.retain(|stream| stream.strong_count() > 0);
        }
        streams.push(Arc::downgrade(stream));
    }

    /// Puts a stream in the queue, by when its oldest work came.
    pub(super) fn enqueue(&self, since: Instant, stream: Arc<Stream>) {
        let number = self.sequence.fetch_add(1, Ordering::Relaxed);
        let idle = {
            let mut queue = self.queue();
            queue.ready.insert((since, number), stream);
            self.meter.queued();
            queue.idle > 0
        };
        // A call into the system, even where nobody waits.
        if idle {
            self.filled.notify_one();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn threads(&self) -> MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add_thread(self: &Arc<Self>) -> io::Result<()> {
        let slot = Arc::new(Slot::new(self.meter.clone(), Arc::clone(&self.cost)));
        let mut threads = self.threads();
        let name = format!("{}-{}", self.settings.name, threads.started);
        let (shared, own) = (Arc::clone(self), Arc::clone(&slot));
        thread::Builder::new().name(name).spawn(move || shared.work(&own))?;
        threads.started += 1;
        threads.slots.push(slot);
        Ok(())
    }

    fn work(&self, slot: &Slot<Stream>) {
        while let Some(mut streams) = self.next() {
            let wanted = match streams.pop() {
                Some(stream) if streams.is_empty() => stream.step(slot),
                last => {
                    streams.extend(last);
                    Stream::step_together(streams, self, slot)
                }
            };
            if !wanted {
                tracing::warn!(
                    model = self.settings.name,
                    "a call written off has returned after all; its thread ends"
                );
                return;
            }
        }
    }

    /// The streams to work on, the first at least; `None` when the model is no longer needed.
    fn next(&self) -> Option<Vec<Arc<Stream>>> {
        let most = self.metadata().max_batch.max(1) as usize;
        let (mut queue, mut patient) = (self.queue(), true);
        loop {
            // Threads that are idle get their share.
            let share = queue.ready.len().div_ceil(queue.idle + 1).min(most);
            if share > 0 {
                self.meter.taken(share);
                return Some((0..share).map_while(|_| queue.ready.pop_first()).map(|(_, stream)| stream).collect());
            }
            if queue.stopping {
                return None;
            }
            if patient {
                // To fall asleep and be woken costs more than most calls: whoever has audio to add may do it first.
                drop(queue);
                thread::yield_now();
                (queue, patient) = (self.queue(), false);
                continue;
            }
            queue.idle += 1;
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
            patient = true;
        }
    }

    /// The watchdog's thread.
    fn watch(self: &Arc<Self>) {
        let every = (self.settings.call_limit / 8).clamp(Duration::from_millis(5), Duration::from_millis(250));
        while !self.queue().stopping {
            thread::sleep(every);
            let late: Vec<Call<Stream>> = {
                let mut threads = self.threads();
                let mut late = Vec::new();
                threads.slots.retain(|slot| match slot.write_off(self.settings.call_limit) {
                    Some(call) => {
                        late.push(call);
                        false
                    }
                    None => true,
                });
                late
            };
            for call in late {
                self.give_up(&call);
            }
        }
    }

    fn give_up(self: &Arc<Self>, call: &Call<Stream>) {
        let limit = self.settings.call_limit.as_secs_f64();
        let message = format!("the engine did not return from {} within {limit} s", call.what);
        for stream in &call.streams {
            stream.write_off(Failure::new(FailureCode::EngineTimeout, &message));
        }
        let timeouts = {
            let mut threads = self.threads();
            threads.timeouts += 1;
            threads.timeouts
        };
        if timeouts < self.settings.max_call_timeouts {
            if let Err(error) = self.add_thread() {
                tracing::error!(model = self.settings.name, "cannot replace a thread that hangs: {error}");
            }
            return;
        }
        let reason = format!("the engine did not return from {timeouts} calls; it is not called any more");
        tracing::error!(model = self.settings.name, "{reason}");
        let reason = self.refused.get_or_init(|| reason);
        let streams = std::mem::take(&mut *self.streams.lock().unwrap_or_else(PoisonError::into_inner));
        for stream in streams.iter().filter_map(Weak::upgrade) {
            stream.fail(Failure::new(FailureCode::EngineUnavailable, reason));
        }
    }
}
