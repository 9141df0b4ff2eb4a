//! The engine `my-engine`: telephone keys in a buffer of audio, as a streaming engine.
//!
//! `keypad.rs` recognises the keys. This file needs one function, from a buffer to words with times; `auricle-plugin-kit`
//! does the streaming (LocalAgreement): it calls the function again as the buffer grows, and reports words as final when
//! two results agree on them.

#![forbid(unsafe_code)]

mod keypad;

use auricle_plugin_api::{Config, Error, Field, Host, Metadata, ModelLoader, Schema};
use auricle_plugin_kit::online::{
    Buffer, Recognizer, Request, Streaming, TimedWord, Transcriber, Transcript,
};
use keypad::{BLOCK, RATE};
use std::sync::Arc;

// ANCHOR: loader
/// Loads models. An engine with weights finds them with `Host::find` and reads them here.
pub struct Loader;

impl ModelLoader for Loader {
    type Model = Streaming<Keypad>;

    fn backend(&self) -> &str {
        "my-engine"
    }

    fn schema(&self) -> Schema {
        let threshold = Field::load("threshold").number(0.0, 1.0).default(0.01);
        let own =
            Schema::new().field(threshold.describe("loudness of the quietest key, of full scale"));
        // With the fields of the streaming: `min_chunk_size`, `buffer_trimming`, `vac`, ...
        Streaming::<Keypad>::schema(own)
    }

    fn load(&self, config: &Config, host: &Host) -> Result<Self::Model, Error> {
        let threshold = config.get("threshold")?;
        tracing::info!(threshold, "the keypad is ready");
        Streaming::new(Keypad { threshold }, config, host)
    }
}
// ANCHOR_END: loader

/// A loaded model, shared by all of its streams.
pub struct Keypad {
    threshold: f32,
}

impl Recognizer for Keypad {
    type Transcriber = Listener;

    fn transcriber(self: &Arc<Self>, _: &Config) -> Result<Listener, Error> {
        Ok(Listener {
            model: Arc::clone(self),
        })
    }

    fn metadata(&self) -> Metadata {
        Metadata::default()
    }
}

/// One stream. An engine that caches computations from one buffer to the next keeps them here.
pub struct Listener {
    model: Arc<Keypad>,
}

// ANCHOR: transcribe
impl Transcriber for Listener {
    fn transcribe(&mut self, audio: Buffer<'_>, _: Request<'_>) -> Result<Transcript, Error> {
        let seconds = |samples: usize| samples as f64 / f64::from(RATE);
        let mut words: Vec<TimedWord> = Vec::new();
        let (mut pressed, mut end) = (None, 0);
        for block in audio.chunks(BLOCK) {
            let start = end;
            end += block.len();
            let key = keypad::key(block, self.model.threshold);
            match (key, words.last_mut()) {
                (Some(_), Some(last)) if key == pressed => last.end = seconds(end),
                (Some(key), _) => words.push(TimedWord::new(seconds(start), seconds(end), key)),
                (None, _) => {}
            }
            pressed = key;
        }
        Ok(words.into())
    }
}
// ANCHOR_END: transcribe

auricle_plugin_api::export_engine!(Loader);
