//! The load tool behind `auricle bench`: how many real-time streams a server holds, whichever of several protocols it speaks.
//!
//! `protocol` has what is said on the wire, `recording` the audio, `stream` sends it at the moments of a plan and notes
//! what comes back. A lone stream says which audio each text needs (`reference`); then come levels of many streams, whose
//! numbers are in `outcome`; `ramp` finds the most that are held.
//!
//! Invariant: all protocols are measured alike, by the texts that come and when, and from the moment at which audio was due.
//!
//! Threads: everything in the caller's runtime, which may be of one thread; a thread more while a recording is read.
#![forbid(unsafe_code)]

pub mod chart;
mod outcome;
mod plot;
mod protocol;
mod ramp;
mod recording;
mod reference;
mod report;
mod stream;
mod usage;
mod watch;

pub use outcome::{Delays, Level, Server, Tool};
pub use plot::plot;
pub use protocol::Protocol;
pub use ramp::{Growth, Ramp};
pub use recording::AudioError;
pub use reference::Words;
pub use report::{Report, head, line};

use auricle_client::session::{End, connect::Connector};
use outcome::{Bound, Used};
use recording::Recording;
use reference::Reference;
use std::{path::PathBuf, sync::Arc, time::Duration};
use stream::{Ending, LEAD, Plan, StreamRun, Transport};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use usage::Usage;
use watch::Watch;

/// Between one level and the next, and how often the server is looked at then.
const PAUSE: Duration = Duration::from_secs(1);
/// Processors that a server which has nothing to do may keep busy, and how long it is waited for at the most.
const RESTING: f64 = 0.1;
const LONGEST_REST: Duration = Duration::from_secs(60);
/// Audio that the server hears once before it counts, so that whatever it does at its first stream is done.
const WARMING: Duration = Duration::from_secs(2);

/// A load test.
#[derive(Debug, Clone)]
pub struct Load {
    /// The server's address.
    pub url: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// The key to show.
    pub key: Option<String>,
    /// The file of the authorities to trust instead of the public ones.
    pub authorities: Option<PathBuf>,
    /// What to ask the server for: a preset, or a model.
    pub preset: Option<String>,
    /// What the streams say, in turns.
    pub audio: Vec<PathBuf>,
    /// How long each stream speaks.
    pub seconds: Duration,
    /// How much audio is sent at a time.
    pub frame: Duration,
    /// The streams of a level begin evenly within this.
    pub stagger: Duration,
    /// How long to wait for the last text after the end of a stream's audio.
    pub patience: Duration,
    /// Milliseconds that the 95th percentile of partial delays may be.
    pub bound_ms: f64,
    /// Share of the words that may differ from those of a lone stream.
    pub tolerance: f64,
    /// The server's process, to say what it uses.
    pub pid: Option<u32>,
    /// How many streams.
    pub amount: Amount,
}

/// How many streams.
#[derive(Debug, Clone, PartialEq)]
pub enum Amount {
    /// These, one level after another.
    Levels(Vec<usize>),
    /// As many as are held.
    Most(Ramp),
}

/// Why there is nothing to report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The audio cannot be used.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// A stream alone does not get through.
    #[error("a stream alone: {0}")]
    Alone(String),
    /// There is no way to the server.
    #[error(transparent)]
    Transport(#[from] End),
    /// There is no such process.
    #[error("there is no process {0}, or the system does not tell what it uses")]
    Process(u32),
}

/// What a load test needs to know before it begins: the recordings, and what each gives when it is alone. It holds for as many
/// tests of a server as are wanted, also with other settings.
pub struct Known(Vec<(Arc<Recording>, Reference)>);

impl Load {
    /// Learns what it needs to know, and runs it; `each` hears of every level when it is over.
    ///
    /// # Errors
    /// What keeps it from beginning.
    pub async fn run(&self, each: impl FnMut(&Level)) -> Result<Report, Problem> {
        let known = self.learn().await?;
        self.run_with(&known, each).await
    }

    /// Has each recording heard alone.
    ///
    /// # Errors
    /// What keeps it from beginning.
    pub async fn learn(&self) -> Result<Known, Problem> {
        let connector = self.connector()?;
        let mut recordings = Vec::new();
        for path in &self.audio {
            let recording = Recording::read(path, self.protocol.encoding(), self.frame, self.seconds).await;
            recordings.push(Arc::new(recording?));
        }
        Bench { load: self, way: connector }.learn(recordings).await
    }

    /// Runs it. What is known is of the same recordings, protocol and lengths.
    ///
    /// # Errors
    /// What keeps it from beginning.
    pub async fn run_with(&self, known: &Known, each: impl FnMut(&Level)) -> Result<Report, Problem> {
        Ok(Bench { load: self, way: self.connector()? }.run(known, each).await)
    }

    fn connector(&self) -> Result<Connector, Problem> {
        match self.pid {
            Some(pid) if Usage::of(pid).is_none() => Err(Problem::Process(pid)),
            _ => Ok(Connector::new(&self.url, self.key.as_deref(), self.authorities.as_deref())?),
        }
    }
}

/// A load test, and its way to the server.
struct Bench<'a, W> {
    load: &'a Load,
    way: W,
}

impl<W: Transport> Bench<'_, W> {
    async fn learn(&self, recordings: Vec<Arc<Recording>>) -> Result<Known, Problem> {
        let mut known = Vec::new();
        for recording in recordings {
            if known.is_empty() {
                let frames = (WARMING.div_duration_f64(recording.frame).ceil() as usize).min(recording.frames.len());
                let beginning = Recording { frames: recording.frames[..frames].to_vec(), ..(*recording).clone() };
                self.alone(&Arc::new(beginning)).await?;
            }
            let run = self.alone(&recording).await?;
            let reference = Reference::learn(&run, recording.frames.len());
            if reference.texts_before_end() == 0 {
                return Err(AudioError::NoText { name: recording.name.clone() }.into());
            }
            known.push((recording, reference));
        }
        Ok(Known(known))
    }

    async fn alone(&self, recording: &Arc<Recording>) -> Result<StreamRun, Problem> {
        let start = Instant::now() + LEAD;
        let watch = Watch::new(format!("{} alone", recording.name), start + recording.length());
        let mut run = self.stream(Arc::clone(recording), start, Arc::new(watch)).await;
        match run.end.take() {
            None => Ok(run),
            Some(Ending::Refused(reason) | Ending::Failed(reason)) => Err(Problem::Alone(reason)),
        }
    }

    async fn run(&self, known: &Known, mut each: impl FnMut(&Level)) -> Report {
        let (mut levels, mut held, mut broke) = (Vec::<Level>::new(), 0, None::<usize>);
        loop {
            let next = match &self.load.amount {
                Amount::Levels(wanted) => wanted.get(levels.len()).copied(),
                Amount::Most(ramp) => ramp.next(held, broke),
            };
            let Some(streams) = next else { break };
            self.rest(levels.last().is_none_or(|level| level.held)).await;
            let level = self.level(known, streams).await;
            each(&level);
            if level.held {
                held = held.max(streams);
            } else {
                broke = Some(broke.map_or(streams, |least| least.min(streams)));
            }
            levels.push(level);
        }
        Report::new(self.load, held, levels)
    }

    /// Waits until the server is done with the streams that were: it may be far behind, also with those that are gone. Where its
    /// process is not known, as long as it was given to end them.
    async fn rest(&self, held: bool) {
        sleep(PAUSE).await;
        let Some(mut before) = self.load.pid.and_then(Usage::of) else {
            if !held {
                sleep(self.load.patience).await;
            }
            return;
        };
        let limit = Instant::now() + LONGEST_REST;
        while Instant::now() < limit {
            sleep(PAUSE / 2).await;
            match self.load.pid.and_then(Usage::of) {
                Some(now) if now.cores_since(&before) > RESTING => before = now,
                _ => return,
            }
        }
    }

    /// So many streams at once.
    async fn level(&self, Known(known): &Known, streams: usize) -> Level {
        let Load { stagger, seconds, frame, tolerance, bound_ms, .. } = *self.load;
        let start = Instant::now() + LEAD;
        let watch = Arc::new(Watch::new(format!("{streams} streams"), start + stagger + seconds));
        let mut tasks = JoinSet::new();
        for number in 0..streams {
            let (recording, _) = &known[number % known.len()];
            let start = start + stagger.mul_f64(number as f64 / streams as f64);
            let stream = self.stream(Arc::clone(recording), start, Arc::clone(&watch));
            tasks.spawn(async move { (number, stream.await) });
        }
        let used = self.used(start + stagger, start + seconds).await;
        let compare = |(number, run): (usize, StreamRun)| {
            let (_, reference) = &known[number % known.len()];
            let compared = reference.compare(&run, frame.as_secs_f64());
            (run, compared)
        };
        // Once all have ended, so that no comparing keeps this program from sending.
        let runs: Vec<_> = tasks.join_all().await.into_iter().map(compare).collect();
        let recording = &known[0].0;
        let bound = Bound { milliseconds: bound_ms, tolerance };
        Level::of(&runs, recording.length().as_secs_f64(), recording.frames.len(), &used, bound)
    }

    fn stream(
        &self,
        recording: Arc<Recording>,
        start: Instant,
        watch: Arc<Watch>,
    ) -> impl Future<Output = StreamRun> + Send + use<W> {
        let dialect = self.load.protocol.dialect(self.load.preset.as_deref());
        let (way, patience) = (self.way.clone(), self.load.patience);
        async move {
            let plan = Plan { recording: &recording, start, patience };
            stream::run(way, dialect, &plan, &watch).await
        }
    }

    /// What is used from one moment to another.
    async fn used(&self, from: Instant, to: Instant) -> Used {
        let look = || (self.load.pid.and_then(Usage::of), Usage::own());
        sleep_until(from).await;
        let (server, tool) = look();
        sleep_until(to).await;
        let (server_after, tool_after) = look();
        Used { server: server.zip(server_after), tool: tool.zip(tool_after) }
    }
}

#[cfg(test)]
mod tests;
