//! The results of all systems, side by side.

use super::{
    comparison::Comparison,
    scores::{Scores, percent},
    speed::Speed,
    transcripts::TranscriptsError,
};
use auricle_core::normalizer::Normalizer;
use serde::Serialize;
use std::fmt::{self, Display, Formatter};

/// The results of all systems.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    /// The normalizer's name.
    pub(super) normalizer: &'static str,
    /// In the order of the command line; of all the same recordings.
    pub(super) systems: Vec<System>,
    /// Of each two systems.
    pub(super) comparisons: Vec<Comparison>,
}

/// A system and its results.
#[derive(Debug, Serialize)]
pub(super) struct System {
    /// The preset, or the file of transcripts.
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) scores: Scores,
    /// Unknown of transcripts that do not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) speed: Option<Speed>,
}

impl Results {
    /// Compares the systems.
    ///
    /// # Errors
    /// One of them lacks a transcript that another has.
    pub(super) fn of(systems: Vec<System>, normalizer: Normalizer) -> Result<Self, TranscriptsError> {
        let pairs = systems
            .iter()
            .enumerate()
            .flat_map(|(n, first)| systems[n + 1..].iter().map(move |second| (first, second)));
        let comparisons = pairs.map(|(first, second)| Comparison::of(first, second)).collect::<Result<_, _>>()?;
        Ok(Self { normalizer: normalizer.name(), systems, comparisons })
    }

    /// The word error rates of all systems, a line for each recording.
    fn side_by_side(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(System { scores: first, .. }) = self.systems.first() else { return Ok(()) };
        let width = |name: &str| name.chars().count();
        let names = first.recordings.iter().map(|score| score.recording.as_str());
        let left = names.clone().chain(["recording"]).map(width).max().unwrap_or_default();
        let widths: Vec<_> = self.systems.iter().map(|system| width(&system.name).max(6) + 2).collect();
        write!(f, "{:<left$}   words", "WER %")?;
        for (System { name, .. }, width) in self.systems.iter().zip(&widths) {
            write!(f, "{name:>width$}")?;
        }
        for (n, name) in names.map(Some).chain([None]).enumerate() {
            let errors = |scores: &Scores| scores.recordings.get(n).map_or(scores.words, |score| score.words);
            write!(f, "\n{:<left$}{:>8}", name.unwrap_or("all"), errors(first).reference)?;
            for (System { scores, .. }, width) in self.systems.iter().zip(&widths) {
                write!(f, "{:>width$}", percent(&errors(scores)))?;
            }
        }
        Ok(())
    }
}

impl Display for Results {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for System { name, scores, speed } in &self.systems {
            if self.systems.len() > 1 {
                writeln!(f, "{name}:")?;
            }
            write!(f, "{scores}")?;
            if let Some(speed) = speed {
                write!(f, "\n{speed}")?;
            }
            if self.systems.len() > 1 {
                write!(f, "\n\n")?;
            }
        }
        if self.systems.len() > 1 {
            self.side_by_side(f)?;
        }
        self.comparisons.iter().try_for_each(|comparison| write!(f, "\n\n{comparison}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::evaluate::{Recording, Transcript};

    fn system(name: &str, texts: [&str; 2]) -> System {
        let recordings =
            ["a.wav", "b.wav"].map(|name| Recording { name: name.into(), path: name.into(), said: "one two".into() });
        let transcript = |(recording, text): (&Recording, &str)| Transcript {
            recording: recording.name.clone(),
            lead_silence: 0.0,
            text: text.into(),
            timing: None,
        };
        let transcripts: Vec<_> = recordings.iter().zip(texts).map(transcript).collect();
        System { name: name.into(), scores: Scores::of(&recordings, &transcripts, Normalizer::Basic), speed: None }
    }

    #[test]
    fn each_two_systems_are_compared() {
        let systems = vec![
            system("good", ["one two", "one two"]),
            system("bad", ["one", "one won two"]),
            system("worse", ["", "one won two"]),
        ];
        let results = Results::of(systems, Normalizer::Basic).unwrap();
        let differences: Vec<_> = results.comparisons.iter().map(|comparison| comparison.difference).collect();
        assert_eq!(differences, [0.5, 0.75, 0.25]);
        let text = results.to_string();
        assert!(
            text.contains("\nWER %       words    good     bad   worse\na.wav           2    0.00   50.00  100.00\n"),
            "{text}"
        );
        assert!(text.contains("\nall             4    0.00   50.00   75.00\n"), "{text}");
        assert!(
            text.contains("bad against good: +50.00 points of word error rate, 95 % interval +50.00 to +50.00"),
            "{text}"
        );
        assert!(text.ends_with("only bad: 0 errors\nonly worse: 1 error\n  a.wav: deleted one"), "{text}");
    }

    #[test]
    fn a_transcript_that_only_one_system_has_is_named() {
        for order in [[0, 1], [1, 0]] {
            let mut systems = [system("first", ["", ""]), system("second", ["", ""])];
            systems[0].scores.recordings[1].transcripts.clear();
            let mut systems = systems.map(Some);
            let systems = order.map(|n| systems[n].take().unwrap()).into();
            let error = Results::of(systems, Normalizer::Basic).unwrap_err();
            assert_eq!(error.to_string(), "first: has no transcript of `b.wav`");
        }
    }
}
