//! The settings of a preset's voice gate. The gate itself runs in the worker (`worker::gate`).

use serde::{Deserialize, Serialize};
use std::{fmt, ops::RangeInclusive};

/// A voice gate: the engine gets only audio in which somebody speaks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VoiceGate {
    /// What a pause does.
    pub cut: Cut,
    /// Seconds without speech that make a pause. If absent, those of [`cut`](Self::cut).
    pub hold_seconds: Option<f64>,
    /// Seconds of audio before the detected start of speech that the engine gets, at least.
    pub pre_roll_seconds: f64,
}

/// What a pause does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cut {
    /// It ends the utterance: the engine is finished, and started anew at the next speech.
    #[default]
    Utterance,
    /// It is left out, and the engine goes on behind it.
    Skip,
}

impl Default for VoiceGate {
    fn default() -> Self {
        Self { cut: Cut::default(), hold_seconds: None, pre_roll_seconds: 0.6 }
    }
}

impl VoiceGate {
    /// The values that the times may have, in seconds.
    const HOLD: RangeInclusive<f64> = 0.1..=60.0;
    const PRE_ROLL: RangeInclusive<f64> = 0.0..=5.0;

    /// Seconds without speech that make a pause.
    pub fn hold(&self) -> f64 {
        self.hold_seconds.unwrap_or(match self.cut {
            Cut::Utterance => 1.0,
            // Longer than the pause after which engines end an utterance themselves.
            Cut::Skip => 3.0,
        })
    }

    /// The first field that is out of its range: its name, its value and the range.
    pub fn out_of_range(&self) -> Option<(&'static str, f64, RangeInclusive<f64>)> {
        let fields =
            [("hold_seconds", self.hold(), Self::HOLD), ("pre_roll_seconds", self.pre_roll_seconds, Self::PRE_ROLL)];
        fields.into_iter().find(|(_, value, range)| !range.contains(value))
    }
}

impl fmt::Display for VoiceGate {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pause = match self.cut {
            Cut::Utterance => "ends the utterance",
            Cut::Skip => "is left out",
        };
        write!(f, "a pause of {} s {pause}, pre-roll {} s", self.hold(), self.pre_roll_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_out_of_range_are_named() {
        assert_eq!(VoiceGate::default().out_of_range(), None);
        let gate = VoiceGate { hold_seconds: Some(0.0), ..VoiceGate::default() };
        assert_eq!(gate.out_of_range(), Some(("hold_seconds", 0.0, 0.1..=60.0)));
        let gate = VoiceGate { pre_roll_seconds: f64::NAN, ..VoiceGate::default() };
        assert_eq!(gate.out_of_range().map(|(field, ..)| field), Some("pre_roll_seconds"));
    }

    #[test]
    fn each_cut_has_a_hold_of_its_own() {
        let skip = VoiceGate { cut: Cut::Skip, ..VoiceGate::default() };
        assert_eq!(skip.to_string(), "a pause of 3 s is left out, pre-roll 0.6 s");
        assert_eq!(VoiceGate::default().to_string(), "a pause of 1 s ends the utterance, pre-roll 0.6 s");
    }
}
