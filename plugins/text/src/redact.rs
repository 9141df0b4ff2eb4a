//! The stage `redact`: card numbers, phone numbers, e-mail addresses, profanity and patterns are replaced by a mark, in segments,
//! partials and timed words.
//!
//! What the end of a segment may be the beginning of is held back until the next segment, or for `hold_seconds`, so that it is found
//! across segments too. A partial ends before it. Invariant: events leave in the order in which they came.

mod digits;
mod email;
mod finder;
mod held;
mod patterns;

use auricle_plugin_api::{
    Config, Error, Field, Host, Schema, Segment, Stage, StageEvent, StageLoader, StageMetadata, StageSink, StageStream,
    TurnChange,
};
use finder::{Finder, Settings};
use held::Held;
use std::sync::Arc;

/// What is hidden unless the preset says otherwise.
const KINDS: [&str; 3] = ["card", "phone", "email"];
const MOST_PATTERNS: usize = 64;

/// The loader of the stage `redact`.
pub struct RedactLoader;

/// What is to be found.
pub struct Redact {
    finder: Arc<Finder>,
    hold_seconds: f64,
}

/// The state of a stream.
pub struct Redactor {
    finder: Arc<Finder>,
    /// In samples.
    hold: u64,
    /// One past the last sample heard.
    heard: u64,
    /// When the last segment came that is held, by `heard`.
    came: u64,
    held: Held,
}

impl StageLoader for RedactLoader {
    type Stage = Redact;

    fn name(&self) -> &str {
        "redact"
    }

    fn schema(&self) -> Schema {
        let kinds = Field::load("kinds").strings(KINDS.len()).default(KINDS.to_vec());
        let kinds = kinds.set("items", serde_json::json!({"type": "string", "enum": KINDS}));
        Schema::new()
            .field(kinds.describe(
                "what to hide, in figures or in English words: `card` is 13 digits and more in a row, `phone` is 7 to 15, `email` an address",
            ))
            .field(Field::load("profanity").boolean().default(false).describe("whether to hide swear words (English)"))
            .field(Field::load("patterns").strings(MOST_PATTERNS).default(Vec::<String>::new()).describe(
                "regular expressions of what else to hide, over the words with one space between them; whole words are hidden",
            ))
            .field(Field::load("mark").describe(
                "what to write in place of what is hidden; by default its kind: [card], [phone], [email], [profanity], [redacted]",
            ))
            .field(Field::load("hold_seconds").number(0.0, 30.0).default(3.0).describe(
                "how long the end of a segment that may continue as something to hide waits for the next one, in seconds of audio",
            ))
    }

    fn load(&self, config: &Config, _: &Host) -> Result<Redact, Error> {
        let settings = Settings {
            kinds: config.get("kinds")?,
            profanity: config.get("profanity")?,
            patterns: config.get("patterns")?,
            mark: config.get_optional("mark")?,
        };
        Ok(Redact { finder: Arc::new(Finder::new(settings)?), hold_seconds: config.get("hold_seconds")? })
    }
}

impl Stage for Redact {
    type Stream = Redactor;

    fn metadata(&self) -> StageMetadata {
        StageMetadata::new().changes_text().delay(self.hold_seconds).capabilities(["redacts"])
    }

    fn stream(self: &Arc<Self>, options: &Config) -> Result<Redactor, Error> {
        let rate: u32 = options.get("sample_rate")?;
        let hold = (self.hold_seconds * f64::from(rate)) as u64;
        Ok(Redactor { finder: Arc::clone(&self.finder), hold, heard: 0, came: 0, held: Held::default() })
    }
}

impl Redactor {
    /// Releases what can no longer become something to hide.
    fn settle(&mut self, sink: &mut StageSink<'_>) {
        self.held.settle(&self.finder, |event| sink.event(&event));
    }

    fn release(&mut self, sink: &mut StageSink<'_>) {
        self.held.release(&self.finder, |event| sink.event(&event));
    }

    /// The partial as it may be shown: with the text that is held before it, up to what may become something to hide.
    fn partial(&self, partial: Segment) -> Segment {
        self.held.with_partial(&self.finder, partial)
    }
}

impl StageStream for Redactor {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        (self.heard, self.came) = (offset, offset);
        self.held = Held::default();
        Ok(())
    }

    fn audio(&mut self, samples: &[f32], sink: &mut StageSink<'_>) -> Result<(), Error> {
        self.heard += samples.len() as u64;
        if self.heard >= self.came + self.hold {
            self.release(sink);
        }
        Ok(())
    }

    fn event(&mut self, event: StageEvent, sink: &mut StageSink<'_>) -> Result<(), Error> {
        match event {
            StageEvent::Partial(partial) => sink.event(&StageEvent::Partial(self.partial(partial))),
            StageEvent::Segment(_) => {
                self.came = self.heard;
                self.held.push(event);
                self.settle(sink);
            }
            // The speaker has finished, so nothing continues it.
            StageEvent::Turn(ref turn) if matches!(turn.change, TurnChange::Ended(_)) => {
                self.release(sink);
                sink.event(&event);
            }
            _ if self.held.is_empty() => sink.event(&event),
            _ => self.held.push(event),
        }
        Ok(())
    }

    fn finish(&mut self, sink: &mut StageSink<'_>) -> Result<(), Error> {
        self.release(sink);
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<u8>, Error> {
        Ok(postcard::to_stdvec(&(self.heard, self.came, self.held.save()))?)
    }

    fn restore(&mut self, _: u64, state: &[u8]) -> Result<(), Error> {
        let (heard, came, held) = postcard::from_bytes(state)?;
        (self.heard, self.came, self.held) = (heard, came, Held::restore(held));
        Ok(())
    }
}
