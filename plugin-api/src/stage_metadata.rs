//! A stage's description of itself. It crosses the boundary as JSON, so that it can grow.

use serde::{Deserialize, Serialize};

/// The properties of a stage.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StageMetadata {
    /// The only sample rate, in Hz, of models that it works with. `None` if any will do.
    pub sample_rate: Option<u32>,
    /// By how much it may delay events, in seconds of audio.
    pub delay_seconds: f64,
    /// Whether it changes or withholds final text.
    pub changes_text: bool,
    /// Names of what it adds to the model's capabilities, such as `turns`.
    pub capabilities: Vec<String>,
}

impl StageMetadata {
    /// Creates the metadata of a stage that works with any rate, delays nothing, and leaves final text as it is.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the only sample rate that it works with.
    #[must_use]
    pub fn sample_rate(mut self, hertz: u32) -> Self {
        self.sample_rate = Some(hertz);
        self
    }

    /// Sets by how much it may delay events, in seconds of audio.
    #[must_use]
    pub fn delay(mut self, seconds: f64) -> Self {
        self.delay_seconds = seconds;
        self
    }

    /// Sets that it changes or withholds final text.
    #[must_use]
    pub fn changes_text(mut self) -> Self {
        self.changes_text = true;
        self
    }

    /// Sets what it adds to the model's capabilities.
    #[must_use]
    pub fn capabilities<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.capabilities = names.into_iter().map(Into::into).collect();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_an_older_or_newer_stage_wrote() {
        let read: StageMetadata = serde_json::from_str(r#"{"changes_text": true, "unheard_of": [1]}"#).unwrap();
        assert_eq!(read, StageMetadata::new().changes_text());
    }
}
