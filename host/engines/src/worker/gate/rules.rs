//! What a gate does, in samples, and the chunks of the engine behind it.

use crate::voice_gate::{Cut, VoiceGate};
use auricle_plugin_api::{Metadata, Replay};

/// The sample rate of the detector in Hz, and so that of the model.
pub(super) const RATE: u32 = 16_000;
/// The longest chunk of an engine that the gate takes as a whole. Longer ones come in pieces, so that a pause is detected in
/// time.
const LONGEST: u32 = RATE / 2;
/// The length of such pieces, about.
const PIECE: u32 = RATE / 10;
/// If pauses are left out, one of this length ends the utterance nevertheless. So its last words become final, and the audio
/// that a new process needs after a crash does not grow.
const LONG_PAUSE: u64 = 10 * RATE as u64;

/// The capability of engines that report the ends of utterances.
const ENDPOINTS: &str = "endpoints";

/// What a gate does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    /// Samples without speech that make a pause.
    pub(super) hold: u64,
    /// Samples before the start of speech that the engine gets.
    pub(super) pre_roll: u64,
    /// Samples of a pause after which the engine is finished.
    pub(super) finish_after: u64,
    /// Whether the gate reports the starts and ends of speech, instead of the engine.
    pub(super) reports: bool,
    /// Whether streams can go on from restart points.
    pub(super) has_points: bool,
    /// The engine's first chunk, and the others.
    first: u64,
    chunk: u64,
    /// The distance of places at which an utterance begins. Then the engine's chunks end where the server's do.
    pub(super) step: u64,
}

impl Rules {
    /// The rules for an engine with these metadata.
    pub(super) fn new(gate: &VoiceGate, engine: &Metadata) -> Self {
        let samples = |seconds: f64| (seconds * f64::from(RATE)) as u64;
        Self {
            hold: samples(gate.hold()),
            pre_roll: samples(gate.pre_roll_seconds),
            finish_after: if gate.cut == Cut::Utterance { 0 } else { LONG_PAUSE },
            reports: gate.cut == Cut::Utterance,
            has_points: engine.replay != Replay::None,
            first: engine.first_chunk_samples.unwrap_or(engine.chunk_samples).into(),
            chunk: engine.chunk_samples.into(),
            step: piece(engine.chunk_samples).into(),
        }
    }

    /// What the server is told of the engine behind the gate.
    pub(super) fn metadata(self, engine: &Metadata) -> Metadata {
        let mut metadata = engine.clone();
        metadata.chunk_samples = piece(engine.chunk_samples);
        metadata.first_chunk_samples = engine.first_chunk_samples.filter(|_| engine.chunk_samples <= LONGEST);
        if self.reports && !metadata.capabilities.iter().any(|name| name == ENDPOINTS) {
            metadata.capabilities.push(ENDPOINTS.to_owned());
        }
        metadata
    }

    /// How much audio the engine gets next, if it has `given` samples since its start.
    pub(super) fn wanted(self, given: u64) -> usize {
        let wanted = match given.checked_sub(self.first) {
            None => self.first - given,
            Some(beyond) => self.chunk - beyond % self.chunk,
        };
        wanted as usize
    }
}

/// The chunk of the server, for an engine with chunks of this length.
fn piece(chunk: u32) -> u32 {
    if chunk <= LONGEST { chunk } else { chunk.div_ceil(chunk.div_ceil(PIECE)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cut: Cut, engine: &Metadata) -> (Rules, Metadata) {
        let rules = Rules::new(&VoiceGate { cut, ..VoiceGate::default() }, engine);
        (rules, rules.metadata(engine))
    }

    #[test]
    fn long_chunks_come_in_pieces_and_others_whole() {
        let long = of(Cut::Utterance, &Metadata::new(RATE, 16_000).first_chunk(20_000)).1;
        assert_eq!((long.chunk_samples, long.first_chunk_samples), (1_600, None));
        let short = of(Cut::Utterance, &Metadata::new(RATE, 5_120).first_chunk(7_000)).1;
        assert_eq!((short.chunk_samples, short.first_chunk_samples), (5_120, Some(7_000)));
        assert_eq!(piece(16_001), 1_455);
    }

    #[test]
    fn the_gate_reports_ends_where_it_ends_utterances() {
        let engine = Metadata::new(RATE, 1_600);
        assert_eq!(of(Cut::Utterance, &engine).1.capabilities, [ENDPOINTS]);
        assert!(of(Cut::Skip, &engine).1.capabilities.is_empty());
        let engine = engine.capabilities([ENDPOINTS]);
        assert_eq!(of(Cut::Utterance, &engine).1.capabilities, [ENDPOINTS]);
    }

    #[test]
    fn the_engine_gets_its_first_chunk_and_then_the_others() {
        let rules = of(Cut::Skip, &Metadata::new(RATE, 100).first_chunk(150)).0;
        let wanted = [0, 50, 149, 150, 151, 250, 349].map(|given| rules.wanted(given));
        assert_eq!(wanted, [150, 100, 1, 100, 99, 100, 1]);
    }
}
