//! The server's metrics, for `GET /metrics` in Prometheus' text format.
//!
//! Each server has its own handle, so two servers in one process count separately. Labels are names of presets and
//! engines, failure codes, and words of this program. Text from a client never becomes a label. Values that are
//! measured only when they are asked for come with the request.

mod plain;

use crate::failure::FailureCode;
use prometheus_client::{
    encoding::{
        EncodeLabelSet,
        text::{encode_eof, encode_registry},
    },
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Metric, Registry, Unit},
};
use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

/// Bucket limits in seconds: from a fraction of a chunk to a delay at which a stream is about to be closed.
const DELAYS: [f64; 14] = [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0];
const CALLS: [f64; 14] = [0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

type Seconds = Counter<f64, AtomicU64>;
type Times = Family<ModelLabels, Histogram, fn() -> Histogram>;

/// The preset and engine of a model.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelLabels {
    preset: String,
    engine: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    preset: String,
    engine: String,
    call: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    preset: String,
    engine: String,
    code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ParameterLabels {
    dialect: &'static str,
    parameter: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LevelLabels {
    level: String,
}

/// Counts log lines that could not be written, by level. A process has one log, even with several servers.
#[derive(Debug, Clone, Default)]
pub struct LogMeter(Family<LevelLabels, Counter>);

impl LogMeter {
    /// Counts a dropped line.
    pub fn dropped(&self, level: tracing::Level) {
        let level = level.as_str().to_lowercase();
        self.0.get_or_create(&LevelLabels { level }).inc();
    }
}

/// The metrics of one server.
pub struct Metrics {
    registry: Registry,
    connections: Gauge,
    streams: Family<ModelLabels, Counter>,
    open: Family<ModelLabels, Gauge>,
    audio: Family<ModelLabels, Seconds>,
    partials: Times,
    segments: Times,
    calls: Family<CallLabels, Histogram, fn() -> Histogram>,
    queue: Family<ModelLabels, Gauge>,
    refusals: Family<RefusalLabels, Counter>,
    failures: Family<FailureLabels, Counter>,
    ignored: Family<ParameterLabels, Counter>,
    restarts: Family<ModelLabels, Counter>,
    mute: Family<ModelLabels, Counter>,
    workers: Family<ModelLabels, Gauge>,
    worker_memory: Family<ModelLabels, Gauge>,
}

/// The worker processes of a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Workers {
    /// Those that run now.
    pub running: u64,
    /// Their resident memory together, in bytes.
    pub memory_bytes: u64,
    /// Those that replaced one that died, since the start.
    pub restarts: u64,
}

/// A text format of `GET /metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// Prometheus' text format 0.0.4.
    Plain,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(LogMeter::default())
    }
}

impl Metrics {
    /// Creates the metrics of a server. `log` is the log's counter, which may have counted already.
    pub fn new(log: LogMeter) -> Self {
        let mut registry = Registry::with_prefix("auricle");
        let delays: fn() -> Histogram = || Histogram::new(DELAYS);
        let calls: fn() -> Histogram = || Histogram::new(CALLS);
        let all = &mut registry;
        counted(all, "log_lines_dropped", "Lines of the log that could not be written in time", log.0);
        Self {
            connections: counted(all, "connections", "Open connections", Gauge::default()),
            streams: counted(all, "streams", "Streams opened", Family::default()),
            open: counted(all, "streams_open", "Open streams", Family::default()),
            audio: timed(all, "audio", "Audio received", Family::default()),
            partials: timed(
                all,
                "partial_delay",
                "Live streams: from the audio of a partial's end to the partial",
                Family::new_with_constructor(delays),
            ),
            segments: timed(
                all,
                "segment_delay",
                "Live streams: from the audio of a segment's end to the segment",
                Family::new_with_constructor(delays),
            ),
            calls: timed(all, "engine_call", "Calls into engines", Family::new_with_constructor(calls)),
            queue: counted(all, "queue", "Streams with work that wait for a thread of their model", Family::default()),
            refusals: counted(all, "refusals", "Connections and streams refused", Family::default()),
            failures: counted(all, "stream_failures", "Streams that failed, by close code", Family::default()),
            ignored: counted(
                all,
                "ignored_parameters",
                "Streams whose client set a parameter without effect",
                Family::default(),
            ),
            restarts: counted(all, "worker_restarts", "Workers that replaced one that died", Family::default()),
            mute: counted(
                all,
                "mute_engines",
                "Engines that reported no text of speech and were started anew",
                Family::default(),
            ),
            workers: counted(all, "workers", "Worker processes", Family::default()),
            worker_memory: sized(all, "worker_memory", "Resident memory of the worker processes", Family::default()),
            registry,
        }
    }

    /// Encodes all metrics as text, and with them those in `now`.
    ///
    /// # Errors
    /// None in practice: the text is written to memory.
    pub fn encode(&self, now: &Registry, format: TextFormat) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, now)?;
        encode_eof(&mut text)?;
        Ok(if format == TextFormat::Plain { plain::plain(&text) } else { text })
    }

    /// The gauge of open connections.
    pub fn connections(&self) -> &Gauge {
        &self.connections
    }

    /// Counts a refused connection or stream. `reason` is a word of this program or the name of a failure code.
    pub fn refused(&self, reason: impl Into<String>) {
        self.refusals.get_or_create(&RefusalLabels { reason: reason.into() }).inc();
    }

    /// Counts a new stream. It counts as open until the returned meter is dropped.
    pub fn stream_opened(&self, preset: &str, engine: &str) -> StreamMeter {
        let labels = ModelLabels::new(preset, engine);
        self.streams.get_or_create(&labels).inc();
        let meter = StreamMeter {
            open: self.open.get_or_create_owned(&labels),
            audio: self.audio.get_or_create_owned(&labels),
            partials: self.partials.get_or_create_owned(&labels),
            segments: self.segments.get_or_create_owned(&labels),
            mute: self.mute.get_or_create_owned(&labels),
        };
        meter.open.inc();
        meter
    }

    /// Counts the failure of an open stream.
    pub fn stream_failed(&self, preset: &str, engine: &str, code: FailureCode) {
        let labels = FailureLabels { preset: preset.to_owned(), engine: engine.to_owned(), code: code.name() };
        self.failures.get_or_create(&labels).inc();
    }

    /// Counts a stream whose client set a parameter that has no effect. Both are words of this program.
    pub fn ignored(&self, dialect: &'static str, parameter: &'static str) {
        self.ignored.get_or_create(&ParameterLabels { dialect, parameter }).inc();
    }

    /// Counts a worker that replaces a worker that died.
    pub fn worker_restarted(&self, preset: &str, engine: &str) {
        self.restarts.get_or_create(&ModelLabels::new(preset, engine)).inc();
    }

    /// Counts a new worker process. It counts until the returned meter is dropped.
    pub fn worker_started(&self, preset: &str, engine: &str) -> WorkerMeter {
        let labels = ModelLabels::new(preset, engine);
        let (workers, memory) =
            (self.workers.get_or_create_owned(&labels), self.worker_memory.get_or_create_owned(&labels));
        workers.inc();
        WorkerMeter { workers, memory, measured: AtomicI64::new(0) }
    }

    /// The worker processes of a model; none if it runs in the server's process.
    pub fn workers_of(&self, preset: &str, engine: &str) -> Workers {
        let labels = ModelLabels::new(preset, engine);
        let gauge = |family: &Family<ModelLabels, Gauge>| {
            family.get(&labels).map_or(0, |gauge| u64::try_from(gauge.get()).unwrap_or(0))
        };
        Workers {
            running: gauge(&self.workers),
            memory_bytes: gauge(&self.worker_memory),
            restarts: self.restarts.get(&labels).map_or(0, |counter| counter.get()),
        }
    }

    /// The meter of a model's threads.
    pub fn model(&self, preset: &str, engine: &str) -> ModelMeter {
        let labels = ModelLabels::new(preset, engine);
        ModelMeter {
            queue: self.queue.get_or_create_owned(&labels),
            calls: self.calls.clone(),
            known: Mutex::default(),
            labels,
        }
    }
}

/// Registers a metric without a unit.
fn counted<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

/// Registers a metric in seconds. Its name gets the suffix `_seconds`.
fn timed<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register_with_unit(name, help, Unit::Seconds, metric.clone());
    metric
}

/// Registers a metric in bytes. Its name gets the suffix `_bytes`.
fn sized<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register_with_unit(name, help, Unit::Bytes, metric.clone());
    metric
}

impl ModelLabels {
    fn new(preset: &str, engine: &str) -> Self {
        Self { preset: preset.to_owned(), engine: engine.to_owned() }
    }
}

/// Measures one open stream.
pub struct StreamMeter {
    open: Gauge,
    audio: Seconds,
    partials: Histogram,
    segments: Histogram,
    mute: Counter,
}

impl StreamMeter {
    /// Counts received audio.
    pub fn audio(&self, seconds: f64) {
        self.audio.inc_by(seconds);
    }

    /// Counts a partial that is sent. `delay` is `None` if unknown.
    pub fn partial(&self, delay: Option<Duration>) {
        observe(&self.partials, delay);
    }

    /// Counts an engine that was started anew because it reported no text.
    pub fn restarted(&self) {
        self.mute.inc();
    }

    /// Counts a segment that is sent. `delay` is `None` if unknown.
    pub fn segment(&self, delay: Option<Duration>) {
        observe(&self.segments, delay);
    }
}

impl Drop for StreamMeter {
    fn drop(&mut self) {
        self.open.dec();
    }
}

impl fmt::Debug for StreamMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamMeter").finish_non_exhaustive()
    }
}

/// Measures one worker process.
#[derive(Debug)]
pub struct WorkerMeter {
    workers: Gauge,
    /// Of all workers of the model together.
    memory: Gauge,
    measured: AtomicI64,
}

impl WorkerMeter {
    /// Records its resident memory, in bytes.
    pub fn memory(&self, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.memory.inc_by(bytes - self.measured.swap(bytes, Ordering::Relaxed));
    }
}

impl Drop for WorkerMeter {
    fn drop(&mut self) {
        self.memory(0);
        self.workers.dec();
    }
}

fn observe(histogram: &Histogram, delay: Option<Duration>) {
    if let Some(delay) = delay {
        histogram.observe(delay.as_secs_f64());
    }
}

/// Measures one model or one of its threads. A clone starts with an empty cache of histograms.
pub struct ModelMeter {
    labels: ModelLabels,
    queue: Gauge,
    calls: Family<CallLabels, Histogram, fn() -> Histogram>,
    /// The histograms found so far. A lookup by labels takes as long as a small call.
    known: Mutex<Vec<(&'static str, Histogram)>>,
}

impl Clone for ModelMeter {
    fn clone(&self) -> Self {
        let Self { labels, queue, calls, .. } = self;
        Self { labels: labels.clone(), queue: queue.clone(), calls: calls.clone(), known: Mutex::default() }
    }
}

impl ModelMeter {
    /// Counts a stream that starts to wait for a thread.
    pub fn queued(&self) {
        self.queue.inc();
    }

    /// Counts waiting streams that a thread takes.
    pub fn taken(&self, streams: usize) {
        self.queue.dec_by(streams as i64);
    }

    /// Records a call into the engine that has returned.
    pub fn called(&self, call: &'static str, took: Duration) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().position(|(name, _)| *name == call);
        let index = found.unwrap_or_else(|| {
            let ModelLabels { preset, engine } = self.labels.clone();
            known.push((call, self.calls.get_or_create_owned(&CallLabels { preset, engine, call })));
            known.len() - 1
        });
        if let Some((_, histogram)) = known.get(index) {
            histogram.observe(took.as_secs_f64());
        }
    }
}

impl fmt::Debug for ModelMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelMeter").field("labels", &self.labels).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_labels_and_units_are_as_documented() {
        let log = LogMeter::default();
        log.dropped(tracing::Level::WARN);
        let metrics = Metrics::new(log);
        let stream = metrics.stream_opened("p\"q", "tone");
        stream.audio(1.5);
        stream.partial(Some(Duration::from_millis(60)));
        stream.segment(None);
        metrics.stream_failed("p", "tone", FailureCode::LagExceeded);
        metrics.refused("origin");
        let model = metrics.model("p", "tone");
        model.called("finish", Duration::from_millis(2));
        model.queued();
        let workers = [1, 2].map(|_| metrics.worker_started("p", "tone"));
        workers[0].memory(100);
        workers[1].memory(10);
        workers[0].memory(70);
        let of_model = Workers { running: 2, memory_bytes: 80, restarts: 0 };
        assert_eq!(metrics.workers_of("p", "tone"), of_model);
        assert_eq!(metrics.workers_of("p", "other"), Workers::default());
        let mut now = Registry::default();
        counted(&mut now, "extra", "Measured now", Gauge::<i64>::default()).set(3);
        let text = metrics.encode(&now, TextFormat::OpenMetrics).unwrap();
        for line in [
            r#"auricle_streams_total{preset="p\"q",engine="tone"} 1"#,
            r#"auricle_streams_open{preset="p\"q",engine="tone"} 1"#,
            r#"auricle_audio_seconds_total{preset="p\"q",engine="tone"} 1.5"#,
            r#"auricle_partial_delay_seconds_bucket{le="0.1",preset="p\"q",engine="tone"} 1"#,
            r#"auricle_segment_delay_seconds_count{preset="p\"q",engine="tone"} 0"#,
            r#"auricle_engine_call_seconds_count{preset="p",engine="tone",call="finish"} 1"#,
            r#"auricle_queue{preset="p",engine="tone"} 1"#,
            r#"auricle_workers{preset="p",engine="tone"} 2"#,
            r#"auricle_worker_memory_bytes{preset="p",engine="tone"} 80"#,
            "extra 3",
            r#"auricle_refusals_total{reason="origin"} 1"#,
            r#"auricle_stream_failures_total{preset="p",engine="tone",code="lag_exceeded"} 1"#,
            r#"auricle_log_lines_dropped_total{level="warn"} 1"#,
            "auricle_connections 0",
            "# EOF",
        ] {
            assert!(text.lines().any(|one| one == line), "no {line} in {text}");
        }
        drop((stream, workers));
        let text = metrics.encode(&Registry::default(), TextFormat::Plain).unwrap();
        for line in [
            r#"auricle_streams_open{preset="p\"q",engine="tone"} 0"#,
            r#"auricle_workers{preset="p",engine="tone"} 0"#,
            r#"auricle_worker_memory_bytes{preset="p",engine="tone"} 0"#,
            "# TYPE auricle_streams_total counter",
        ] {
            assert!(text.lines().any(|one| one == line), "no {line} in {text}");
        }
    }
}
