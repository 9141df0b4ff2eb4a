//! The load tool behind `auricle bench`: measures how many real-time streams a server can handle, in any of several
//! protocols.
//!
//! `protocol` selects the messages, `recording` prepares the audio, `stream` sends it on schedule and records the texts
//! that arrive. A reference stream, run alone, shows which audio each text needs (`reference`). Then levels of many
//! streams run; `outcome` computes their numbers, and `ramp` searches for the largest level that is held. If it is known
//! what is said in the recordings, `spoken` tells when each word was final.
//!
//! Invariant: all protocols are measured alike, by the texts and their arrival times relative to when their audio was
//! due.
//!
//! Threads: everything runs in the caller's runtime, which may have a single thread, plus one thread while a recording
//! is read.
#![forbid(unsafe_code)]

pub mod chart;
mod delays;
mod labels;
mod outcome;
mod plot;
mod protocol;
mod ramp;
mod recording;
mod reference;
mod report;
mod resumable;
mod spoken;
mod stream;
mod usage;
mod watch;

pub use delays::Delays;
pub use labels::LabelsError;
pub use outcome::{Level, Server, Tool};
pub use plot::plot;
pub use protocol::Protocol;
pub use ramp::{Growth, Ramp};
pub use recording::AudioError;
pub use reference::Words;
pub use report::{Report, head, line};
pub use spoken::Spoken;
pub use usage::Usage;

use auricle_client::{self as client, Failure, connect::Connector};
use auricle_core::wording::count;
use outcome::{Bound, Used};
use recording::Recording;
use reference::Reference;
use spoken::Heard;
use std::{path::PathBuf, sync::Arc, time::Duration};
use stream::{Ending, LEAD, Plan, StreamRun, Transport};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use watch::Watch;

/// Pause between two levels; the server's usage is checked twice as often.
const PAUSE: Duration = Duration::from_secs(1);
/// A server counts as idle below this many busy processors; the time limit for waiting until it is idle.
const RESTING: f64 = 0.1;
const LONGEST_REST: Duration = Duration::from_secs(60);
/// Length of the first stream, which is not measured: it absorbs the server's work at its first stream.
const WARMING: Duration = Duration::from_secs(2);

/// A load test.
#[derive(Debug, Clone)]
pub struct Load {
    /// The server.
    pub server: client::Server,
    /// The server's protocol.
    pub protocol: Protocol,
    /// Preset or model to use.
    pub preset: Option<String>,
    /// Whether streams are resumed when their connection breaks; only of Auricle's own protocol.
    pub resume: bool,
    /// Audio files; the streams take turns.
    pub audio: Vec<PathBuf>,
    /// For each of them a file with the words that are said in it (Audacity's labels); or none, if they are not known.
    pub labels: Vec<PathBuf>,
    /// Length of the audio of each stream.
    pub seconds: Duration,
    /// Length of an audio frame.
    pub frame: Duration,
    /// The streams of a level start evenly over this time.
    pub stagger: Duration,
    /// Time to wait for the last text after the end of a stream's audio.
    pub patience: Duration,
    /// Bound on the 95th percentile of partial delays, in milliseconds.
    pub bound_ms: f64,
    /// Share of the words that may differ from the reference stream's.
    pub tolerance: f64,
    /// Process id of the server, to measure its usage.
    pub pid: Option<u32>,
    /// The numbers of streams to test.
    pub amount: Amount,
}

/// The numbers of streams to test.
#[derive(Debug, Clone, PartialEq)]
pub enum Amount {
    /// Exactly these, one level after another.
    Levels(Vec<usize>),
    /// Searches for the largest number that is held.
    Most(Ramp),
}

/// The load test cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The audio cannot be used.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// The words that are said in it are not known.
    #[error(transparent)]
    Labels(#[from] LabelsError),
    /// The reference stream was refused or failed.
    #[error("reference stream: {0}")]
    Alone(String),
    /// The connection cannot be set up.
    #[error(transparent)]
    Transport(#[from] Failure),
    /// The process cannot be measured.
    #[error("process {0} does not exist, or this system does not report its usage")]
    Process(u32),
}

/// The recordings, with their reference streams if these were run. They can be used for any number of load tests of a
/// server, also with other server settings.
pub struct Known(Vec<(Arc<Recording>, Option<Reference>)>);

impl Load {
    /// Measures the reference streams and runs the test. `each` is called after every level.
    ///
    /// # Errors
    /// The test cannot run; see [`Problem`].
    pub async fn run(&self, each: impl FnMut(&Level)) -> Result<Report, Problem> {
        let known = self.learn().await?;
        self.run_with(&known, each).await
    }

    /// Runs each recording alone, as a reference stream.
    ///
    /// # Errors
    /// The test cannot run; see [`Problem`].
    pub async fn learn(&self) -> Result<Known, Problem> {
        let connector = self.connector()?;
        Bench { load: self, way: connector }.learn(self.recordings().await?).await
    }

    /// The recordings without reference streams, which take as long as the recordings. Without them the delays of partial
    /// texts are not measured, only those of the words in [`labels`](Self::labels).
    ///
    /// # Errors
    /// The recordings or the labels cannot be used.
    pub async fn read(&self) -> Result<Known, Problem> {
        Ok(Known(self.recordings().await?.into_iter().map(|recording| (recording, None)).collect()))
    }

    async fn recordings(&self) -> Result<Vec<Arc<Recording>>, Problem> {
        let (labels, audio) = (self.labels.len(), self.audio.len());
        if labels != 0 && labels != audio {
            return Err(LabelsError::Number { labels, recordings: audio }.into());
        }
        let mut recordings = Vec::new();
        for (number, path) in self.audio.iter().enumerate() {
            let recording = Recording::read(path, self.protocol.encoding(), self.frame, self.seconds).await?;
            let labels = self.labels.get(number).map(|file| labels::read(file)).transpose()?;
            recordings.push(Arc::new(recording.with_labels(&labels.unwrap_or_default())));
        }
        Ok(recordings)
    }

    /// Runs the test. `known` must be from the same recordings, protocol and lengths.
    ///
    /// # Errors
    /// The test cannot run; see [`Problem`].
    pub async fn run_with(&self, known: &Known, each: impl FnMut(&Level)) -> Result<Report, Problem> {
        Ok(Bench { load: self, way: self.connector()? }.run(known, each).await)
    }

    fn connector(&self) -> Result<Connector, Problem> {
        match self.pid {
            Some(pid) if Usage::of(pid).is_none() => Err(Problem::Process(pid)),
            _ => Ok(Connector::new(&self.server, self.protocol.path())?),
        }
    }
}

/// A load test with its transport to the server.
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
            known.push((recording, Some(reference)));
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

    /// Waits until the server has processed the streams of the last level, which may take a while after they are gone.
    /// If its process is not known, waits for `patience` after a level that was not held.
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

    /// Runs `streams` streams at the same time.
    async fn level(&self, Known(known): &Known, streams: usize) -> Level {
        let Load { stagger, seconds, frame, tolerance, bound_ms, .. } = *self.load;
        let start = Instant::now() + LEAD;
        let watch = Arc::new(Watch::new(count(streams, "stream"), start + stagger + seconds));
        let mut tasks = JoinSet::new();
        for number in 0..streams {
            let (recording, _) = &known[number % known.len()];
            let start = start + stagger.mul_f64(number as f64 / streams as f64);
            let stream = self.stream(Arc::clone(recording), start, Arc::clone(&watch));
            tasks.spawn(async move { (number, stream.await) });
        }
        let used = self.used(start + stagger, start + seconds).await;
        let compare = |(number, run): (usize, StreamRun)| {
            let (recording, reference) = &known[number % known.len()];
            let reference = reference.as_ref();
            let mut compared =
                reference.map(|reference| reference.compare(&run, frame.as_secs_f64())).unwrap_or_default();
            compared.heard = Heard::of(&recording.labels, &run.texts);
            (run, compared)
        };
        // Compare after all streams have ended, so that comparing never delays sending.
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
        let resumed =
            self.load.resume.then(|| (self.load.server.clone(), self.load.preset.clone().unwrap_or_default()));
        async move {
            let plan = Plan { recording: &recording, start, patience };
            match resumed {
                Some((server, preset)) => resumable::run(server, &preset, &plan, &watch).await,
                None => stream::run(way, dialect, &plan, &watch).await,
            }
        }
    }

    /// Measures the usage between two moments.
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
