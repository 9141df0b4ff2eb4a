//! A recogniser of Morse code: a tone is a dot or, three times as long, a dash. It is `plugins/python/examples/morse` in Rust.

// ANCHOR: loader
use auricle_plugin_api::{
    AsrProcessor, Config, Error, Field, Host, Metadata, Model, ModelLoader, Schema, Segment, Sink,
};
use std::{mem, sync::Arc};

pub struct Loader;

impl ModelLoader for Loader {
    type Model = Morse;

    fn backend(&self) -> &str {
        "morse"
    }

    fn schema(&self) -> Schema {
        Schema::new()
            .field(Field::load("threshold").number(0.0, 1.0).default(0.05).describe("loudness of the quietest tone"))
            .field(Field::load("dot_ms").integer(20, 500).default(60).describe("length of a dot in ms"))
    }

    fn load(&self, config: &Config, _: &Host) -> Result<Morse, Error> {
        let dot = config.get::<u64>("dot_ms")? / 10;
        tracing::info!("Morse code, blocks in a dot: {dot}");
        Ok(Morse { threshold: config.get("threshold")?, dot })
    }
}

/// What the loader in Python gives to each processor is shared here.
pub struct Morse {
    threshold: f32,
    dot: u64,
}

impl Model for Morse {
    type Processor = Processor;

    fn metadata(&self) -> Metadata {
        Metadata::new(16_000, 1_600).separator(" ")
    }

    fn processor(self: &Arc<Self>, _: &Config) -> Result<Processor, Error> {
        Ok(Processor { model: Arc::clone(self), waiting: Vec::new(), state: State::default() })
    }
}
// ANCHOR_END: loader

// ANCHOR: processor
/// Samples in a block of 10 ms.
const BLOCK: usize = 160;
const CODES: &str =
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --..";

/// Reports each word when the pause after it has lasted for five dots.
pub struct Processor {
    model: Arc<Morse>,
    waiting: Vec<f32>,
    state: State,
}

/// What `init` resets. Places are samples of the stream.
#[derive(Default)]
struct State {
    position: u64,
    start: u64,
    end: u64,
    /// Whether there is a tone, and for how many blocks.
    tone: bool,
    run: u64,
    /// The codes of the word so far.
    codes: String,
}

impl AsrProcessor for Processor {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        self.waiting.clear();
        self.state = State { position: offset, ..State::default() };
        Ok(())
    }

    fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> {
        self.waiting.extend_from_slice(samples);
        Ok(())
    }

    fn process_iter(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        let waiting = mem::take(&mut self.waiting);
        let blocks = waiting.chunks_exact(BLOCK);
        self.waiting.extend_from_slice(blocks.remainder());
        for block in blocks {
            let energy: f32 = block.iter().map(|sample| sample * sample).sum();
            self.hear((energy / BLOCK as f32).sqrt() > self.model.threshold);
            if !self.state.codes.is_empty() && !self.state.tone && self.state.run >= 5 * self.model.dot {
                sink.segment(&self.word());
            }
        }
        Ok(())
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        self.process_iter(sink)?;
        self.hear(false);
        if !self.state.codes.is_empty() {
            sink.segment(&self.word());
        }
        Ok(())
    }
}

impl Processor {
    /// Adds a block.
    fn hear(&mut self, tone: bool) {
        let (state, dot) = (&mut self.state, self.model.dot);
        if tone != state.tone {
            if state.tone {
                state.codes.push(if state.run >= 2 * dot { '-' } else { '.' });
                state.end = state.position;
            } else if state.codes.is_empty() {
                state.start = state.position;
            } else if state.run >= 2 * dot {
                state.codes.push(' ');
            }
            (state.tone, state.run) = (tone, 0);
        }
        state.run += 1;
        state.position += BLOCK as u64;
    }

    fn word(&mut self) -> Segment {
        let codes = mem::take(&mut self.state.codes);
        Segment::new(self.state.start, self.state.end, codes.split_whitespace().map(letter).collect::<String>())
    }
}

fn letter(code: &str) -> char {
    CODES.split(' ').zip('A'..).find(|(known, _)| *known == code).map_or('?', |(_, letter)| letter)
}
// ANCHOR_END: processor
