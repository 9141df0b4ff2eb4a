//! Auricle's side: the plugin file, opened as by the server, in this process. The times of a decode's phases are in the
//! engine's log at level debug.

use super::Phases;
use crate::{Done, plugin, recording};
use auricle_plugin_api::host::LogLevel;
use auricle_plugin_test::{Recording, StubHost, TestEngine, TestModel, audio::wav_floats};
use serde_json::json;
use std::path::Path;

/// The audio: less than a chunk, so that one decode has all of it. `bench/whisper/prepare.py` computes the peers'
/// features from it.
const RECORDING: &str = "fixtures/weather.wav";
/// Length of a chunk in seconds, the maximum.
const CHUNK: u32 = 10;
/// Number of tokens in each decode: half of Whisper's maximum, at which the engine stops.
pub(super) const TOKENS: usize = 224;

/// The engine. It is opened only once, because a plugin file keeps the first server that it was opened with.
pub(super) struct Engine {
    engine: TestEngine,
    host: StubHost,
}

impl Engine {
    pub(super) fn open(work: &Path) -> Done<Self> {
        let (engine, host) = plugin::open("whisper", work, LogLevel::Debug)?;
        Ok(Self { engine, host })
    }
}

/// A loaded model.
pub(super) struct Ours {
    model: TestModel,
    host: StubHost,
    audio: Vec<f32>,
}

impl Ours {
    pub(super) fn open(Engine { engine, host }: &Engine, model: &str, threads: usize) -> Done<Self> {
        let fields = json!({
            "model": model,
            "threads": threads,
            // Nothing else runs, as for the peers, whose threads spin too.
            "spinning": true,
            "lan": "en",
            "min_chunk_size": CHUNK,
            "vac": false,
            "temperature": [0.0],
            "max_repetitions": 0,
        });
        let model = engine.try_load(fields).map_err(|problem| problem.to_string())?;
        let audio = wav_floats(&recording::path(RECORDING));
        Ok(Self { model, host: host.clone(), audio })
    }

    /// Runs a stream with the whole recording.
    pub(super) fn decode(&mut self) -> Done<Phases> {
        self.host.take_log();
        self.recognize();
        let lines = self.host.take_log();
        let line = lines.iter().map(|line| &line.message).find(|message| message.contains("decoded"));
        let line = line.ok_or("the engine logged no decode: is it older than this benchmark?")?;
        let read = |field: &str| {
            let value = line.split(' ').find_map(|part| part.strip_prefix(field)?.strip_prefix('='));
            value.and_then(|value| value.parse::<f64>().ok()).ok_or_else(|| format!("no {field} in the line `{line}`"))
        };
        let tokens = read("tokens")?;
        if tokens != TOKENS as f64 {
            return Err(format!("the engine decoded {tokens} tokens instead of {TOKENS}").into());
        }
        let token = read("tokens_ms")? / (tokens - 1.0);
        Ok(Phases { encoder: read("encoder_ms")?, prompt: read("prompt_ms")?, token })
    }

    pub(super) fn text(&self) -> String {
        self.recognize().text()
    }

    fn recognize(&self) -> Recording {
        self.model.run_in_chunks(&self.audio, self.audio.len())
    }
}
