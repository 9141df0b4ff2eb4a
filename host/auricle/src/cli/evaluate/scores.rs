//! The errors of transcripts: of each recording, and of all together.

use super::{
    Recording, Transcript,
    bootstrap::{Interval, interval},
};
use auricle_core::{
    normalizer::Normalizer,
    word_errors::{Errors, Step, align},
};
use serde::Serialize;
use std::fmt::{self, Display, Formatter};

/// The errors of all transcripts.
#[derive(Debug, Serialize)]
pub(super) struct Scores {
    pub(super) recordings: Vec<Score>,
    pub(super) words: Errors,
    pub(super) characters: Errors,
    /// The word error rate.
    pub(super) word_error_rate: f64,
    pub(super) word_error_rate_interval: Interval,
    pub(super) character_error_rate: f64,
}

/// The errors of a recording after all lengths of silence.
#[derive(Debug, Serialize)]
pub(super) struct Score {
    pub(super) recording: String,
    pub(super) words: Errors,
    pub(super) characters: Errors,
    pub(super) transcripts: Vec<Aligned>,
}

/// A transcript, word by word beside what was said.
#[derive(Debug, Serialize)]
pub(super) struct Aligned {
    pub(super) lead_silence: f64,
    pub(super) text: String,
    pub(super) alignment: Vec<Step<String>>,
}

impl Scores {
    pub(super) fn of(recordings: &[Recording], transcripts: &[Transcript], normalizer: Normalizer) -> Self {
        let recordings: Vec<_> =
            recordings.iter().map(|recording| Score::of(recording, transcripts, normalizer)).collect();
        let words: Errors = recordings.iter().map(|score| score.words).sum();
        let characters: Errors = recordings.iter().map(|score| score.characters).sum();
        let interval = interval(&recordings, |score| (score.words.total() as f64, score.words.reference as f64));
        Self {
            word_error_rate: words.rate(),
            word_error_rate_interval: interval,
            character_error_rate: characters.rate(),
            recordings,
            words,
            characters,
        }
    }
}

impl Score {
    fn of(recording: &Recording, transcripts: &[Transcript], normalizer: Normalizer) -> Self {
        let said = normalizer.words(&recording.said);
        let (mut all, mut characters) = (Vec::new(), Errors::default());
        for transcript in transcripts.iter().filter(|transcript| transcript.recording == recording.name) {
            let recognized = normalizer.words(&transcript.text);
            characters = characters + Errors::of(&align(&letters(&said), &letters(&recognized)));
            let Transcript { lead_silence, text, .. } = transcript.clone();
            all.push(Aligned { lead_silence, text, alignment: align(&said, &recognized) });
        }
        let words = all.iter().map(|one| Errors::of(&one.alignment)).sum();
        Self { recording: recording.name.clone(), words, characters, transcripts: all }
    }
}

fn letters(words: &[String]) -> Vec<char> {
    words.join(" ").chars().collect()
}

impl Display for Scores {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let width = self.recordings.iter().map(|score| score.recording.chars().count()).max().unwrap_or(0).max(9);
        let mut row = |name: &str, columns: [&str; 7]| {
            write!(f, "{name:<width$}")?;
            columns.iter().try_for_each(|column| write!(f, "{column:>8}"))?;
            writeln!(f)
        };
        row("recording", ["words", "errors", "subst.", "deleted", "insert.", "WER %", "CER %"])?;
        let all = ("all", &self.words, &self.characters);
        let each = self.recordings.iter().map(|score| (score.recording.as_str(), &score.words, &score.characters));
        for (name, words, characters) in each.chain([all]) {
            let Errors { reference, substituted, deleted, inserted } = *words;
            let [reference, total, substituted, deleted, inserted] =
                [reference, words.total(), substituted, deleted, inserted].map(|count| count.to_string());
            let [word_rate, character_rate] = [words, characters].map(percent);
            row(name, [&reference, &total, &substituted, &deleted, &inserted, &word_rate, &character_rate])?;
        }
        let Interval { low, high } = self.word_error_rate_interval;
        let [low, high] = [low, high].map(|rate| rate * 100.0);
        write!(f, "word error rate {} %, 95 % interval {low:.2} to {high:.2}", percent(&self.words))
    }
}

/// An error rate with two decimals.
pub(super) fn percent(errors: &Errors) -> String {
    format!("{:.2}", errors.rate() * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_over_all_transcripts() {
        let recording = |name: &str, said: &str| Recording { name: name.into(), path: name.into(), said: said.into() };
        let transcript = |recording: &str, lead_silence, text: &str| Transcript {
            recording: recording.into(),
            lead_silence,
            text: text.into(),
            timing: None,
        };
        let recordings = [recording("a", "one two three"), recording("b", "four")];
        let texts =
            [transcript("a", 0.0, "One two."), transcript("a", 0.5, "one two three"), transcript("b", 0.0, "for")];
        let scores = Scores::of(&recordings, &texts, Normalizer::Basic);
        assert_eq!(scores.words, Errors { reference: 7, substituted: 1, deleted: 1, inserted: 0 });
        assert_eq!(scores.word_error_rate, 2.0 / 7.0);
        // " three" of 13 + 13 + 4 characters, and the u.
        assert_eq!((scores.characters.total(), scores.characters.reference), (7, 30));
        let text = scores.to_string();
        assert!(text.contains("a               6       1       0       1       0   16.67"), "{text}");
        assert!(text.ends_with("word error rate 28.57 %, 95 % interval 16.67 to 100.00"), "{text}");
        // "One" and "two." are other words.
        assert_eq!(Scores::of(&recordings, &texts, Normalizer::None).words.substituted, 3);
    }
}
