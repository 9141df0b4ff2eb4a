//! The audio of clients, their behaviour, and the expected results.

use crate::{Done, host::client::Client, recording};
use auricle_plugin_test::audio::{bytes, wav};
use serde_json::{Value, json};
use std::sync::Arc;

/// The presets of the talks. A stream of the engine `faulty` selects its own fault.
pub(super) const PRESETS: [(&str, &str); 3] = [
    ("tone", r#"{"backend": "tone", "host": {"preload": true}}"#),
    ("digits", r#"{"backend": "onnx", "model": "digits", "host": {"preload": true}}"#),
    (
        "faulty",
        r#"{"backend": "faulty", "host": {"preload": true, "concurrency": 2, "open": ["fault", "at", "after_chunks"]}}"#,
    ),
];

/// How the client ends its stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    /// With `finish`.
    Finishes,
    /// In the middle, without a close frame.
    Vanishes,
}

/// A kind of stream.
pub(super) struct Talk {
    pub(super) name: &'static str,
    pub(super) preset: &'static str,
    pub(super) options: Value,
    /// 16 kHz, s16le.
    pub(super) audio: Arc<Vec<u8>>,
    pub(super) leaving: Leaving,
    /// The error that ends it, if one is expected. (Not if its worker was killed before that: the new one starts
    /// counting again.)
    fails: Option<&'static str>,
    /// The texts of the idle server.
    expected: Vec<String>,
    /// Relative frequency.
    weight: u32,
}

impl Talk {
    /// Number of finals that are missing, and that are different.
    pub(super) fn compare(&self, texts: &[String]) -> (u64, u64) {
        let changed = self.expected.iter().zip(texts).filter(|(expected, text)| expected != text).count();
        let more = texts.len().saturating_sub(self.expected.len());
        let whole = self.leaving == Leaving::Finishes && self.fails.is_none();
        let lost = if whole { self.expected.len().saturating_sub(texts.len()) } else { 0 };
        (lost as u64, (changed + more) as u64)
    }

    /// Checks how it ended: with an error's code, with `done`, or not at all if the client disconnected. Returns the
    /// difference.
    pub(super) fn judge(&self, end: &str) -> Option<String> {
        let expected = match (self.leaving, self.fails) {
            (Leaving::Vanishes, _) => "",
            (_, Some(code)) => code,
            _ => "done",
        };
        let spared = self.fails.is_some() && end == "done";
        (end != expected && !spared).then(|| format!("ended with `{end}` instead of `{expected}`"))
    }
}

/// Selects a talk at random, by weight.
pub(super) fn choose<'a>(talks: &'a [Talk], random: &mut fastrand::Rng) -> &'a Talk {
    let mut at = random.u32(0..talks.iter().map(|talk| talk.weight).sum());
    talks
        .iter()
        .find(|talk| {
            let here = at < talk.weight;
            at = at.saturating_sub(talk.weight);
            here
        })
        .unwrap_or(&talks[0])
}

/// All kinds of talks, each with its result on an idle server.
pub(super) fn talks(address: &str) -> Done<Vec<Talk>> {
    let read = |file: &str| Arc::new(bytes(&wav(&recording::path(file)).1));
    let (digits, weather) = (read("fixtures/digits.wav"), read("fixtures/weather.wav"));
    let talk = |name, preset, audio: &Arc<Vec<u8>>, options, leaving, fails, weight| -> Done<Talk> {
        let expected = quietly(address, preset, audio)?;
        Ok(Talk { name, preset, options, audio: Arc::clone(audio), leaving, fails, expected, weight })
    };
    let fault = |fault: &str, at: &str| json!({"fault": fault, "at": at, "after_chunks": 15});
    use Leaving::{Finishes, Vanishes};
    Ok(vec![
        talk("tone", "tone", &digits, json!({}), Finishes, None, 30)?,
        talk("short tone", "tone", &weather, json!({}), Finishes, None, 15)?,
        talk("digits", "digits", &digits, json!({}), Finishes, None, 25)?,
        talk("vanishing", "tone", &digits, json!({}), Vanishes, None, 8)?,
        talk("vanishing digits", "digits", &digits, json!({}), Vanishes, None, 8)?,
        talk("beside the faulty", "faulty", &digits, json!({}), Finishes, None, 8)?,
        talk("crashing once", "faulty", &weather, fault("sigsegv", "process_iter"), Finishes, None, 1)?,
        talk("hanging once", "faulty", &weather, fault("hang", "process_iter"), Finishes, None, 1)?,
        talk("panicking", "faulty", &weather, fault("panic", "process_iter"), Finishes, Some("engine_error"), 2)?,
    ])
}

/// The texts of a recording, as fast as possible.
fn quietly(address: &str, preset: &str, audio: &[u8]) -> Done<Vec<String>> {
    let mut client = Client::open(address, preset, "file")?;
    client.send_audio(audio)?;
    client.texts_to_end()
}
