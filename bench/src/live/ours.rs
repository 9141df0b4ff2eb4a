//! Auricle with engine `whisper`.

use super::{
    MOST,
    level::{Bound, Measured},
    speech::{End, Speech},
};
use crate::{Done, host::server};
use auricle_loadtest::{Growth, Protocol, Ramp};
use serde_json::json;
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

/// Settings that are tried; the best count, as with the other servers.
const SETTINGS: [Latency; 2] = [Latency { chunk: 1.0, settle: 2.0 }, Latency { chunk: 2.0, settle: 3.0 }];
const PRESET: &str = "live";
/// The model's folder, in the working folder.
const MODEL: &str = "tiny.en";
/// No stream is refused, because the benchmark searches for the limit.
const LIMITS: &str = "[limits]
max_streams = 10000
max_connections_per_address = 10000
max_lag_seconds = 3600.0
refuse_lag_seconds = 3600.0
max_backlog_seconds = 3600.0
max_shared_backlog_seconds = 1_000_000.0
max_load = 1000.0
";

/// When a stream is decoded, and when words are final.
#[derive(Debug, Clone, Copy)]
struct Latency {
    /// Seconds of new speech per decode.
    chunk: f64,
    /// Seconds after a word until it is final in any case.
    settle: f64,
}

/// The host, and what it gave so far.
pub(super) struct Ours<'a> {
    plugins: PathBuf,
    runtime: PathBuf,
    work: &'a Path,
    speech: &'a Speech,
    /// By index of the settings and number of streams.
    levels: BTreeMap<(usize, usize), Measured>,
}

impl<'a> Ours<'a> {
    pub(super) fn new(plugins: PathBuf, runtime: PathBuf, work: &'a Path, speech: &'a Speech) -> Self {
        Self { plugins, runtime, work, speech, levels: BTreeMap::new() }
    }

    /// The most streams within the bound, with the best of the settings; `None` if it is not one.
    pub(super) fn most(&mut self, bound: Bound) -> Done<Option<Measured>> {
        let mut best: Option<Measured> = None;
        for settings in 0..SETTINGS.len() {
            let ramp = Ramp { from: 4, growth: Growth::Factor(1.4), least: 0, most: MOST, precision: 0.1 };
            let (mut held, mut broke): (Option<Measured>, _) = (None, None);
            while let Some(streams) = ramp.next(held.map_or(0, |held| held.streams), broke) {
                let measured = self.level(settings, streams)?;
                if measured.is_within(bound) {
                    held = Some(measured);
                } else {
                    broke = Some(streams);
                }
            }
            let more = |held: &Measured| best.is_none_or(|best| held.streams > best.streams);
            best = held.filter(more).or(best);
        }
        Ok(best)
    }

    fn level(&mut self, settings: usize, streams: usize) -> Done<Measured> {
        let latency = SETTINGS[settings];
        if let Some(measured) = self.levels.get(&(settings, streams)) {
            println!("{measured}  {latency}, measured above");
            return Ok(*measured);
        }
        let preset = json!({
            "backend": "whisper", "model": MODEL, "lan": "en", "vac": true, "vad": "silero", "min_chunk_size": latency.chunk,
            "settle_seconds": latency.settle,
            "host": {"concurrency": 2, "preload": true},
        });
        let setup = server::setup(LIMITS, &[(PRESET, &preset.to_string())])?.plugins(&self.plugins);
        let host = setup.resource(&self.runtime).resource(self.work).start();
        let (url, preset) = (host.address().parse()?, Some(PRESET.to_owned()));
        let measured =
            self.speech.level(&End { url, protocol: Protocol::Auricle, preset, pid: host.pid() }, streams)?;
        println!("{measured}  {latency}");
        self.levels.insert((settings, streams), measured);
        Ok(measured)
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chunks of {} s, final after {} s", self.chunk, self.settle)
    }
}
