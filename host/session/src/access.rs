//! The access log: one line at the end of each stream, and one for each refusal, which also counts it.
//!
//! Invariant: a stream's line is written once, when its connection has let go of it and its processor is dropped,
//! whichever is later. Its failure is noted among the recent ones then. No line has recognised text. `docs/operating.md` lists the fields. Threads: any.

use super::{
    failures::{FailureReport, RecentFailures},
    registry::Entry,
};
use auricle_core::{Failure, FailureCode, metrics::Metrics, times::rounded};
use auricle_stream::StreamUsage;
use std::{
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// The protocol of a client's connection.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    /// The dialect's name.
    pub name: &'static str,
    /// Its codes for failures.
    pub codes: Codes,
}

/// How a protocol tells its clients why a stream ended.
#[derive(Debug, Clone, Copy)]
pub enum Codes {
    /// By the close code of a WebSocket.
    Close(fn(FailureCode) -> u16),
    /// By the status of an HTTP response.
    Status(fn(FailureCode) -> u16),
    /// By the status of a gRPC call.
    Grpc(fn(FailureCode) -> u16),
}

impl Codes {
    /// The answer for a failure; without one, for a stream that ended well.
    pub fn answer(self, failure: Option<FailureCode>) -> Answer {
        match self {
            Self::Close(code) => Answer::CloseCode(failure.map_or(1000, code)),
            Self::Status(status) => Answer::Status(failure.map_or(200, status)),
            Self::Grpc(status) => Answer::Grpc(failure.map_or(0, status)),
        }
    }
}

/// Writes a line of the access log. The level depends on the failure.
macro_rules! line {
    ($failure:expr, $($rest:tt)+) => {
        match $failure {
            Some(code) if is_servers_fault(code) => tracing::warn!(target: "auricle::access", $($rest)+),
            _ => tracing::info!(target: "auricle::access", $($rest)+),
        }
    };
}

/// What the log will have of an open stream. Writes the line when it is dropped.
#[derive(Debug)]
pub(super) struct StreamRecord {
    entry: Arc<Entry>,
    usage: Arc<StreamUsage>,
    protocol: Protocol,
    failures: Arc<RecentFailures>,
    /// Segments that were sent.
    segments: AtomicU64,
    end: OnceLock<End>,
}

/// How a stream ended for its client.
#[derive(Debug)]
enum End {
    Done,
    /// The failure, and whether the client was told.
    Failed(Failure, bool),
}

impl StreamRecord {
    pub(super) fn new(
        entry: Arc<Entry>,
        usage: Arc<StreamUsage>,
        protocol: Protocol,
        failures: Arc<RecentFailures>,
    ) -> Self {
        Self { entry, usage, protocol, failures, segments: AtomicU64::new(0), end: OnceLock::new() }
    }

    /// Counts a segment that is sent.
    pub(super) fn segment(&self) {
        self.segments.fetch_add(1, Ordering::Relaxed);
    }

    /// Records that the last event is sent. Only the first end counts.
    pub(super) fn done(&self) {
        let _ = self.end.set(End::Done);
    }

    /// Records that the stream failed, and whether the client is told. Only the first end counts.
    pub(super) fn failed(&self, failure: &Failure, told: bool) {
        let _ = self.end.set(End::Failed(failure.clone(), told));
    }
}

impl Drop for StreamRecord {
    fn drop(&mut self) {
        let Self { entry, usage, protocol, failures, segments, end } = self;
        let (failure, told) = match end.get() {
            Some(End::Done) => (None, true),
            Some(End::Failed(failure, told)) => (Some(failure), *told),
            // The client left before the end. What remained of the stream may have failed.
            None => (usage.failure(), false),
        };
        if let Some(failure) = failure {
            failures.note(FailureReport::of_stream(entry, protocol.name, failure));
        }
        let code = failure.map(|failure| failure.code);
        let outcome = match (code, told) {
            (Some(code), _) => code.name(),
            (None, true) => "done".to_owned(),
            (None, false) => "client_gone".to_owned(),
        };
        let [status, close_code, grpc_status] = Answer::fields(told.then(|| protocol.codes.answer(code)));
        let message = failure.map_or_else(String::new, |failure| format!(": {}", failure.explained()));
        line!(
            code,
            stream = entry.id,
            outcome,
            status,
            close_code,
            grpc_status,
            dialect = protocol.name,
            preset = entry.preset,
            engine = entry.backend,
            pace = entry.pace.name(),
            channels = (entry.count() > 1).then_some(entry.count()),
            key = entry.key,
            peer = %entry.address,
            open_seconds = entry.open_seconds(),
            audio_seconds = entry.audio_seconds(),
            engine_seconds = rounded(usage.engine_time()),
            max_lag_seconds = entry.max_lag_seconds(),
            segments = segments.load(Ordering::Relaxed),
            "stream ended{message}"
        );
    }
}

/// A refused connection, request or stream.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'a> {
    /// Why.
    pub failure: &'a Failure,
    /// The client's address.
    pub peer: IpAddr,
    /// The name of the client's key, if it is known.
    pub key: Option<&'a str>,
    /// The name of the dialect, if the refused request was for one.
    pub dialect: Option<&'a str>,
    /// The id that the client was given to find this line.
    pub stream: Option<&'a str>,
    /// The preset that the client requested, if it got that far.
    pub preset: Option<&'a str>,
    /// The code of the answer; `None` if the connection is closed without one.
    pub answer: Option<Answer>,
}

/// How a client is told that it is refused.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// The HTTP status.
    Status(u16),
    /// The WebSocket close code.
    CloseCode(u16),
    /// The status of a gRPC call.
    Grpc(u16),
}

impl Answer {
    /// The fields `status`, `close_code` and `grpc_status` of the log.
    fn fields(answer: Option<Self>) -> [Option<u16>; 3] {
        match answer {
            Some(Self::Status(status)) => [Some(status), None, None],
            Some(Self::CloseCode(code)) => [None, Some(code), None],
            Some(Self::Grpc(status)) => [None, None, Some(status)],
            None => [None; 3],
        }
    }
}

impl Refusal<'_> {
    /// Counts and logs the refusal.
    pub fn record(&self, metrics: &Metrics) {
        let Self { failure, peer, key, dialect, stream, preset, answer } = *self;
        metrics.refused(failure.code.name());
        let [status, close_code, grpc_status] = Answer::fields(answer);
        let (reason, explained) = (failure.code.name(), failure.explained());
        line!(Some(failure.code), reason, stream, status, close_code, grpc_status, dialect, preset, key, %peer, "refused: {explained}");
    }
}

/// Whether the operator may have to act: the engine, its model or the journal failed.
fn is_servers_fault(code: FailureCode) -> bool {
    use FailureCode as C;
    matches!(code, C::EngineError | C::EngineUnavailable | C::EngineTimeout | C::EngineCrashed | C::JournalFailed)
}
