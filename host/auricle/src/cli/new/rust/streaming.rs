//! The engine `my-engine`: telephone keys, recognised while they sound. A pause ends a number, which is a segment.
//!
//! `keypad.rs` recognises the keys; this file is what an engine does around a recogniser that needs 20 ms at a time.

#![forbid(unsafe_code)]

mod keypad;

use auricle_plugin_api::{
    AsrProcessor, Config, Error, Field, Host, Metadata, Model, ModelLoader, Replay, Schema,
    Segment, Sink, Word,
};
use keypad::{BLOCK, RATE};
use std::sync::Arc;

// ANCHOR: loader
/// Loads models. An engine with weights finds them with `Host::find` and reads them here.
pub struct Loader;

impl ModelLoader for Loader {
    type Model = Keypad;

    fn backend(&self) -> &str {
        "my-engine"
    }

    fn schema(&self) -> Schema {
        let threshold = Field::load("threshold").number(0.0, 1.0).default(0.01);
        let pause = Field::stream("pause").number(0.1, 10.0).default(0.5);
        Schema::new()
            .field(threshold.describe("loudness of the quietest key, of full scale"))
            .field(pause.describe("seconds of silence that end a number"))
    }

    fn load(&self, config: &Config, _: &Host) -> Result<Keypad, Error> {
        let threshold = config.get("threshold")?;
        tracing::info!(threshold, "the keypad is ready");
        Ok(Keypad { threshold })
    }
}
// ANCHOR_END: loader

// ANCHOR: model
/// A loaded model, shared by all of its streams.
pub struct Keypad {
    threshold: f32,
}

impl Model for Keypad {
    type Processor = Number;

    fn metadata(&self) -> Metadata {
        Metadata::new(RATE, BLOCK as u32)
            .replay(Replay::Exact)
            .capabilities(["partials", "word-times", "endpoints"])
    }

    fn processor(self: &Arc<Self>, options: &Config) -> Result<Number, Error> {
        let seconds: f64 = options.get("pause")?;
        Ok(Number {
            model: Arc::clone(self),
            pause: (seconds * f64::from(RATE)) as u64,
            position: 0,
            block: Vec::with_capacity(BLOCK),
            pressed: None,
            keys: Vec::new(),
        })
    }
}
// ANCHOR_END: model

/// One stream: the number that is being entered. Places are samples of the stream.
pub struct Number {
    model: Arc<Keypad>,
    /// Samples of silence that end the number.
    pause: u64,
    /// The end of the audio that was processed.
    position: u64,
    /// The audio that was not processed yet.
    block: Vec<f32>,
    /// The key that sounds.
    pressed: Option<&'static str>,
    /// The keys since the last segment.
    keys: Vec<Word>,
}

// ANCHOR: processor
impl AsrProcessor for Number {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        self.position = offset;
        self.block.clear();
        self.pressed = None;
        self.keys.clear();
        Ok(())
    }

    fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> {
        self.block.extend_from_slice(samples);
        Ok(())
    }

    fn process_iter(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        if self.block.is_empty() {
            return Ok(());
        }
        let start = self.position;
        self.position += self.block.len() as u64;
        let key = keypad::key(&self.block, self.model.threshold);
        self.block.clear();
        match (key, self.keys.last_mut()) {
            (Some(_), Some(last)) if key == self.pressed => last.end = self.position,
            (Some(key), _) => self.press(key, start, sink),
            (None, Some(last)) if self.position - last.end >= self.pause => self.end(sink),
            (None, Some(_)) => {}
            (None, None) => sink.restart_point(self.position, &[]),
        }
        self.pressed = key;
        Ok(())
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        self.process_iter(sink)?;
        if !self.keys.is_empty() {
            self.end(sink);
        }
        Ok(())
    }

    fn restore(&mut self, sample: u64, _: &[u8]) -> Result<(), Error> {
        self.init(sample)
    }
}
// ANCHOR_END: processor

// ANCHOR: events
impl Number {
    fn press(&mut self, key: &'static str, start: u64, sink: &mut Sink<'_>) {
        if self.keys.is_empty() {
            sink.speech_started(start);
        }
        self.keys.push(Word::new(start, self.position, key));
        sink.partial(&number(&self.keys));
    }

    fn end(&mut self, sink: &mut Sink<'_>) {
        sink.segment(&number(&self.keys));
        sink.endpoint(self.position);
        self.keys.clear();
        // A new processor needs no state to continue here: nothing is pressed, and no key is left.
        sink.restart_point(self.position, &[]);
    }
}
// ANCHOR_END: events

/// The keys so far as a text, with a word for each.
fn number(keys: &[Word]) -> Segment {
    let text: Vec<_> = keys.iter().map(Word::text).collect();
    let start = keys.first().map_or(0, |key| key.start);
    let end = keys.last().map_or(start, |key| key.end);
    Segment::new(start, end, text.join(" ")).words(keys.to_vec())
}

auricle_plugin_api::export_engine!(Loader);
