//! The operator's own patterns: regular expressions over words with one space between them.
//!
//! Whether a pattern has begun at the end of a text is answered by its automaton: it has, if after the last word some next word
//! could still complete it.

use auricle_plugin_api::Error;
use regex::Regex;
use regex_automata::{
    Anchored, Input,
    hybrid::dfa::{Cache, DFA},
    util::start::Config as Start,
};
use std::{
    fmt,
    ops::Range,
    sync::{Mutex, PoisonError},
};

/// A pattern that has begun is sought among the last words.
const MOST_WORDS: usize = 64;

/// One pattern.
pub(super) struct Pattern {
    regex: Regex,
    automaton: DFA,
    cache: Mutex<Cache>,
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.regex.fmt(formatter)
    }
}

impl Pattern {
    /// # Errors
    /// It is no regular expression, or is too large.
    pub(super) fn new(text: &str) -> Result<Self, Error> {
        let refused =
            |problem: &dyn fmt::Display| Error::config("patterns", format!("`{text}` cannot be used: {problem}"));
        let regex = Regex::new(text).map_err(|problem| refused(&problem))?;
        if regex.is_match("") {
            return Err(refused(&"it is found in a text without words"));
        }
        // Beyond ASCII, an automaton cannot tell word boundaries: there, a pattern has not begun.
        let settings = DFA::config().unicode_word_boundary(true);
        let automaton = DFA::builder().configure(settings).build(text).map_err(|problem| refused(&problem))?;
        let cache = Mutex::new(automaton.create_cache());
        Ok(Self { regex, automaton, cache })
    }

    /// The words of each match.
    pub(super) fn find(&self, words: &[&str]) -> Vec<Range<usize>> {
        let (text, starts) = joined(words);
        let before = |place: usize| starts.partition_point(|start| *start <= place);
        let found = self.regex.find_iter(&text).filter(|found| !found.is_empty());
        found.map(|found| before(found.start()).saturating_sub(1)..before(found.end() - 1)).collect()
    }

    /// The first word of a match that has begun at the end.
    pub(super) fn open(&self, words: &[&str]) -> Option<usize> {
        let skipped = words.len().saturating_sub(MOST_WORDS);
        let (text, starts) = joined(&words[skipped..]);
        let text = text + " ";
        starts.iter().position(|start| self.goes_on(&text, *start)).map(|place| skipped + place)
    }

    /// Whether a match that begins at `start` could end after the text.
    fn goes_on(&self, text: &str, start: usize) -> bool {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let input = Input::new(text).range(start..).anchored(Anchored::Yes);
        let begin = Start::from_input_forward(&input);
        let Ok(mut state) = self.automaton.start_state(&mut cache, &begin) else { return false };
        for byte in &text.as_bytes()[start..] {
            match self.automaton.next_state(&mut cache, state, *byte) {
                Ok(next) if !next.is_dead() && !next.is_quit() => state = next,
                _ => return false,
            }
        }
        // An automaton tells a match one byte late, so this state may be alive for that only.
        (0x21..=0x7e_u8).any(|byte| {
            let next = self.automaton.next_state(&mut cache, state, byte);
            next.is_ok_and(|next| !next.is_dead() && !next.is_quit())
        })
    }
}

/// The words with one space between them, and where each begins.
fn joined(words: &[&str]) -> (String, Vec<usize>) {
    let mut starts = Vec::with_capacity(words.len());
    let mut text = String::new();
    for word in words {
        if !text.is_empty() {
            text.push(' ');
        }
        starts.push(text.len());
        text.push_str(word);
    }
    (text, starts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::split;

    #[test]
    fn whole_words_are_found() {
        let pattern = Pattern::new(r"(?i)\bcase [a-z]{2}\d+").unwrap();
        let found = pattern.find(&split("see Case AB12, or case 7"));
        assert_eq!((found.len(), &found[0]), (1, &(1..3)));
    }

    #[test]
    fn a_pattern_that_can_go_on_is_open() {
        let pattern = Pattern::new(r"(?i)\bcase [a-z]{2}\d+").unwrap();
        for (text, begun) in
            [("see case", Some(1)), ("see", None), ("see case AB12", None), ("see case of", None), ("", None)]
        {
            assert_eq!(pattern.open(&split(text)), begun, "{text}");
        }
        let long = format!("{}secret", "word ".repeat(200));
        assert_eq!(Pattern::new("secret code").unwrap().open(&split(&long)), Some(200));
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        for text in ["(", "", "a*"] {
            let refused = Pattern::new(text).unwrap_err().to_string();
            assert!(refused.contains("patterns") && refused.contains("cannot be used"), "{refused}");
        }
    }
}
