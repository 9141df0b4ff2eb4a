//! The times of a decode's phases, logged at debug level: one event for each window.

use std::time::{Duration, Instant};

/// The times of a window.
pub(crate) struct Timing {
    began: Instant,
    encoder: Duration,
    prompt: Duration,
    rest: Duration,
    tokens: usize,
    decodes: usize,
}

impl Timing {
    pub(crate) fn begin() -> Self {
        let none = Duration::ZERO;
        Self { began: Instant::now(), encoder: none, prompt: none, rest: none, tokens: 0, decodes: 0 }
    }

    /// The encoder has finished.
    pub(crate) fn encoded(&mut self) {
        self.encoder = self.began.elapsed();
    }

    /// A text of `tokens` tokens was decoded, with the times of its prompt and of the rest.
    pub(crate) fn decoded(&mut self, prompt: Duration, rest: Duration, tokens: usize) {
        self.prompt += prompt;
        self.rest += rest;
        self.tokens += tokens;
        self.decodes += 1;
    }

    /// Logs everything, and the time in seconds that the words' times took.
    pub(crate) fn log(self, alignment: f64) {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        tracing::debug!(
            encoder_ms = milliseconds(self.encoder),
            prompt_ms = milliseconds(self.prompt),
            tokens = self.tokens,
            tokens_ms = milliseconds(self.rest),
            decodes = self.decodes,
            alignment_ms = alignment * 1e3,
            "decoded"
        );
    }
}
