//! What streams make of the words that are said: which are wrong, and when a stream has each of them for good.
//!
//! Invariant: all servers are measured alike, by the texts that their clients see. A word is final from the text on after
//! which neither it nor any word before it changes, whether the server calls it final or not.

use super::{delays::Delays, labels::Label, stream::TimedText};
use auricle_core::word_errors::{Step, align, words};
use serde::Serialize;

/// What streams made of the words that were said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spoken {
    /// Words that were said.
    pub said: usize,
    /// Words inserted, deleted or replaced.
    pub wrong: usize,
    /// Words missing at the ends of streams.
    pub lost_at_end: usize,
    /// Time from the end of a correctly recognised word until it was final.
    #[serde(rename = "final")]
    pub last_change: Delays,
}

/// What one stream made of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Heard {
    said: usize,
    wrong: usize,
    lost_at_end: usize,
    /// In seconds.
    delays: Vec<f64>,
}

impl Heard {
    /// Compares a stream's texts with what was said.
    pub(super) fn of(labels: &[Label], texts: &[TimedText]) -> Self {
        let found = finals(texts);
        let [said, recognised]: [Vec<&str>; 2] =
            [labels.iter().map(|label| &*label.text).collect(), found.iter().map(|(word, _)| &**word).collect()];
        let steps = align(&said, &recognised);
        let lost_at_end = steps.iter().rev().take_while(|step| matches!(step, Step::Deleted(_))).count();
        let mut heard = Self { said: said.len(), lost_at_end, ..Self::default() };
        let (mut labels, mut found) = (labels.iter(), found.iter());
        for step in steps {
            let label = if matches!(step, Step::Inserted(_)) { None } else { labels.next() };
            let word = if matches!(step, Step::Deleted(_)) { None } else { found.next() };
            match (step, label, word) {
                (Step::Same(_), Some(label), Some((_, at))) => heard.delays.push((at - label.end).max(0.0)),
                _ => heard.wrong += 1,
            }
        }
        heard
    }
}

impl Spoken {
    /// The sum over streams; `None` without labels.
    pub(super) fn of<'a>(streams: impl IntoIterator<Item = &'a Heard>) -> Option<Self> {
        let mut sum = Heard::default();
        for Heard { said, wrong, lost_at_end, delays } in streams {
            sum.said += said;
            sum.wrong += wrong;
            sum.lost_at_end += lost_at_end;
            sum.delays.extend(delays);
        }
        let Heard { said, wrong, lost_at_end, delays } = sum;
        let last_change = Delays::of(delays.into_iter().map(|delay| delay * 1000.0).collect());
        (said > 0).then_some(Self { said, wrong, lost_at_end, last_change })
    }

    /// Wrong words as a share of those that were said.
    pub fn error_rate(&self) -> f64 {
        self.wrong as f64 / self.said as f64
    }
}

/// The words of the last text, each with the time from which it was final.
fn finals(texts: &[TimedText]) -> Vec<(String, f64)> {
    let Some(last) = texts.last() else { return Vec::new() };
    let mut finals: Vec<_> = words(&last.text).into_iter().map(|word| (word, last.at)).collect();
    let mut stable = finals.len();
    for text in texts.iter().rev() {
        let same = finals.iter().zip(words(&text.text)).take_while(|((one, _), other)| one == other).count();
        stable = stable.min(same);
        finals[..stable].iter_mut().for_each(|(_, at)| *at = text.at);
    }
    finals
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[(f64, &str)]) -> Vec<TimedText> {
        texts.iter().map(|(at, text)| TimedText { at: *at, sent: 0, text: (*text).to_owned() }).collect()
    }

    fn labels(labels: &[(f64, &str)]) -> Vec<Label> {
        labels.iter().map(|(end, text)| Label { text: (*text).to_owned(), end: *end }).collect()
    }

    #[test]
    fn a_word_is_final_when_it_and_those_before_it_no_longer_change() {
        let texts = texts(&[
            (1.0, "Hello"),
            (2.0, "hello wor"),
            (3.0, "hallo world"),
            (4.0, "Hello, world!"),
            (5.0, "hello world and"),
        ]);
        let found: Vec<_> = finals(&texts);
        assert_eq!(found, [("hello".into(), 4.0), ("world".into(), 4.0), ("and".into(), 5.0)]);
        assert_eq!(finals(&[]), []);
    }

    #[test]
    fn right_words_have_delays_and_the_others_are_counted() {
        let said = labels(&[(1.0, "one"), (2.0, "two"), (3.0, "three"), (4.0, "four"), (5.0, "five")]);
        let heard = Heard::of(&said, &texts(&[(1.5, "one"), (4.5, "one too a three")]));
        assert_eq!(heard, Heard { said: 5, wrong: 4, lost_at_end: 2, delays: vec![0.5, 1.5] });
        let spoken = Spoken::of([&heard, &Heard::of(&said, &[])]).unwrap();
        assert_eq!((spoken.said, spoken.wrong, spoken.lost_at_end, spoken.error_rate()), (10, 9, 7, 0.9));
        assert_eq!((spoken.last_change.count, spoken.last_change.max_ms), (2, 1500.0));
        assert_eq!(Spoken::of([]), None);
    }
}
