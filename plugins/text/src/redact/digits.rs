//! Runs of digits: words that are written in figures, or are said in English.
//!
//! `forty one eleven` counts as `4111`: what matters is how many digits there are, and that none is shown.

use crate::words::Core;
use std::ops::Range;

/// Words inside a run that are no digits.
const FILLERS: [&str; 5] = ["and", "er", "uh", "uhm", "um"];

/// Words for more than one digit of the same kind.
const TIMES: [&str; 2] = ["double", "triple"];

/// A run of digits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Its words.
    pub(super) words: Range<usize>,
    /// How many digits it has.
    pub(super) digits: usize,
}

/// The runs of digits in a text. Fillers within a run belong to it.
pub(super) fn runs(words: &[&str]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut times = 1;
    for (place, word) in words.iter().enumerate() {
        let plain = Core::new(word).core.to_lowercase();
        let open = runs.last_mut().filter(|run| words[run.words.end..place].iter().all(|word| is_filler(word)));
        match (plain.as_str(), count(word, &plain)) {
            ("double", _) => times = 2,
            ("triple", _) => times = 3,
            // A hundred is two digits of a number that has begun.
            ("hundred", _) => {
                if let Some(run) = open {
                    (run.words.end, run.digits) = (place + 1, run.digits + 2);
                }
            }
            (_, Some(digits)) => {
                let first = if times > 1 { place - 1 } else { place };
                let digits = digits * std::mem::replace(&mut times, 1);
                match open {
                    Some(run) => (run.words.end, run.digits) = (place + 1, run.digits + digits),
                    None => runs.push(Run { words: first..place + 1, digits }),
                }
            }
            _ => times = 1,
        }
    }
    runs
}

/// The last word, if it doubles the digit that follows.
pub(super) fn doubling(words: &[&str]) -> Option<usize> {
    let last = Core::new(words.last()?).core.to_lowercase();
    TIMES.contains(&last.as_str()).then(|| words.len() - 1)
}

/// Whether a run may go on after this word.
pub(super) fn is_filler(word: &str) -> bool {
    let plain = Core::new(word).core.to_lowercase();
    plain.is_empty() || TIMES.contains(&plain.as_str()) || FILLERS.contains(&plain.as_str())
}

/// How many digits a word stands for; `None` if it is no part of a run.
fn count(word: &str, plain: &str) -> Option<usize> {
    if plain.starts_with(|letter: char| letter.is_ascii_digit()) { figures(word, plain) } else { said(plain) }
}

/// The digits of a word in figures. Dates, amounts and decimals are no part of a run.
fn figures(word: &str, plain: &str) -> Option<usize> {
    let all_of = |allowed: &str| plain.chars().all(|letter| letter.is_ascii_digit() || allowed.contains(letter));
    let parts = plain.split(['-', '/', '.']).map(str::len).collect::<Vec<_>>();
    let is_date = matches!(parts[..], [4, 1..=2, 1..=2] | [1..=2, 1..=2, 2 | 4]);
    let is_amount = word.contains(['$', '€', '£', '%', ':', ',']) && !word.ends_with(',');
    let is_decimal = plain.matches('.').count() == 1;
    (all_of("-./()") && !is_date && !is_amount && !is_decimal).then(|| plain.bytes().filter(u8::is_ascii_digit).count())
}

/// The digits of a number in words, such as `forty-one`.
fn said(plain: &str) -> Option<usize> {
    let mut parts = plain.split('-').map(digits_of).collect::<Option<Vec<_>>>()?.into_iter().peekable();
    let mut digits = 0;
    while let Some(part) = parts.next() {
        // `forty-one` is two digits, `forty` too.
        let joins = part == Said::Tens && parts.next_if(|next| *next == Said::Digit).is_some();
        digits += if part == Said::Digit && !joins { 1 } else { 2 };
    }
    Some(digits)
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Said {
    Digit,
    Teens,
    Tens,
}

fn digits_of(word: &str) -> Option<Said> {
    match word {
        "zero" | "oh" | "o" | "nought" | "one" | "two" | "three" | "four" | "five" | "six" | "seven" | "eight"
        | "nine" | "niner" => Some(Said::Digit),
        "ten" | "eleven" | "twelve" | "thirteen" | "fourteen" | "fifteen" | "sixteen" | "seventeen" | "eighteen"
        | "nineteen" => Some(Said::Teens),
        "twenty" | "thirty" | "forty" | "fifty" | "sixty" | "seventy" | "eighty" | "ninety" => Some(Said::Tens),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::split;

    fn found(text: &str) -> Vec<(Range<usize>, usize)> {
        runs(&split(text)).into_iter().map(|run| (run.words, run.digits)).collect()
    }

    #[test]
    fn digits_are_found_in_figures_and_in_words() {
        assert_eq!(found("call 555-123-4567, please"), [(1..2, 10)]);
        assert_eq!(found("call (555) 123 4567."), [(1..4, 10)]);
        assert_eq!(found("it is four one double one um 1 1"), [(2..9, 6)]);
        assert_eq!(found("one eight hundred five"), [(0..4, 5)]);
        assert_eq!(found("forty-one eleven"), [(0..2, 4)]);
        assert_eq!(found("one dog two cats"), [(0..1, 1), (2..3, 1)]);
    }

    #[test]
    fn dates_amounts_and_decimals_are_none() {
        for text in
            ["2026-12-01", "1/12/2026", "$1234567", "1,000,000", "3.14159265", "10:30", "hundred", "double trouble"]
        {
            assert_eq!(found(text), [], "{text}");
        }
    }
}
