//! A loaded model's queue of streams, and the threads that call it.
//!
//! The stream whose oldest unprocessed audio is due first goes next (see `inbox`); files get the time that live streams
//! leave. A model that supports batches gets several waiting streams at once, but no call waits for more streams to come.
//!
//! A call that exceeds its limit cannot be stopped. Its thread is abandoned and replaced, and its stream fails. After
//! several such calls the model is refused. A model in a worker process needs no watchdog: its calls always return,
//! because the process is killed if necessary.
//!
//! Threads: `concurrency` model threads and at most one watchdog per model. They end when the last handle is dropped,
//! and the model is dropped with the last of them.

use super::{
    Stream,
    cost::Cost,
    model::Model,
    slot::{Call, Slot},
};
use auricle_core::{
    Failure, FailureCode, Pace,
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

/// The id of the next model in this process.
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// How a model is run.
#[derive(Debug, Clone)]
pub struct SchedulerSettings {
    /// The model's name, for the log and thread names.
    pub name: String,
    /// The engine, for the metrics.
    pub engine: String,
    /// Identifies the files from which the model was loaded.
    pub files: String,
    /// The number of concurrent calls.
    pub concurrency: usize,
    /// The longest a call may take.
    pub call_limit: Duration,
    /// The number of calls past the limit at which the model is refused.
    pub max_call_timeouts: u32,
    /// The number of concurrent streams.
    pub max_streams: usize,
    /// The number of streams that may have a dedicated worker at a time.
    pub max_dedicated_workers: usize,
}

/// Why a stream gets no dedicated worker.
#[derive(Debug, thiserror::Error)]
pub(super) enum DedicatedError {
    #[error("{most} streams of this preset have dedicated workers already")]
    NoPermit { most: usize },
    #[error("the model is not in a worker process")]
    NotIsolated,
    #[error("cannot start a thread for it: {0}")]
    Thread(io::Error),
}

/// The handle of a loaded model. Its threads end when it is dropped.
pub struct ModelScheduler(Arc<Shared>);

/// The state that the handle and the threads share.
pub struct Shared {
    id: u64,
    model: Box<dyn Model>,
    settings: SchedulerSettings,
    meter: ModelMeter,
    cost: Arc<Cost>,
    queue: Mutex<Queue>,
    filled: Condvar,
    permits: Permits,
    streams: Mutex<Vec<Weak<Stream>>>,
    threads: Mutex<Threads>,
    refused: OnceLock<String>,
    sequence: AtomicU64,
    /// Permits for dedicated workers.
    dedicated: Permits,
    /// The permit of this model, if it is a dedicated worker.
    _permit: Option<Permit>,
}

#[derive(Default)]
struct Queue {
    ready: BTreeMap<(Pace, Instant, u64), Arc<Stream>>,
    /// The number of threads that wait for a stream.
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
    /// The system cannot start a thread.
    pub fn start(model: Box<dyn Model>, settings: SchedulerSettings, metrics: &Metrics) -> io::Result<Arc<Self>> {
        let meter = metrics.model(&settings.name, &settings.engine);
        Self::start_with(model, settings, meter, None)
    }

    fn start_with(
        model: Box<dyn Model>,
        settings: SchedulerSettings,
        meter: ModelMeter,
        permit: Option<Permit>,
    ) -> io::Result<Arc<Self>> {
        let concurrency = settings.concurrency;
        let watched = !model.is_isolated();
        let engine = model.metadata().max_streams.map_or(usize::MAX, |most| most as usize);
        let (permits, dedicated) =
            (Permits::new(settings.max_streams.min(engine)), Permits::new(settings.max_dedicated_workers));
        let shared = Arc::new(Shared {
            model,
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            meter,
            settings,
            cost: Arc::default(),
            queue: Mutex::default(),
            filled: Condvar::new(),
            permits,
            streams: Mutex::default(),
            threads: Mutex::default(),
            refused: OnceLock::new(),
            sequence: AtomicU64::new(0),
            dedicated,
            _permit: permit,
        });
        // Made before the first thread: if one cannot start, dropping the handle ends the others.
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

    /// The same model in a dedicated worker, for one stream.
    ///
    /// # Errors
    /// Why the stream gets no dedicated worker.
    pub(super) fn dedicated(&self) -> Result<Arc<Self>, DedicatedError> {
        let most = self.0.dedicated.limit();
        let permit = self.0.dedicated.try_take().ok_or(DedicatedError::NoPermit { most })?;
        let model = self.model.dedicated().ok_or(DedicatedError::NotIsolated)?;
        let name = format!("{}-dedicated", self.settings.name);
        let settings = SchedulerSettings { name, concurrency: 1, ..self.settings.clone() };
        let meter = self.meter.clone();
        Self::start_with(model, settings, meter, Some(permit)).map_err(DedicatedError::Thread)
    }
}

impl Drop for ModelScheduler {
    fn drop(&mut self) {
        self.queue().stopping = true;
        self.filled.notify_all();
    }
}

impl Shared {
    /// A number that is unique among the models of this process.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The name of the preset for which the model was loaded.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Identifies the files from which the model was loaded. Whoever continues a stream in another process compares it.
    pub fn files(&self) -> &str {
        &self.settings.files
    }

    /// The model's metadata.
    pub fn metadata(&self) -> &Metadata {
        self.model.metadata()
    }

    /// Why the model accepts no streams, or `None` if it does.
    pub fn refused(&self) -> Option<String> {
        self.refused.get().cloned().or_else(|| self.model.unavailable())
    }

    /// The number of open streams.
    pub fn open_streams(&self) -> usize {
        self.permits.taken()
    }

    /// The largest number of open streams; `None` if there is no limit.
    pub fn max_streams(&self) -> Option<usize> {
        Some(self.permits.limit()).filter(|most| *most < usize::MAX)
    }

    /// How many more live streams the machines of the model accept; `None` if it runs on this one.
    pub fn room(&self) -> Option<usize> {
        self.model.room()
    }

    /// The memory of the model's worker process in bytes, if it has one and the system reports it.
    pub fn resident_bytes(&self) -> Option<u64> {
        self.model.resident_bytes()
    }

    /// How busy the model's threads would be with this many live streams and what waits for them now: 1 is fully busy, and
    /// it may be more. `None` while the model's cost is unknown.
    pub fn load_with(&self, streams: usize) -> Option<f64> {
        let per_second = self.cost.per_second()?;
        // Collected first: no stream is locked while the list is.
        let open: Vec<_> = self.noted().iter().filter_map(Weak::upgrade).collect();
        let backlog: f64 = open.iter().map(|stream| stream.backlog()).sum();
        Some(per_second * (streams as f64 + backlog) / self.settings.concurrency as f64)
    }

    pub(super) fn model(&self) -> &dyn Model {
        &*self.model
    }

    /// Takes a permit for one stream.
    ///
    /// # Errors
    /// The model is unavailable or accepts no further stream.
    pub fn take_place(&self) -> Result<Permit, Failure> {
        if let Some(reason) = self.refused() {
            return Err(Failure::new(FailureCode::EngineUnavailable, reason));
        }
        self.permits.try_take().ok_or_else(|| {
            let most = self.permits.limit();
            let message = format!("this preset serves at most {most} streams at once; try again later");
            Failure::new(FailureCode::Capacity, message)
        })
    }

    /// Remembers a stream, which fails if the model is refused.
    pub(super) fn note_stream(&self, stream: &Arc<Stream>) {
        let mut streams = self.noted();
        if streams.len() >= 32 && streams.len() >= 2 * self.open_streams() {
            streams.retain(|stream| stream.strong_count() > 0);
        }
        streams.push(Arc::downgrade(stream));
    }

    /// Puts a stream in the queue: live streams before files, and each ordered by when its oldest work is due.
    pub(super) fn enqueue(&self, pace: Pace, due: Instant, stream: Arc<Stream>) {
        let number = self.sequence.fetch_add(1, Ordering::Relaxed);
        let idle = {
            let mut queue = self.queue();
            queue.ready.insert((pace, due, number), stream);
            self.meter.queued();
            queue.idle > 0
        };
        // Only if a thread waits: notifying is a system call.
        if idle {
            self.filled.notify_one();
        }
    }

    fn noted(&self) -> MutexGuard<'_, Vec<Weak<Stream>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
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
            let may_continue = match streams.pop() {
                Some(stream) if streams.is_empty() => stream.step(slot),
                last => {
                    streams.extend(last);
                    Stream::step_together(streams, self, slot)
                }
            };
            if !may_continue {
                tracing::warn!(
                    model = self.settings.name,
                    "a call past its limit has returned after all; its thread ends"
                );
                return;
            }
        }
    }

    /// Waits for work and takes the next streams, at least one; `None` when the model is no longer needed.
    fn next(&self) -> Option<Vec<Arc<Stream>>> {
        let most = self.metadata().max_batch.max(1) as usize;
        let (mut queue, mut may_yield) = (self.queue(), true);
        loop {
            // Leave a share for each idle thread.
            let share = queue.ready.len().div_ceil(queue.idle + 1).min(most);
            if share > 0 {
                self.meter.taken(share);
                return Some((0..share).map_while(|_| queue.ready.pop_first()).map(|(_, stream)| stream).collect());
            }
            if queue.stopping {
                return None;
            }
            if may_yield {
                // Sleeping and waking up takes longer than most calls. Yield once, so that another thread can add
                // audio.
                drop(queue);
                thread::yield_now();
                (queue, may_yield) = (self.queue(), false);
                continue;
            }
            queue.idle += 1;
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
            may_yield = true;
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
                threads.slots.retain(|slot| match slot.abandon_late(self.settings.call_limit) {
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
            stream.abandon_call(call.share(), Failure::new(FailureCode::EngineTimeout, &message));
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
        let reason = format!("the engine did not return from {timeouts} calls; it gets no further calls");
        tracing::error!(model = self.settings.name, "{reason}");
        let reason = self.refused.get_or_init(|| reason);
        let streams = std::mem::take(&mut *self.noted());
        for stream in streams.iter().filter_map(Weak::upgrade) {
            stream.fail(Failure::new(FailureCode::EngineUnavailable, reason));
        }
    }
}
