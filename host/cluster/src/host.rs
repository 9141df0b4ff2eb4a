//! One engine host, as a front knows it: what it told last, and the thread that listens to it.
//!
//! Invariant: an engine host is connected or not; when it stops being so, its number of lives grows, and every call that
//! began before ends. Threads: one per engine host listens, any thread asks.

use super::{
    FrontSettings,
    handshake::HandshakeError,
    link::{Link, Received},
    messages::{Answer, HostStatus, Request, ToldPreset},
    placement::Candidate,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// An engine host in the settings.
#[derive(Debug)]
pub(crate) struct EngineHost {
    pub(crate) address: String,
    pub(crate) settings: Arc<FrontSettings>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What it told last; `None` if it is not connected.
    status: Option<HostStatus>,
    /// Why it is not connected.
    problem: Option<String>,
    /// How often it was lost.
    lost: u64,
    /// This front's streams there, by preset.
    placed: HashMap<String, Placed>,
}

/// The streams of one preset that this front has on an engine host.
#[derive(Debug, Default)]
struct Placed {
    now: i64,
    /// When the engine host told its state last.
    told: i64,
}

/// An engine host in the response to `GET /v1/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostReport {
    /// Its address in the settings.
    pub address: String,
    /// Whether it is connected.
    pub connected: bool,
    /// Why not, or why it gets no new streams.
    pub reason: Option<String>,
    /// The version of its program, if it is connected.
    pub version: Option<String>,
    /// Its open streams, of all fronts.
    pub streams: usize,
}

impl EngineHost {
    pub(crate) fn new(address: String, settings: Arc<FrontSettings>) -> Self {
        let problem = Some("not connected yet".to_owned());
        Self { address, settings, state: Mutex::new(State { problem, ..State::default() }) }
    }

    /// Listens until the connection ends, or nobody needs it any more. `told` is called when it has told its state.
    ///
    /// # Errors
    /// Why it ended.
    pub(crate) fn listen(&self, needed: &dyn Fn() -> bool, told: &dyn Fn()) -> Result<(), HandshakeError> {
        let mut link = Link::connect(&self.address, &self.settings)?;
        link.send(&Request::Watch)?;
        let mut heard = Instant::now();
        while needed() {
            match link.receive::<Answer<'_>>()? {
                Received::Message(Answer::Status(text)) => {
                    heard = Instant::now();
                    let status = serde_json::from_str(text).map_err(|_| HandshakeError::Stranger)?;
                    self.told(status);
                    told();
                }
                Received::Message(_) => return Err(HandshakeError::Stranger),
                Received::Nothing => {}
            }
            let silence = self.settings.silence;
            if heard.elapsed() > silence {
                let problem = format!("it has told nothing for {} s", silence.as_secs_f64());
                return Err(io::Error::new(io::ErrorKind::TimedOut, problem).into());
            }
        }
        Ok(())
    }

    fn told(&self, status: HostStatus) {
        let mut state = self.lock();
        if state.status.is_none() {
            tracing::info!(engine_host = self.address, version = status.version, "engine host connected");
        }
        state.problem = status.stopping.then(|| "it is stopping".to_owned());
        state.status = Some(status);
        state.placed.values_mut().for_each(|placed| placed.told = placed.now);
        state.placed.retain(|_, placed| placed.now > 0);
    }

    /// The connection has ended. Each new reason is logged once.
    pub(crate) fn lost(&self, problem: &HandshakeError) {
        let problem = problem.to_string();
        let mut state = self.lock();
        let was_connected = state.status.take().is_some();
        state.lost += u64::from(was_connected);
        if was_connected || state.problem.as_ref() != Some(&problem) {
            tracing::warn!(engine_host = self.address, "engine host not available: {problem}");
        }
        state.problem = Some(problem);
    }

    /// How often it was lost. A call that sees this number grow ends.
    pub(crate) fn losses(&self) -> u64 {
        self.lock().lost
    }

    /// What it serves, if it is connected and does not stop.
    pub(crate) fn presets(&self) -> Option<Vec<ToldPreset>> {
        self.lock().status.as_ref().filter(|status| !status.stopping).map(|status| status.presets.clone())
    }

    /// Whether it is connected.
    pub(crate) fn is_connected(&self) -> bool {
        self.lock().status.is_some()
    }

    /// Whether it is going to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.lock().status.as_ref().is_some_and(|status| status.stopping)
    }

    /// Asks about a preset without copying everything: `None` if it does not serve this preset with this identity now.
    pub(crate) fn candidate(&self, preset: &str, identity: &str) -> Option<Candidate> {
        let state = self.lock();
        let status = state.status.as_ref().filter(|status| !status.stopping)?;
        let told = status.presets.iter().find(|told| told.name == preset)?;
        if !told.usable || told.identity != identity {
            return None;
        }
        let (now, since) = state.placed.get(preset).map_or((0, 0), |placed| (placed.now, placed.now - placed.told));
        let count = |number: i64| usize::try_from(number).unwrap_or_default();
        // What it told may be older than what this front has done.
        let streams = count((told.streams as i64 + since).max(now));
        Some(Candidate { room: count(told.room as i64 - since), load: told.load, streams })
    }

    /// A stream was placed there (1), or has left it (-1).
    pub(crate) fn count(&self, preset: &str, change: i64) {
        self.lock().placed.entry(preset.to_owned()).or_default().now += change;
    }

    pub(crate) fn report(&self) -> HostReport {
        let state = self.lock();
        let (status, reason) = (state.status.as_ref(), state.problem.clone());
        HostReport {
            address: self.address.clone(),
            connected: status.is_some(),
            reason,
            version: status.map(|status| status.version.clone()),
            streams: status.map_or(0, |status| status.streams),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Growing pauses between attempts to connect.
#[derive(Debug)]
pub(crate) struct Pauses(Duration);

impl Pauses {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(2);

    pub(crate) fn new() -> Self {
        Self(Self::FIRST)
    }

    /// The pause before the next attempt; a short one after a connection.
    pub(crate) fn next(&mut self, was_connected: bool) -> Duration {
        if was_connected {
            self.0 = Self::FIRST;
        }
        let pause = self.0;
        self.0 = (2 * pause).min(Self::LONGEST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClusterKey;

    fn host() -> EngineHost {
        let settings = FrontSettings {
            engines: Vec::new(),
            key: ClusterKey::new("k"),
            authority: None,
            silence: Duration::ZERO,
            patience: Duration::ZERO,
            call_limit: Duration::ZERO,
            load_limit: Duration::ZERO,
        };
        EngineHost::new("10.0.0.2:1".into(), Arc::new(settings))
    }

    fn told(streams: usize, room: usize) -> HostStatus {
        let preset = ToldPreset { name: "p".into(), usable: true, streams, room, ..ToldPreset::default() };
        HostStatus { presets: vec![preset], ..HostStatus::default() }
    }

    #[test]
    fn what_this_front_does_counts_before_the_engine_host_tells_it() {
        let host = host();
        assert_eq!(host.candidate("p", ""), None);
        host.told(told(4, 3));
        let now = || host.candidate("p", "").map(|candidate| (candidate.streams, candidate.room));
        host.count("p", 1);
        host.count("p", 1);
        assert_eq!(now(), Some((6, 1)));
        host.told(told(6, 1));
        assert_eq!(now(), Some((6, 1)));
        host.count("p", -1);
        assert_eq!(now(), Some((5, 2)));
        // Of a moment before: what this front has there is known nevertheless.
        host.told(told(0, 9));
        assert_eq!(now(), Some((1, 9)));
        assert_eq!((host.candidate("p", "other"), host.candidate("q", "")), (None, None));
    }

    #[test]
    fn a_host_that_stops_gets_no_streams_and_one_that_is_lost_says_why() {
        let host = host();
        host.told(HostStatus { stopping: true, ..told(1, 1) });
        assert_eq!((host.candidate("p", ""), host.presets()), (None, None));
        assert_eq!(host.report().reason.as_deref(), Some("it is stopping"));
        host.lost(&HandshakeError::Key);
        let report = host.report();
        assert!(!report.connected && report.reason.unwrap().contains("another cluster key"));
        assert_eq!(host.losses(), 1);
        host.lost(&HandshakeError::Key);
        assert_eq!(host.losses(), 1);
    }
}
