//! Streams of fronts, on an engine host: the front has the session and its audio, the engine host the stream on its model.
//!
//! Invariants: there is one call at a time. What it reports is in the engine's order, with each restart point before the
//! events that a processor which continues from there would repeat. Audio that the front has too is never missed silently:
//! a stream that lost some ends as lost. Threads: the task of the front's connection.

use super::{
    Admitted, Sessions, access::StreamRecord, admitted::refuse, catalog::Opening, failures::FailureReport,
    lease::Lease, models::unavailable, registry::Entry,
};
use auricle_core::{Event, Failure, Pace, permits::Permit};
use auricle_engines::worker::wire::EngineEvent;
use auricle_plugin_api::{Metadata, Segment, Turn};
use auricle_stream::{Continuation, GridStart, ModelScheduler, Stream, StreamPoint, StreamSettings, StreamUsage};
use serde_json::{Map, Value};
use std::{collections::VecDeque, sync::Arc, time::Instant};

/// A front's request for a stream.
#[derive(Debug, Clone)]
pub struct HostedRequest {
    /// The session's id on the front: log and registry have it here too.
    pub stream: String,
    /// The preset's name.
    pub preset: String,
    /// What the front knows of its engine and configuration.
    pub identity: String,
    /// The client's options.
    pub options: Map<String, Value>,
    /// Who sets the pace.
    pub pace: Pace,
    /// Whether it runs already. Then it is not refused because of the load.
    pub continues: bool,
}

/// The places of a front's stream, before its processor is made.
#[derive(Debug)]
pub struct HostedPlace {
    id: String,
    scheduler: Arc<ModelScheduler>,
    fields: Map<String, Value>,
    settings: StreamSettings,
    usage: Arc<StreamUsage>,
    entry: Arc<Entry>,
    held: (Permit, Arc<StreamRecord>),
    lease: Lease,
}

/// A front's stream.
#[derive(Debug)]
pub struct HostedStream {
    stream: Arc<Stream>,
    lease: Lease,
    epoch: u32,
    /// The next sample of this epoch.
    position: u64,
    /// Whether the engine was started at this position.
    is_fresh: bool,
    /// Events of this epoch that were reported and that a front counts.
    told: u64,
    /// The restart point that was reported last.
    point: Option<Arc<[u8]>>,
    /// What follows the last reports.
    end: Option<Step>,
}

/// What a stream reports.
#[derive(Debug)]
pub enum Report {
    /// Unstable text.
    Partial(Segment),
    /// Final text.
    Segment(Segment),
    /// Speech began.
    SpeechStarted(u64),
    /// The utterance ended.
    Endpoint(u64),
    /// Something happened to a turn.
    Turn(Turn),
    /// A point from which another processor can continue.
    RestartPoint(u64, Arc<[u8]>),
}

/// The next part of a call.
#[derive(Debug)]
pub enum Step {
    /// It goes on.
    Reports(Vec<Report>),
    /// It has returned.
    Over,
    /// The stream has failed.
    Failed(Failure),
    /// Audio was lost here.
    Lost,
}

impl Report {
    /// Passes it on as an event of the engine.
    pub fn with<T>(self, pass: impl FnOnce(EngineEvent<'_>) -> T) -> T {
        match self {
            Self::Partial(segment) => pass(EngineEvent::Partial(segment.into())),
            Self::Segment(segment) => pass(EngineEvent::Segment(segment.into())),
            Self::SpeechStarted(sample) => pass(EngineEvent::SpeechStarted(sample)),
            Self::Endpoint(sample) => pass(EngineEvent::Endpoint(sample)),
            Self::Turn(turn) => pass(EngineEvent::Turn(turn)),
            Self::RestartPoint(sample, state) => pass(EngineEvent::RestartPoint(sample, &state)),
        }
    }
}

impl Sessions {
    /// Has the model of a preset loaded for a front. Returns its metadata.
    ///
    /// # Errors
    /// The model cannot be served, or the preset has changed.
    pub async fn load_for_front(&self, preset: &str, identity: &str) -> Result<Metadata, Failure> {
        self.wait_for_engine(preset).await;
        let opening = self.catalog.open(preset, Map::new()).await?;
        check_identity(&opening, identity)?;
        Ok(opening.scheduler.metadata().clone())
    }
}

fn check_identity(opening: &Opening, identity: &str) -> Result<(), Failure> {
    if opening.identity == identity {
        return Ok(());
    }
    Err(unavailable(format!("the engine host has another version of the preset `{}`", opening.preset.name)))
}

impl Admitted {
    /// Takes the places of a front's stream, and loads the model if necessary.
    ///
    /// # Errors
    /// As [`open`](Self::open), with the details: they are for the front's log.
    pub async fn host(self, request: HostedRequest) -> Result<HostedPlace, Failure> {
        let (sessions, caller, protocol) = (Arc::clone(&self.sessions), self.caller.clone(), self.protocol);
        let (id, preset) = (request.stream.clone(), request.preset.clone());
        self.try_host(request).await.inspect_err(|failure| {
            sessions.failures.note(FailureReport::of_request(&id, &preset, protocol.name, &caller, failure));
            refuse(&sessions.metrics, &caller, protocol, Some((&id, &preset)), failure);
        })
    }

    async fn try_host(self, request: HostedRequest) -> Result<HostedPlace, Failure> {
        let Self { sessions, caller, protocol, places } = self;
        let HostedRequest { stream: id, preset, identity, options, pace, continues } = request;
        let places = places.or_else(|_| sessions.take_places(&caller))?;
        sessions.wait_for_engine(&preset).await;
        let opening = sessions.catalog.open(&preset, options).await?;
        check_identity(&opening, &identity)?;
        let Opening { preset, scheduler, fields, .. } = opening;
        if !continues {
            sessions.admission.check(&preset.name, &scheduler, pace, 1)?;
        }
        let permit = sessions.take_place(&scheduler).await?;
        let entry = Arc::new(Entry::new(&id, &preset, &caller, pace, &scheduler, 1));
        let usage = Arc::<StreamUsage>::default();
        let failures = Arc::clone(&sessions.failures);
        let record = Arc::new(StreamRecord::new(Arc::clone(&entry), Arc::clone(&usage), protocol, failures));
        let (registry, metrics) = (Arc::clone(&sessions.registry), Arc::clone(&sessions.metrics));
        let lease = Lease::new(Arc::clone(&entry), Arc::clone(&record), vec![places], registry, metrics, None);
        // The front watches over lag and backlog. It waits for each call, so not more is unsent than one call reports.
        let settings = StreamSettings {
            pace,
            max_lag_seconds: f64::INFINITY,
            report_lag_seconds: f64::INFINITY,
            max_backlog_seconds: f64::INFINITY,
            max_unsent_events: usize::MAX,
            ..sessions.stream.clone()
        };
        Ok(HostedPlace { id, scheduler, fields, settings, usage, entry, held: (permit, record), lease })
    }
}

impl HostedPlace {
    /// Makes the processor, which starts at a sample, or continues there from the state of a restart point. What
    /// [`HostedStream::next`] tells then is of this call.
    pub fn begin(self, sample: u64, state: Option<&[u8]>) -> HostedStream {
        let Self { id, scheduler, fields, settings, usage, entry, held, lease } = self;
        let state = state.map(Arc::<[u8]>::from);
        let grid = GridStart { sample, ..GridStart::default() };
        let point = StreamPoint { grid, sample, state: state.clone(), ..StreamPoint::default() };
        // It repeats nothing: the front drops what it had before.
        let from = Continuation { point, keeps_state: state.is_some(), is_exact: true, ..Continuation::default() };
        let stream = Stream::open_storable(id, scheduler, held, fields, settings, usage, Some(from));
        entry.opened(std::slice::from_ref(&stream));
        lease.continue_from(sample);
        HostedStream { stream, lease, epoch: 0, position: sample, is_fresh: true, told: 0, point: state, end: None }
    }
}

impl HostedStream {
    /// Processes a chunk.
    pub fn process(&mut self, chunk: Vec<f32>) {
        self.received(&chunk);
        self.is_fresh = false;
        self.stream.push_chunk(chunk);
    }

    /// Processes the last audio before a flush. The engine is started anew behind it.
    pub fn flush(&mut self, rest: Vec<f32>) {
        self.received(&rest);
        self.is_fresh = true;
        self.stream.flush_chunk(rest);
    }

    /// Processes the last audio.
    pub fn finish(&mut self, rest: Vec<f32>) {
        self.received(&rest);
        self.stream.finish_chunk(rest);
    }

    /// Ends the turn of the speaker.
    pub fn end_turn(&self) {
        self.stream.end_turn();
    }

    /// Starts the engine at a sample. Returns whether a call began: not if the engine was just started there.
    ///
    /// # Errors
    /// The engine can be started where it is, and at 0.
    pub fn start(&mut self, sample: u64) -> Result<bool, Failure> {
        if self.is_fresh && sample == self.position {
            return Ok(false);
        }
        if sample != 0 {
            let message = format!("the engine cannot be started at {sample}: the stream is at {}", self.position);
            return Err(unavailable(message));
        }
        self.epoch += 1;
        (self.position, self.told, self.point, self.is_fresh) = (0, 0, None, true);
        self.lease.reset();
        self.stream.reset();
        Ok(true)
    }

    /// Waits for the next part of the running call.
    pub async fn next(&mut self) -> Step {
        if let Some(end) = self.end.take() {
            return end;
        }
        let events = tokio::select! {
            events = self.stream.hosted_events() => events,
            () = self.stream.caught_up() => self.stream.take_events(),
        };
        if !events.is_empty() {
            return Step::Reports(self.reports(events));
        }
        if self.stream.is_over() {
            // The last event comes when the processor is dropped.
            let events = self.stream.hosted_events().await;
            return Step::Reports(self.reports(events));
        }
        match self.new_point() {
            Some(point) => Step::Reports(vec![point]),
            None => Step::Over,
        }
    }

    /// Whether the running call has nothing more to report.
    pub fn is_at_rest(&self) -> bool {
        self.end.is_some() || self.stream.is_at_rest()
    }

    fn received(&mut self, audio: &[f32]) {
        self.position += audio.len() as u64;
        self.lease.received(0, audio.len(), Instant::now());
    }

    fn reports(&mut self, events: VecDeque<Event>) -> Vec<Report> {
        let mut reports = Vec::with_capacity(events.len() + 1);
        for event in events {
            if let Err(failure) = self.lease.sending(None, &event) {
                self.end = Some(Step::Failed(failure));
                break;
            }
            let report = match event {
                Event::Partial(segment) => {
                    reports.push(Report::Partial(segment));
                    continue;
                }
                // Not counted by points, so one may come a little late.
                Event::Turn(turn) => {
                    reports.push(Report::Turn(turn));
                    continue;
                }
                Event::Segment(segment) => Report::Segment(segment),
                Event::SpeechStarted(sample) => Report::SpeechStarted(sample),
                Event::Endpoint(sample) => Report::Endpoint(sample),
                Event::Done(_) => {
                    self.end = Some(Step::Over);
                    continue;
                }
                Event::Failed(failure) => {
                    self.end = Some(Step::Failed(failure));
                    break;
                }
                Event::Gap(..) => {
                    self.end = Some(Step::Lost);
                    break;
                }
                // The front does not tell its client that the engine host started a silent engine anew.
                Event::Restarted(_) => continue,
                Event::Ready { .. } | Event::Warning(_) | Event::Lag(_) | Event::Flushed(_) => continue,
            };
            reports.extend(self.new_point());
            reports.push(report);
            self.told += 1;
        }
        reports
    }

    /// The last restart point, if it is new and this is its place: everything before it is reported and nothing after it. Not
    /// so while a replacement of a worker repeats what was reported; those points are left out.
    fn new_point(&mut self) -> Option<Report> {
        let StreamPoint { epoch, sample, state, told, .. } = self.stream.latest_point()?;
        let state = state?;
        let is_known = self.point.as_ref().is_some_and(|known| Arc::ptr_eq(known, &state));
        if is_known || epoch != self.epoch || told != self.told {
            return None;
        }
        self.point = Some(Arc::clone(&state));
        Some(Report::RestartPoint(sample, state))
    }
}

impl Drop for HostedStream {
    fn drop(&mut self) {
        self.stream.abandon();
    }
}
