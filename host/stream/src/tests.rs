//! Streams on an engine whose calls wait at a gate, so that a test decides what happens meanwhile.

use super::{ModelScheduler, SchedulerSettings, SharedBacklog, Stream, StreamSettings};
use auricle_core::{Event, Pace};
use auricle_core::{Failure, FailureCode, metrics::Metrics};
use auricle_plugin_api::{
    AsrProcessor, Config, Error, Field, Host, Metadata, Model, ModelLoader, Schema, Segment, Sink, host::LoadedEngine,
};
use auricle_plugin_test::StubHost;
use serde_json::json;
use std::{
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

/// The time within which an expected event must happen.
const LIMIT: Duration = Duration::from_secs(60);
const CHUNK: usize = 10;

/// Holds calls until the test lets them through.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<Calls>, Condvar)>);

#[derive(Default)]
struct Calls {
    seen: Vec<String>,
    let_through: usize,
}

impl Gate {
    /// A call arrives and waits.
    fn pass(&self, call: String) {
        let (calls, changed) = &*self.0;
        let mut calls = calls.lock().unwrap();
        calls.seen.push(call);
        changed.notify_all();
        let number = calls.seen.len();
        drop(changed.wait_while(calls, |calls| calls.let_through < number).unwrap());
    }

    fn let_through(&self, number: usize) {
        self.0.0.lock().unwrap().let_through += number;
        self.0.1.notify_all();
    }

    /// Waits until `number` calls have arrived, and returns all of them.
    fn seen(&self, number: usize) -> Vec<String> {
        let (calls, changed) = &*self.0;
        let (calls, late) =
            changed.wait_timeout_while(calls.lock().unwrap(), LIMIT, |calls| calls.seen.len() < number).unwrap();
        assert!(!late.timed_out(), "only {:?}", calls.seen);
        calls.seen.clone()
    }
}

/// An engine that reports a segment for each chunk. `process_iter` and drop go through the gate, as `a0`, `a1`, ...
/// `a-drop`.
struct Gated(Gate);

impl ModelLoader for Gated {
    type Model = Self;

    fn backend(&self) -> &str {
        "gated"
    }

    fn schema(&self) -> Schema {
        Schema::new().field(Field::stream("name"))
    }

    fn load(&self, _: &Config, _: &Host) -> Result<Self, Error> {
        Ok(Self(self.0.clone()))
    }
}

impl Model for Gated {
    type Processor = GatedProcessor;

    fn metadata(&self) -> Metadata {
        Metadata::new(1_000, CHUNK as u32)
    }

    fn processor(self: &Arc<Self>, options: &Config) -> Result<GatedProcessor, Error> {
        Ok(GatedProcessor { gate: self.0.clone(), name: options.get("name")?, calls: 0 })
    }
}

struct GatedProcessor {
    gate: Gate,
    name: String,
    calls: u64,
}

impl AsrProcessor for GatedProcessor {
    fn init(&mut self, _: u64) -> Result<(), Error> {
        Ok(())
    }

    fn insert_audio_chunk(&mut self, _: &[f32]) -> Result<(), Error> {
        Ok(())
    }

    fn process_iter(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        self.gate.pass(format!("{}{}", self.name, self.calls));
        self.calls += 1;
        let end = self.calls * CHUNK as u64;
        sink.segment(&Segment::new(end - CHUNK as u64, end, "x"));
        Ok(())
    }

    fn finish(&mut self, _: &mut Sink<'_>) -> Result<(), Error> {
        Ok(())
    }
}

impl Drop for GatedProcessor {
    fn drop(&mut self) {
        self.gate.pass(format!("{}-drop", self.name));
    }
}

/// A model with one thread.
fn model(gate: &Gate, call_limit: Duration, max_streams: usize) -> Arc<ModelScheduler> {
    let engine = LoadedEngine::in_process(Gated(gate.clone()), StubHost::new().services()).unwrap();
    let model = engine.load(&serde_json::Map::new()).unwrap();
    let settings = SchedulerSettings {
        name: "gated".into(),
        files: String::new(),
        engine: "gated".into(),
        concurrency: 1,
        call_limit,
        max_call_timeouts: 100,
        max_streams,
        max_dedicated_workers: 1,
    };
    ModelScheduler::start(Box::new(model), settings, &Metrics::default()).unwrap()
}

fn settings() -> StreamSettings {
    StreamSettings {
        pace: Pace::Live,
        max_lag_seconds: 60.0,
        report_lag_seconds: 20.0,
        max_backlog_seconds: 10.0,
        shared_backlog: SharedBacklog::new(10.0),
        file_buffer_seconds: 1.0,
        max_unsent_events: 1_000,
        max_text_bytes: 1_000,
        max_events_per_call: 10,
        replay_seconds: 1.0,
        mute_seconds: None,
    }
}

/// A time so many seconds ago.
fn ago(seconds: u64) -> Instant {
    Instant::now() - Duration::from_secs(seconds)
}

fn try_open(scheduler: &Arc<ModelScheduler>, name: &str, settings: StreamSettings) -> Result<Arc<Stream>, FailureCode> {
    let options = json!({ "name": name }).as_object().unwrap().clone();
    let place = scheduler.take_place().map_err(|failure| failure.code)?;
    Ok(Stream::open(name.into(), Arc::clone(scheduler), place, options, settings, Arc::default()))
}

async fn open(scheduler: &Arc<ModelScheduler>, name: &str, settings: StreamSettings) -> Arc<Stream> {
    let stream = try_open(scheduler, name, settings).unwrap();
    assert_eq!(next(&stream).await, [Event::Ready { epoch: 0 }]);
    stream
}

async fn next(stream: &Arc<Stream>) -> Vec<Event> {
    tokio::time::timeout(LIMIT, stream.events()).await.unwrap().into()
}

/// All events up to the first that matches.
async fn until(stream: &Arc<Stream>, matches: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut events = Vec::new();
    while !events.iter().any(&matches) {
        events.extend(next(stream).await);
    }
    events
}

fn segments(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Segment(_))).count()
}

fn failure(events: &[Event]) -> Option<FailureCode> {
    events.iter().find_map(|event| if let Event::Failed(failure) = event { Some(failure.code) } else { None })
}

#[tokio::test]
async fn the_oldest_audio_goes_first() {
    let gate = Gate::default();
    let scheduler = model(&gate, LIMIT, 10);
    let (a, b) = (open(&scheduler, "a", settings()).await, open(&scheduler, "b", settings()).await);
    let now = Instant::now();
    let at = |milliseconds| now + Duration::from_millis(milliseconds);
    a.push(&[0.0; CHUNK], at(0));
    gate.seen(1);
    // `a` has more audio, but the audio of `b` arrived before it, so `b` is next.
    b.push(&[0.0; CHUNK], at(1));
    a.push(&[0.0; 2 * CHUNK], at(2));
    b.push(&[0.0; CHUNK], at(30));
    gate.let_through(5);
    assert_eq!(gate.seen(5), ["a0", "b0", "a1", "a2", "b1"]);
    gate.let_through(100);
}

#[tokio::test]
async fn a_burst_delays_no_fresh_audio_and_is_served_too() {
    let gate = Gate::default();
    let scheduler = model(&gate, LIMIT, 10);
    let (burst, fresh) = (open(&scheduler, "b", settings()).await, open(&scheduler, "f", settings()).await);
    let now = Instant::now();
    let at = |milliseconds| now + Duration::from_millis(milliseconds);
    // 60 ms at once, and then a live speaker.
    burst.push(&[0.0; 6 * CHUNK], at(0));
    gate.seen(1);
    for n in 0..3 {
        fresh.push(&[0.0; CHUNK], at(5 + 10 * n));
    }
    gate.let_through(9);
    // As if both spoke; what the speaker leaves is for the burst.
    assert_eq!(gate.seen(9), ["b0", "f0", "b1", "f1", "b2", "f2", "b3", "b4", "b5"]);
    gate.let_through(100);
}

#[tokio::test]
async fn audio_of_files_waits_for_live_audio_however_old_it_is() {
    let gate = Gate::default();
    let scheduler = model(&gate, LIMIT, 10);
    let file = open(&scheduler, "f", StreamSettings { pace: Pace::File, ..settings() }).await;
    let live = open(&scheduler, "a", settings()).await;
    // The engine is slower than speech, so the file is behind what would have been spoken.
    file.push(&[0.0; 4 * CHUNK], ago(10));
    gate.seen(1);
    live.push(&[0.0; 2 * CHUNK], ago(0));
    gate.let_through(4);
    assert_eq!(gate.seen(5), ["f0", "a0", "a1", "f1", "f2"]);
    gate.let_through(100);
}

/// The lags that were reported, in whole seconds.
fn lags(events: &[Event]) -> Vec<u64> {
    let lag = |event: &Event| if let Event::Lag(waited) = event { Some(waited.as_secs()) } else { None };
    events.iter().filter_map(lag).collect()
}

#[tokio::test]
async fn lag_is_reported_during_a_long_call_and_when_it_is_made_up() {
    let gate = Gate::default();
    let stream = open(&model(&gate, LIMIT, 1), "a", settings()).await;
    stream.push(&[0.0; CHUNK], Instant::now());
    gate.seen(1);
    stream.push(&[0.0; 5 * CHUNK], ago(40));
    stream.push(&[0.0; 5 * CHUNK], ago(30));
    assert_eq!(lags(&next(&stream).await), [40]);
    gate.let_through(100);
    let events = until(&stream, |event| *event == Event::Lag(Duration::ZERO)).await;
    assert!(segments(&events) >= 9, "{events:?}");
}

#[tokio::test]
async fn a_lag_is_noticed_though_neither_client_nor_engine_does_anything() {
    let gate = Gate::default();
    let scheduler = model(&gate, LIMIT, 1);
    let limits = StreamSettings { max_lag_seconds: 0.3, report_lag_seconds: 0.1, ..settings() };
    let stream = open(&scheduler, "a", limits).await;
    stream.push(&[0.0; 2 * CHUNK], Instant::now());
    gate.seen(1);
    let events = until(&stream, |event| matches!(event, Event::Failed(_))).await;
    assert_eq!((lags(&events), failure(&events)), (vec![0], Some(FailureCode::LagExceeded)));
    gate.let_through(100);
}

#[tokio::test]
async fn a_burst_is_caught_up_and_audio_that_waits_too_long_is_not() {
    let gate = Gate::default();
    let scheduler = model(&gate, LIMIT, 2);
    // More than `max_lag_seconds` of audio, but it waits for a moment only.
    let limits = StreamSettings { max_lag_seconds: 5.0, report_lag_seconds: 1.0, ..settings() };
    let stream = open(&scheduler, "a", limits).await;
    stream.push(&[0.0; 900 * CHUNK], Instant::now());
    stream.finish();
    gate.let_through(901);
    let events = until(&stream, |event| *event == Event::Done(9_000)).await;
    assert_eq!(segments(&events), 900);

    let stream = open(&scheduler, "b", settings()).await;
    stream.push(&[0.0; 2 * CHUNK], ago(40));
    gate.seen(902);
    assert_eq!(lags(&next(&stream).await), [40]);
    // The audio before it decides, until it is processed.
    stream.push(&[0.0; CHUNK], ago(90));
    assert_eq!(stream.outbox.waiting(), 0);
    gate.let_through(1);
    let events = until(&stream, |event| matches!(event, Event::Failed(_))).await;
    assert_eq!((segments(&events), failure(&events)), (1, Some(FailureCode::LagExceeded)), "{events:?}");
    gate.let_through(100);
}

#[tokio::test]
async fn a_stream_whose_client_has_sent_everything_keeps_its_last_words() {
    let gate = Gate::default();
    let stream = open(&model(&gate, LIMIT, 1), "a", settings()).await;
    stream.push(&[0.0; CHUNK], Instant::now());
    gate.seen(1);
    stream.finish();
    stream.push(&[0.0; 5 * CHUNK], ago(90));
    gate.let_through(100);
    let events = until(&stream, |event| matches!(event, Event::Done(_) | Event::Failed(_))).await;
    assert_eq!((failure(&events), lags(&events)[0]), (None, 90));
}

#[tokio::test]
async fn a_live_stream_queues_so_much_and_a_file_waits() {
    let gate = Gate::default();
    let scheduler = model(&gate, LIMIT, 2);
    let stream = open(&scheduler, "a", StreamSettings { max_backlog_seconds: 0.05, ..settings() }).await;
    stream.push(&[0.0; CHUNK], Instant::now());
    gate.seen(1);
    stream.push(&[0.0; 5 * CHUNK], Instant::now());
    assert_eq!(stream.outbox.waiting(), 0);
    stream.push(&[0.0; CHUNK], Instant::now());
    assert_eq!(
        failure(&until(&stream, |event| matches!(event, Event::Failed(_))).await),
        Some(FailureCode::LagExceeded)
    );

    let file = StreamSettings { pace: Pace::File, file_buffer_seconds: 0.05, ..settings() };
    let file = try_open(&scheduler, "b", file).unwrap();
    file.push(&[0.0; 7 * CHUNK], Instant::now());
    assert!(tokio::time::timeout(Duration::from_millis(50), file.room()).await.is_err());
    gate.let_through(100);
    tokio::time::timeout(LIMIT, file.room()).await.unwrap();
    file.finish();
    let events = until(&file, |event| *event == Event::Done(70)).await;
    assert_eq!(segments(&events), 7);
}

#[tokio::test]
async fn all_streams_together_queue_so_much_and_modest_ones_are_not_concerned() {
    let gate = Gate::default();
    let scheduler = model(&gate, LIMIT, 3);
    // Each may queue 0.2 s, and all together 0.1 s more.
    let limits = StreamSettings { max_lag_seconds: 0.2, shared_backlog: SharedBacklog::new(0.1), ..settings() };
    let [a, b, c] = ["a", "b", "c"].map(|name| try_open(&scheduler, name, limits.clone()).unwrap());
    // All threads are busy with the first chunk of `a`.
    a.push(&[0.0; CHUNK], Instant::now());
    gate.seen(1);
    let soon = Instant::now() + Duration::from_secs(3_600);
    a.push(&[0.0; 30 * CHUNK], soon);
    b.push(&[0.0; 20 * CHUNK], soon);
    let failed = |stream: &Arc<Stream>| failure(&stream.take_events().into_iter().collect::<Vec<_>>());
    assert_eq!((failed(&a), failed(&b)), (None, None));
    b.push(&[0.0; CHUNK], soon);
    assert_eq!((failed(&a), failed(&b)), (None, Some(FailureCode::LagExceeded)));
    // That of `b` is free again.
    c.push(&[0.0; 20 * CHUNK], soon);
    a.push(&[0.0; CHUNK], soon);
    assert_eq!((failed(&a), failed(&c)), (Some(FailureCode::LagExceeded), None));
    c.push(&[0.0; 10 * CHUNK], soon);
    assert_eq!(failed(&c), None);
    // Nobody waits for it any more: it has no allowance.
    c.abandon();
    gate.let_through(1_000);
    while scheduler.open_streams() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!gate.seen(1).contains(&"c0".to_owned()));
}

#[tokio::test]
async fn what_waits_counts_as_load() {
    let gate = Gate::default();
    gate.let_through(400);
    let scheduler = model(&gate, LIMIT, 2);
    let stream = open(&scheduler, "a", settings()).await;
    assert_eq!(scheduler.load_with(1), None);
    stream.push(&[0.0; 400 * CHUNK], Instant::now());
    stream.caught_up().await;
    let load = scheduler.load_with(1).unwrap();
    stream.push(&[0.0; CHUNK], Instant::now());
    gate.seen(401);
    // Six seconds within sixty are as much as a tenth of a stream.
    stream.push(&[0.0; 600 * CHUNK], Instant::now());
    let ratio = scheduler.load_with(1).unwrap() / load;
    assert!((1.09..1.11).contains(&ratio), "{ratio}");
    // It may take longer once the client has finished.
    stream.finish();
    assert!(scheduler.load_with(1).unwrap() / load < 1.09);
    gate.let_through(10_000);
}

#[tokio::test]
async fn a_stream_whose_events_nobody_reads_pauses() {
    let gate = Gate::default();
    gate.let_through(1_000);
    for pace in [Pace::Live, Pace::File] {
        let limits = StreamSettings { pace, max_unsent_events: 3, ..settings() };
        let stream = open(&model(&gate, LIMIT, 1), "a", limits).await;
        // A client that reads gets the events of a hundred chunks, at most three at a time.
        stream.push(&[0.0; 100 * CHUNK], Instant::now());
        stream.finish();
        let (mut received, mut most) = (0, 0);
        loop {
            let events = next(&stream).await;
            (received, most) = (received + segments(&events), most.max(segments(&events)));
            if events.last() == Some(&Event::Done(1_000)) {
                break;
            }
        }
        // Fewer at a time if the client is faster than the engine.
        assert!(received == 100 && most <= 3, "{received} {most}");
    }
    let stream = open(&model(&gate, LIMIT, 1), "b", StreamSettings { max_unsent_events: 3, ..settings() }).await;
    stream.push(&[0.0; 10 * CHUNK], ago(50));
    while stream.outbox.waiting() < 3 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    stream.push(&[0.0; 1_000 * CHUNK], Instant::now());
    let events = until(&stream, |event| matches!(event, Event::Failed(_))).await;
    assert_eq!(failure(&events), Some(FailureCode::SlowReader));
    assert!(segments(&events) <= 3, "{events:?}");
}

#[tokio::test]
async fn the_place_is_free_when_the_last_event_comes() {
    let gate = Gate::default();
    let scheduler = model(&gate, LIMIT, 1);
    let stream = open(&scheduler, "a", settings()).await;
    assert_eq!(try_open(&scheduler, "b", settings()).err(), Some(FailureCode::Capacity));
    stream.finish();
    gate.seen(1);
    // The processor is being dropped: the last event must wait.
    assert_eq!(stream.outbox.waiting(), 0);
    gate.let_through(1);
    assert_eq!(next(&stream).await, [Event::Done(0)]);
    let _next_one = open(&scheduler, "b", settings()).await;
    gate.let_through(100);
}

#[tokio::test]
async fn a_call_written_off_gives_its_place_back() {
    let gate = Gate::default();
    let scheduler = model(&gate, Duration::from_millis(200), 1);
    let stream = open(&scheduler, "a", settings()).await;
    stream.push(&[0.0; CHUNK], Instant::now());
    assert_eq!(failure(&next(&stream).await), Some(FailureCode::EngineTimeout));
    let next_one = open(&scheduler, "b", settings()).await;
    next_one.finish();
    // Its drop hangs, too, but the client need not wait for it.
    assert_eq!(next(&next_one).await, [Event::Done(0)]);
    gate.let_through(100);
    open(&scheduler, "c", settings()).await;
}

#[tokio::test]
async fn a_reset_discards_what_waits_and_counts_the_epochs() {
    let gate = Gate::default();
    let stream = open(&model(&gate, LIMIT, 1), "a", settings()).await;
    stream.push(&[0.0; 3 * CHUNK], Instant::now());
    gate.seen(1);
    stream.flush(30);
    stream.reset();
    stream.reset();
    stream.push(&[0.0; CHUNK], Instant::now());
    stream.finish();
    gate.let_through(100);
    let events = until(&stream, |event| matches!(event, Event::Done(_))).await;
    assert!(events.contains(&Event::Ready { epoch: 2 }), "{events:?}");
    assert_eq!((segments(&events), events.last()), (1, Some(&Event::Done(10))), "{events:?}");
}

#[tokio::test]
async fn a_closed_stream_tells_its_text_and_then_why_whatever_its_client_does() {
    let gate = Gate::default();
    let scheduler = model(&gate, LIMIT, 1);
    let stream = open(&scheduler, "a", settings()).await;
    stream.push(&[0.0; 2 * CHUNK], Instant::now());
    gate.seen(1);
    let close = || stream.close(Failure::new(FailureCode::EndedByOperator, "ended"));
    close();
    stream.push(&[0.0; CHUNK], Instant::now());
    stream.reset();
    stream.flush(1);
    stream.finish();
    close();
    gate.let_through(100);
    let events = until(&stream, |event| matches!(event, Event::Failed(_))).await;
    assert_eq!((segments(&events), failure(&events)), (2, Some(FailureCode::EndedByOperator)));
    assert_eq!(gate.seen(3), ["a0", "a1", "a-drop"]);

    // A client that has ended its audio is told that it is done.
    let stream = open(&scheduler, "b", settings()).await;
    stream.push(&[0.0; CHUNK], Instant::now());
    stream.finish();
    stream.close(Failure::new(FailureCode::EndedByOperator, "ended"));
    let events = until(&stream, |event| matches!(event, Event::Done(_))).await;
    assert_eq!((segments(&events), failure(&events)), (1, None));
}
