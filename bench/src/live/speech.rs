//! The streams of speech, and the load test that sends them.

use super::level::Measured;
use crate::Done;
use auricle_client::{Server, url::ServerUrl};
use auricle_loadtest::{Amount, Load, Protocol};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Length of each stream, as `bench/live/prepare.py` makes them.
const SECONDS: Duration = Duration::from_secs(70);
/// A first stream, which is not measured: models are loaded with it.
const WARMING: Duration = Duration::from_secs(6);
/// The streams of a level start over this time: their pauses do not coincide.
const STAGGER: Duration = Duration::from_secs(5);

/// Where a server listens.
pub(super) struct End {
    pub(super) url: ServerUrl,
    pub(super) protocol: Protocol,
    pub(super) preset: Option<String>,
    pub(super) pid: u32,
}

/// The streams.
pub(super) struct Speech {
    audio: Vec<PathBuf>,
}

impl Speech {
    /// Finds the streams in the folder.
    pub(super) fn find(work: &Path) -> Done<Self> {
        let audio: Vec<_> =
            (1..).map(|number| work.join(format!("{number}.wav"))).take_while(|file| file.is_file()).collect();
        if audio.is_empty() {
            return Err(format!("{} has no streams: bench/live/prepare.py makes them", work.display()).into());
        }
        Ok(Self { audio })
    }

    /// Runs so many streams at once.
    pub(super) fn level(&self, end: &End, streams: usize) -> Done<Measured> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let warming = self.load(end, WARMING, 1);
            warming.run_with(&warming.read().await?, |_| ()).await?;
            let load = self.load(end, SECONDS, streams);
            let known = load.read().await?;
            let report = load.run_with(&known, |_| ()).await?;
            Measured::of(report.levels.first().ok_or("no level")?)
        })
    }

    fn load(&self, end: &End, seconds: Duration, streams: usize) -> Load {
        Load {
            server: Server::at(end.url.clone()),
            protocol: end.protocol,
            preset: end.preset.clone(),
            resume: false,
            audio: self.audio.clone(),
            labels: self.audio.iter().map(|file| file.with_extension("labels")).collect(),
            seconds,
            frame: Duration::from_millis(100),
            stagger: STAGGER,
            patience: Duration::from_secs(20),
            bound_ms: f64::INFINITY,
            tolerance: 1.0,
            pid: Some(end.pid),
            amount: Amount::Levels(vec![streams]),
        }
    }
}
