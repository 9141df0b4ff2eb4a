//! An example engine: a model with one function, from samples to words, as a streaming engine.
//!
//! The model recognises beeps; its threshold takes the place of a real model's weights. `plugin-kit` does all of the
//! streaming.

#![forbid(unsafe_code)]

use auricle_plugin_api::{Config, Error, Field, Host, Metadata, ModelLoader, Schema};
use auricle_plugin_kit::online::{Buffer, Recognizer, Request, Streaming, TimedWord, Transcriber, Transcript};
use std::sync::Arc;

/// The loader of the backend `beeps`.
pub struct Loader;

impl ModelLoader for Loader {
    type Model = Streaming<Beeps>;

    fn backend(&self) -> &str {
        "beeps"
    }

    fn schema(&self) -> Schema {
        let own = Schema::new()
            .field(Field::load("threshold").number(0.0, 1.0).default(0.1).describe("minimum loudness of a beep"))
            .field(Field::stream("word").default("beep").describe("the word reported for a beep"));
        Streaming::<Beeps>::schema(own) // `min_chunk_size`, `buffer_trimming`, `vac`, ...
    }

    fn load(&self, config: &Config, host: &Host) -> Result<Self::Model, Error> {
        Streaming::new(Beeps { threshold: config.get("threshold")? }, config, host)
    }
}

/// Shared by streams.
pub struct Beeps {
    threshold: f32,
}

impl Recognizer for Beeps {
    type Transcriber = Listener;

    fn transcriber(self: &Arc<Self>, options: &Config) -> Result<Listener, Error> {
        Ok(Listener { beeps: Arc::clone(self), word: options.get("word")? })
    }

    fn metadata(&self) -> Metadata {
        Metadata::default().languages(["x-beep"])
    }
}

/// The state of a stream.
pub struct Listener {
    beeps: Arc<Beeps>,
    word: String,
}

impl Transcriber for Listener {
    fn transcribe(&mut self, audio: Buffer<'_>, _: Request<'_>) -> Result<Transcript, Error> {
        let loud = |window: &&[f32]| window.iter().any(|sample| sample.abs() >= self.beeps.threshold);
        let (mut words, mut second) = (Vec::new(), 0.0);
        let windows: Vec<&[f32]> = audio.chunks(160).collect();
        for beep in windows.chunk_by(|one, next| loud(one) == loud(next)) {
            let start = second;
            second += beep.len() as f64 / 100.0;
            if loud(&beep[0]) {
                words.push(TimedWord::new(start, second, self.word.as_str()));
            }
        }
        Ok(words.into())
    }
}

auricle_plugin_api::export_engine!(Loader; claims: {"can": ["partials", "word-times"], "languages": ["x-beep"]});
