//! Compares a recognised text with what was said: which words are wrong, and how.
//!
//! Words are compared in lower case and without punctuation. Numbers and contractions are compared as they are written,
//! so the reference should be written as the recogniser writes. For languages without spaces only the characters say
//! something.

use serde::Serialize;
use std::{iter::Sum, ops::Add};

/// The words of a text in lower case, without punctuation. An apostrophe within a word is part of it.
pub fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace('\u{2019}', "'");
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '\'').map(|word| word.trim_matches('\''));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A word of the reference, or of the recognised text, or one of each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step<T> {
    /// In both.
    Same(T),
    /// The second was recognised instead of the first.
    Substituted(T, T),
    /// Said, but not recognised.
    Deleted(T),
    /// Recognised, but not said.
    Inserted(T),
}

/// An error costs this much, and a substitution 1 more: of the alignments with the fewest errors the one with the most
/// equal words is chosen.
const ERROR: u64 = 1 << 32;

/// The largest number of pairs of words whose costs are in memory together: 32 MiB.
const TABLE: usize = 1 << 22;

/// Aligns two sequences with as few errors as possible. Time grows with the product of the lengths, memory with their sum.
pub fn align<T: PartialEq + Clone>(reference: &[T], recognised: &[T]) -> Vec<Step<T>> {
    align_within(TABLE, reference, recognised)
}

/// Aligns the halves of the reference with the parts of the other sequence that belong to them, until the table is small
/// enough (Hirschberg, "A linear space algorithm for computing maximal common subsequences", 1975).
fn align_within<T: PartialEq + Clone>(table: usize, reference: &[T], recognised: &[T]) -> Vec<Step<T>> {
    if reference.len() < 2 || reference.len().saturating_mul(recognised.len()) <= table {
        return align_in_table(reference, recognised);
    }
    let (first, second) = reference.split_at(reference.len() / 2);
    let before = costs(first.iter(), recognised.iter());
    let behind = costs(second.iter().rev(), recognised.iter().rev());
    let sums = before.iter().zip(behind.iter().rev()).map(|(before, behind)| before + behind).enumerate();
    let place = sums.min_by_key(|(_, sum)| *sum).map_or(0, |(place, _)| place);
    let (left, right) = recognised.split_at(place);
    let mut steps = align_within(table, first, left);
    steps.extend(align_within(table, second, right));
    steps
}

fn substitution<T: PartialEq>(word: &T, other: &T) -> u64 {
    if word == other { 0 } else { ERROR + 1 }
}

/// The costs of aligning a sequence with each beginning of another.
fn costs<'a, T: PartialEq + 'a>(
    reference: impl Iterator<Item = &'a T>,
    recognised: impl ExactSizeIterator<Item = &'a T> + Clone,
) -> Vec<u64> {
    let mut costs: Vec<u64> = (0..=recognised.len() as u64).map(|column| column * ERROR).collect();
    for word in reference {
        let mut diagonal = costs[0];
        costs[0] += ERROR;
        for (column, other) in (1..).zip(recognised.clone()) {
            let both = diagonal + substitution(word, other);
            diagonal = costs[column];
            costs[column] = both.min(costs[column] + ERROR).min(costs[column - 1] + ERROR);
        }
    }
    costs
}

fn align_in_table<T: PartialEq + Clone>(reference: &[T], recognised: &[T]) -> Vec<Step<T>> {
    let width = recognised.len() + 1;
    // Of each pair of beginnings.
    let mut costs: Vec<u64> = (0..).take(width).map(|column: u64| column * ERROR).collect();
    costs.resize(width * (reference.len() + 1), 0);
    for (row, word) in (1..).zip(reference) {
        costs[row * width] = row as u64 * ERROR;
        for (column, other) in (1..).zip(recognised) {
            let [above, before] = [costs[(row - 1) * width + column], costs[row * width + column - 1]];
            let both = costs[(row - 1) * width + column - 1] + substitution(word, other);
            costs[row * width + column] = both.min(above + ERROR).min(before + ERROR);
        }
    }
    let (mut row, mut column) = (reference.len(), recognised.len());
    let mut steps = Vec::with_capacity(row.max(column));
    while row > 0 || column > 0 {
        let here = costs[row * width + column];
        let word = row.checked_sub(1).map(|row| &reference[row]);
        let other = column.checked_sub(1).map(|column| &recognised[column]);
        steps.push(match (word, other) {
            (Some(word), Some(other)) if here == costs[(row - 1) * width + column - 1] + substitution(word, other) => {
                (row, column) = (row - 1, column - 1);
                if word == other { Step::Same(word.clone()) } else { Step::Substituted(word.clone(), other.clone()) }
            }
            (Some(word), _) if here == costs[(row - 1) * width + column] + ERROR => {
                row -= 1;
                Step::Deleted(word.clone())
            }
            (_, Some(other)) => {
                column -= 1;
                Step::Inserted(other.clone())
            }
            // One of the cases above is where the number came from.
            (Some(_), None) | (None, None) => break,
        });
    }
    steps.reverse();
    steps
}

/// Numbers of errors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Errors {
    /// Words, or characters, of the reference.
    pub reference: usize,
    /// Those recognised as others.
    pub substituted: usize,
    /// Those not recognised.
    pub deleted: usize,
    /// Those recognised but not said.
    pub inserted: usize,
}

impl Errors {
    /// Counts the errors of an alignment.
    pub fn of<T>(steps: &[Step<T>]) -> Self {
        let mut errors = Self::default();
        for step in steps {
            let (said, wrong) = match step {
                Step::Same(_) => (1, None),
                Step::Substituted(..) => (1, Some(&mut errors.substituted)),
                Step::Deleted(_) => (1, Some(&mut errors.deleted)),
                Step::Inserted(_) => (0, Some(&mut errors.inserted)),
            };
            wrong.into_iter().for_each(|count| *count += 1);
            errors.reference += said;
        }
        errors
    }

    /// The sum of the errors.
    pub fn total(&self) -> usize {
        self.substituted + self.deleted + self.inserted
    }

    /// The errors as a share of the reference: the word or character error rate. 0 without errors; infinite if nothing
    /// was said but something was recognised.
    pub fn rate(&self) -> f64 {
        if self.total() == 0 { 0.0 } else { self.total() as f64 / self.reference as f64 }
    }
}

impl Add for Errors {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            reference: self.reference + other.reference,
            substituted: self.substituted + other.substituted,
            deleted: self.deleted + other.deleted,
            inserted: self.inserted + other.inserted,
        }
    }
}

impl Sum for Errors {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Self::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_have_neither_case_nor_punctuation() {
        assert_eq!(words("Über -- it\u{2019}s 5, 'ÉTÉ'! ''"), ["über", "it's", "5", "été"]);
    }

    #[test]
    fn errors_are_told_apart() {
        let steps = align(&words("one two three four"), &words("one too four five"));
        let word = |text: &str| text.to_owned();
        assert_eq!(
            steps,
            [
                Step::Same(word("one")),
                Step::Deleted(word("two")),
                Step::Substituted(word("three"), word("too")),
                Step::Same(word("four")),
                Step::Inserted(word("five")),
            ]
        );
        let errors = Errors::of(&steps);
        assert_eq!(errors, Errors { reference: 4, substituted: 1, deleted: 1, inserted: 1 });
        assert_eq!((errors.rate(), (errors + errors).rate()), (0.75, 0.75));
        assert_eq!(Errors::of(&align::<u8>(&[], &[])).rate(), 0.0);
        assert_eq!(Errors::of(&align(&[], &[1])).rate(), f64::INFINITY);
    }

    proptest! {
        #[test]
        fn an_alignment_is_of_both_sides_and_as_short_as_possible(
            one in prop::collection::vec(0_u8..3, 0..20), other in prop::collection::vec(0_u8..3, 0..20),
        ) {
            let steps = align(&one, &other);
            let (mut reference, mut recognised) = (Vec::new(), Vec::new());
            for step in &steps {
                match *step {
                    Step::Same(word) => {
                        reference.push(word);
                        recognised.push(word);
                    }
                    Step::Substituted(said, heard) => {
                        prop_assert_ne!(said, heard);
                        reference.push(said);
                        recognised.push(heard);
                    }
                    Step::Deleted(word) => reference.push(word),
                    Step::Inserted(word) => recognised.push(word),
                }
            }
            let errors = Errors::of(&steps).total();
            prop_assert_eq!((&reference, &recognised), (&one, &other));
            prop_assert_eq!(errors, Errors::of(&align(&other, &one)).total());
            prop_assert!(errors <= one.len().max(other.len()) && errors >= one.len().abs_diff(other.len()));
            // In parts, with as many errors of each kind.
            let parts = align_within(4, &one, &other);
            prop_assert_eq!(Errors::of(&parts), Errors::of(&steps));
        }
    }
}
