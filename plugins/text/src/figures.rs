//! Numbers in words become figures, by the crate `text2num`. English.
//!
//! Two numbers of two figures after one another are a year: `nineteen eighty four` is 1984.

use crate::words::{Core, Edit, Rule};
use std::borrow::Cow;
use text2num::{Language, Occurence, Token, find_numbers};

/// The years that are said in two numbers begin with these.
const CENTURIES: std::ops::RangeInclusive<f64> = 10.0..=20.0;

pub(crate) struct Figures {
    language: Language,
    /// A single number below it stays a word.
    least: f64,
}

/// A word as `text2num` sees it.
struct Heard<'a> {
    word: Core<'a>,
    lower: String,
}

impl Figures {
    pub(crate) fn new(least: f64) -> Self {
        Self { language: Language::english(), least }
    }
}

impl Token for &Heard<'_> {
    fn text(&self) -> Cow<'_, str> {
        self.word.core.into()
    }

    fn text_lowercase(&self) -> Cow<'_, str> {
        self.lower.as_str().into()
    }

    fn nt_separated(&self, previous: &Self) -> bool {
        !previous.word.trail.is_empty() || !self.word.lead.is_empty()
    }

    /// What is written in figures already is no part of a number in words.
    fn not_a_number_part(&self) -> bool {
        self.lower.contains(|letter: char| letter.is_ascii_digit())
    }
}

impl Rule for Figures {
    fn edits(&self, words: &[&str]) -> Vec<Edit> {
        let cores = words.iter().copied().map(Core::new);
        let heard: Vec<_> = cores.map(|word| Heard { word, lower: word.core.to_lowercase() }).collect();
        let mut found: Vec<Occurence> = Vec::new();
        for number in find_numbers(heard.iter(), &self.language, self.least) {
            match found.last_mut() {
                Some(last) if is_year(last, &number) && heard[last.end - 1].word.trail.is_empty() => {
                    (last.end, last.text) = (number.end, format!("{}{}", last.text, number.text));
                }
                _ => found.push(number),
            }
        }
        let edit = |number: Occurence| {
            let (lead, trail) = (heard[number.start].word.lead, heard[number.end - 1].word.trail);
            Edit { range: number.start..number.end, text: Some(format!("{lead}{}{trail}", number.text)) }
        };
        found.into_iter().map(edit).collect()
    }
}

fn is_year(first: &Occurence, second: &Occurence) -> bool {
    first.end == second.start
        && !(first.is_ordinal || second.is_ordinal)
        && CENTURIES.contains(&first.value)
        && (first.text.len(), second.text.len()) == (2, 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{edit_text, split};

    fn figures(least: f64, text: &str) -> String {
        edit_text(&split(text), &Figures::new(least).edits(&split(text)))
    }

    #[test]
    fn numbers_become_figures() {
        for (text, expected) in [
            ("I have two hundred and twenty-five dollars.", "I have 225 dollars."),
            ("(Twenty five), she said", "(25), she said"),
            ("twenty, five", "20, 5"),
            ("on the twenty first of June nineteen eighty four", "on the 21st of June 1984"),
            ("in twenty twenty six", "in 2026"),
            ("three point one four", "3.14"),
            ("call four one five", "call 4 1 5"),
            ("one of them", "one of them"),
            ("it is 5 already", "it is 5 already"),
            ("", ""),
        ] {
            assert_eq!(figures(10.0, text), expected);
        }
        assert_eq!(figures(0.0, "one of them"), "1 of them");
    }
}
