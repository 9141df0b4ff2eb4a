//! A stage that finds the turns of a speaker by how they sound: at a pause it asks a network whether the turn is over.
//!
//! It needs audio at 16 kHz, changes no other event, and delays none. Pauses are found by the detectors of `plugin-kit`. `rules`
//! has when the network is asked and what its answer means, `recent` the audio that it hears, `network` the answer.

#![forbid(unsafe_code)]

mod network;
mod recent;
mod rules;

use auricle_plugin_api::{
    Config, Error, ErrorCode, Field, Host, Schema, Stage, StageLoader, StageMetadata, StageSink, StageStream, Turn,
    TurnTrigger,
};
use auricle_plugin_kit::{
    onnx::Options,
    vad::{Detector, Vad, WINDOW},
};
use network::Network;
use recent::Recent;
use rules::{Limits, Rules};
use serde::{Deserialize, Serialize};
use std::{mem, sync::Arc};

/// The sample rate in Hz of the detectors and the network.
const RATE: u32 = 16_000;

/// The loader of the stage `smart-turn`.
pub struct Loader;

impl StageLoader for Loader {
    type Stage = SmartTurn;

    fn name(&self) -> &str {
        "smart-turn"
    }

    fn schema(&self) -> Schema {
        let share = |name| Field::stream(name).number(0.05, 0.99);
        let seconds = |name, least: f64, most: f64| Field::stream(name).number(least, most);
        Options::fields(Detector::field(Schema::new()))
            .field(
                Field::stream("threshold")
                    .number(0.05, 0.95)
                    .default(0.5)
                    .describe("the probability from which a window is speech; below it by 0.15, the window is silence"),
            )
            .field(
                seconds("pause_seconds", 0.064, 5.0)
                    .default(0.2)
                    .describe("the pause after which the network is asked, in seconds; it was trained with 0.2"),
            )
            .field(
                share("end_threshold")
                    .default(0.5)
                    .describe("the probability of the network from which a turn is over"),
            )
            .field(
                share("eager_threshold").describe(
                    "the probability from which a turn is told to be probably over, less than `end_threshold`; without it that is not told",
                ),
            )
            .field(
                seconds("silence_seconds", 0.1, 60.0)
                    .default(3.0)
                    .describe("the pause after which a turn is over whatever the network says, in seconds"),
            )
            .field(seconds("timeout_seconds", 0.5, 86_400.0).describe(
                "the longest turn, in seconds: it is ended even if the speaker goes on; by default there is none",
            ))
            .field(
                seconds("update_seconds", 0.1, 3_600.0)
                    .describe("how often it is told that a turn goes on, in seconds; without it that is not told"),
            )
    }

    fn load(&self, config: &Config, host: &Host) -> Result<SmartTurn, Error> {
        let detector = Detector::load(config, host)?;
        Ok(SmartTurn { detector, network: Network::load(host, Options::new(config)?)? })
    }
}

/// Shared by streams.
pub struct SmartTurn {
    detector: Detector,
    network: Network,
}

impl Stage for SmartTurn {
    type Stream = Listener;

    fn metadata(&self) -> StageMetadata {
        StageMetadata::new().sample_rate(RATE).capabilities(["turns"])
    }

    fn stream(self: &Arc<Self>, options: &Config) -> Result<Listener, Error> {
        let samples = |seconds: f64| (seconds * f64::from(RATE)) as u64;
        let optional = |name| Ok::<_, Error>(options.get_optional::<f64>(name)?.map(samples));
        let limits = Limits {
            speech: options.get("threshold")?,
            pause: samples(options.get("pause_seconds")?),
            end: options.get("end_threshold")?,
            eager: options.get_optional("eager_threshold")?,
            silence: samples(options.get("silence_seconds")?),
            timeout: optional("timeout_seconds")?,
            update: optional("update_seconds")?,
        };
        Ok(Listener {
            vad: self.detector.detector(),
            stage: Arc::clone(self),
            rules: Rules::new(limits),
            recent: Recent::default(),
            rest: Vec::new(),
        })
    }
}

/// The state of a stream.
pub struct Listener {
    stage: Arc<SmartTurn>,
    vad: Box<dyn Vad>,
    rules: Rules,
    recent: Recent,
    /// Less than a window.
    rest: Vec<f32>,
}

/// What another process needs to go on. The audio is the largest part: 256,000 bytes at most.
#[derive(Serialize, Deserialize)]
struct Saved {
    vad: Vec<f32>,
    rules: rules::State,
    recent: Vec<u8>,
    rest: Vec<f32>,
}

impl Listener {
    fn window(&mut self, window: &[f32; WINDOW], sink: &mut StageSink<'_>) -> Result<(), Error> {
        let probability = self.vad.probability(window)?;
        let was_open = self.rules.is_open();
        self.recent.push(window, was_open);
        let Self { stage, rules, recent, .. } = self;
        rules.window(probability, || stage.network.probability(recent.samples()), |turn| sink.turn(turn))?;
        if was_open && !self.rules.is_open() {
            self.recent.clear();
        }
        Ok(())
    }

    fn end(&mut self, sink: &mut StageSink<'_>) {
        if let Some(change) = self.rules.end(TurnTrigger::Manual) {
            let heard = self.rules.now() + self.rest.len() as u64;
            self.recent.clear();
            sink.turn(Turn::new(heard, change));
        }
    }
}

impl StageStream for Listener {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        self.vad.reset();
        self.rest.clear();
        self.recent.clear();
        self.rules.init(offset);
        Ok(())
    }

    fn audio(&mut self, samples: &[f32], sink: &mut StageSink<'_>) -> Result<(), Error> {
        self.rest.extend_from_slice(samples);
        let heard = mem::take(&mut self.rest);
        let (windows, rest) = heard.as_chunks::<WINDOW>();
        for window in windows {
            self.window(window, sink)?;
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
        let (vad, rules, recent) = (self.vad.state(), self.rules.state(), self.recent.state());
        Ok(postcard::to_stdvec(&Saved { vad, rules, recent, rest: self.rest.clone() })?)
    }

    fn restore(&mut self, _: u64, state: &[u8]) -> Result<(), Error> {
        let Saved { vad, rules, recent, rest } = postcard::from_bytes(state)?;
        if !self.vad.restore(&vad) {
            return Err(Error::new(ErrorCode::CONTRACT, "the state is another speech detector's"));
        }
        self.rules.restore(rules);
        self.recent.restore(&recent);
        self.rest = rest;
        Ok(())
    }
}

auricle_plugin_api::export_plugin! { stages: [Loader], claims: {"needs": []} }
