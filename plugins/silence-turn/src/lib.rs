//! A stage that finds the turns of a speaker by silence: a turn begins with speech and ends when a pause is long enough.
//!
//! It needs audio at 16 kHz, changes no other event, and delays none. Its own rules are in `pauses`; speech is found by the detectors
//! of `plugin-kit`.

#![forbid(unsafe_code)]

mod pauses;

use auricle_plugin_api::{
    Config, Error, ErrorCode, Field, Host, Schema, Stage, StageLoader, StageMetadata, StageSink, StageStream, Turn,
    TurnTrigger,
};
use auricle_plugin_kit::vad::{Detector, Vad, WINDOW};
use pauses::{Limits, Pauses};
use serde::{Deserialize, Serialize};
use std::{mem, sync::Arc};

/// The sample rate in Hz of the detectors.
const RATE: u32 = 16_000;

// ANCHOR: loader
/// The loader of the stage `silence-turn`.
pub struct Loader;

impl StageLoader for Loader {
    type Stage = SilenceTurn;

    fn name(&self) -> &str {
        "silence-turn"
    }

    fn schema(&self) -> Schema {
        let seconds = |name, least: f64, most: f64| Field::stream(name).number(least, most);
        Detector::field(Schema::new())
            .field(
                Field::stream("threshold")
                    .number(0.05, 0.95)
                    .default(0.5)
                    .describe("the probability from which a window is speech; below it by 0.15, the window is silence"),
            )
            .field(
                seconds("silence_seconds", 0.064, 60.0)
                    .default(0.7)
                    .describe("the pause after which a turn is over, in seconds"),
            )
            .field(
                seconds("eager_seconds", 0.032, 60.0)
                    .describe("the pause after which a turn is probably over, in seconds; without it that is not told"),
            )
            .field(seconds("timeout_seconds", 0.5, 86_400.0).describe(
                "the longest turn, in seconds: it is ended even if the speaker goes on; by default there is none",
            ))
            .field(
                seconds("update_seconds", 0.1, 3_600.0)
                    .describe("how often it is told that a turn goes on, in seconds; without it that is not told"),
            )
    }

    fn load(&self, config: &Config, host: &Host) -> Result<SilenceTurn, Error> {
        Ok(SilenceTurn { detector: Detector::load(config, host)? })
    }
}
// ANCHOR_END: loader

// ANCHOR: stage
/// Shared by streams.
pub struct SilenceTurn {
    detector: Detector,
}

impl Stage for SilenceTurn {
    type Stream = Listener;

    fn metadata(&self) -> StageMetadata {
        StageMetadata::new().sample_rate(RATE).capabilities(["turns"])
    }

    fn stream(self: &Arc<Self>, options: &Config) -> Result<Listener, Error> {
        let samples = |seconds: f64| (seconds * f64::from(RATE)) as u64;
        let optional = |name| Ok::<_, Error>(options.get_optional::<f64>(name)?.map(samples));
        let limits = Limits {
            speech: options.get("threshold")?,
            silence: samples(options.get("silence_seconds")?),
            eager: optional("eager_seconds")?,
            timeout: optional("timeout_seconds")?,
            update: optional("update_seconds")?,
        };
        if limits.eager.is_some_and(|eager| eager >= limits.silence) {
            return Err(Error::config("eager_seconds", "must be less than `silence_seconds`"));
        }
        Ok(Listener { vad: self.detector.detector(), pauses: Pauses::new(limits), rest: Vec::new() })
    }
}
// ANCHOR_END: stage

/// The state of a stream.
pub struct Listener {
    vad: Box<dyn Vad>,
    pauses: Pauses,
    /// Less than a window.
    rest: Vec<f32>,
}

/// What another process needs to go on.
#[derive(Serialize, Deserialize)]
struct Saved {
    vad: Vec<f32>,
    pauses: pauses::State,
    rest: Vec<f32>,
}

impl Listener {
    /// The sample after the last one that was heard.
    fn heard(&self) -> u64 {
        self.pauses.now() + self.rest.len() as u64
    }

    fn end(&mut self, sink: &mut StageSink<'_>) {
        if let Some(change) = self.pauses.end(TurnTrigger::Manual) {
            sink.turn(Turn::new(self.heard(), change));
        }
    }
}

// ANCHOR: stream
impl StageStream for Listener {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        self.vad.reset();
        self.rest.clear();
        self.pauses.init(offset);
        Ok(())
    }

    fn audio(&mut self, samples: &[f32], sink: &mut StageSink<'_>) -> Result<(), Error> {
        self.rest.extend_from_slice(samples);
        let heard = mem::take(&mut self.rest);
        let (windows, rest) = heard.as_chunks::<WINDOW>();
        for window in windows {
            let probability = self.vad.probability(window)?;
            self.pauses.window(probability, |turn| sink.turn(turn));
        }
        self.rest = rest.to_vec();
        Ok(())
    }

    fn end_turn(&mut self, sink: &mut StageSink<'_>) -> Result<(), Error> {
        self.end(sink);
        Ok(())
    }

    fn finish(&mut self, sink: &mut StageSink<'_>) -> Result<(), Error> {
        self.end(sink);
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<u8>, Error> {
        let saved = Saved { vad: self.vad.state(), pauses: self.pauses.state(), rest: self.rest.clone() };
        Ok(postcard::to_stdvec(&saved)?)
    }

    fn restore(&mut self, _: u64, state: &[u8]) -> Result<(), Error> {
        let Saved { vad, pauses, rest } = postcard::from_bytes(state)?;
        if !self.vad.restore(&vad) {
            return Err(Error::new(ErrorCode::CONTRACT, "the state is another speech detector's"));
        }
        self.pauses.restore(pauses);
        self.rest = rest;
        Ok(())
    }
}
// ANCHOR_END: stream

// ANCHOR: export
auricle_plugin_api::export_plugin! { stages: [Loader], claims: {"needs": []} }
// ANCHOR_END: export
