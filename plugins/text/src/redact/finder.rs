//! Finds what is to be hidden in a list of words, and what may become it.

use super::{
    digits::{self, Run},
    email::Addresses,
    patterns::Pattern,
};
use crate::words::{Core, Edit};
use auricle_plugin_api::Error;
use rustrict::{CensorStr, Type};
use std::{ops::Range, sync::Arc};

/// A run of digits is a card number from here on,
const CARD_DIGITS: usize = 13;
/// and a phone number from here on.
const PHONE_DIGITS: usize = 7;
/// No card number is longer.
const MOST_CARD_DIGITS: usize = 19;

/// What is to be found, as the preset has it.
pub(super) struct Settings {
    pub(super) kinds: Vec<String>,
    pub(super) profanity: bool,
    pub(super) patterns: Vec<String>,
    pub(super) mark: Option<String>,
}

/// Finds it.
pub(super) struct Finder {
    card: bool,
    phone: bool,
    addresses: Option<Addresses>,
    profanity: bool,
    patterns: Vec<Arc<Pattern>>,
    mark: Option<String>,
}

impl Finder {
    /// # Errors
    /// A pattern cannot be used.
    pub(super) fn new(settings: Settings) -> Result<Self, Error> {
        let has = |kind: &str| settings.kinds.iter().any(|wanted| wanted == kind);
        Ok(Self {
            card: has("card"),
            phone: has("phone"),
            addresses: has("email")
                .then(Addresses::new)
                .transpose()
                .map_err(|problem| Error::other(problem.to_string()))?,
            profanity: settings.profanity,
            patterns: settings
                .patterns
                .iter()
                .map(|text| Pattern::new(text).map(Arc::new))
                .collect::<Result<_, _>>()?,
            mark: settings.mark,
        })
    }

    /// What is to be hidden: a mark for each range of words, in order.
    pub(super) fn find(&self, words: &[&str]) -> Vec<Edit> {
        let mut found: Vec<(Range<usize>, &str)> = Vec::new();
        let runs = digits::runs(words).into_iter().filter_map(|run| Some((self.kind(&run)?, run)));
        found.extend(runs.map(|(kind, run)| (run.words, kind)));
        let addresses = self.addresses.iter().flat_map(|addresses| addresses.find(words));
        found.extend(addresses.map(|range| (range, "[email]")));
        let patterns = self.patterns.iter().flat_map(|pattern| pattern.find(words));
        found.extend(patterns.map(|range| (range, "[redacted]")));
        if self.profanity {
            let swears = |(_, word): &(usize, &&str)| {
                Core::new(word).core.is((Type::PROFANE | Type::OFFENSIVE) & Type::MODERATE_OR_HIGHER)
            };
            let places = words.iter().enumerate().filter(swears);
            found.extend(places.map(|(place, _)| (place..place + 1, "[profanity]")));
        }
        self.edits(found, words)
    }

    /// The first word of what may go on as something to hide after the end.
    pub(super) fn open(&self, words: &[&str]) -> Option<usize> {
        let reaches_end = |run: &Run| words[run.words.end..].iter().all(|word| digits::is_filler(word));
        let run = digits::runs(words).pop().filter(|run| self.is_open(run) && reaches_end(run));
        let address = self.addresses.as_ref().and_then(|addresses| addresses.open(words));
        let patterns = self.patterns.iter().filter_map(|pattern| pattern.open(words));
        let doubling = digits::doubling(words).filter(|_| self.card || self.phone);
        run.map(|run| run.words.start).into_iter().chain(doubling).chain(address).chain(patterns).min()
    }

    fn kind(&self, run: &Run) -> Option<&'static str> {
        match run.digits {
            CARD_DIGITS.. if self.card => Some("[card]"),
            PHONE_DIGITS.. if self.phone => Some("[phone]"),
            _ => None,
        }
    }

    fn is_open(&self, run: &Run) -> bool {
        let most = if self.card { MOST_CARD_DIGITS } else { CARD_DIGITS };
        (self.card || self.phone) && run.digits < most
    }

    /// One edit for ranges that overlap.
    fn edits(&self, mut found: Vec<(Range<usize>, &str)>, words: &[&str]) -> Vec<Edit> {
        found.sort_by_key(|(range, _)| (range.start, range.end));
        let mut joined: Vec<(Range<usize>, &str)> = Vec::new();
        for (range, mark) in found {
            match joined.last_mut() {
                Some((last, _)) if range.start < last.end => last.end = last.end.max(range.end),
                _ => joined.push((range, mark)),
            }
        }
        let edit = |(range, mark): (Range<usize>, &str)| {
            let trail =
                Core::new(words[range.end - 1]).trail.trim_start_matches(|letter: char| !".,;:?!".contains(letter));
            let mark = self.mark.as_deref().unwrap_or(mark);
            Edit { range, text: Some(format!("{mark}{trail}")) }
        };
        joined.into_iter().map(edit).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::words::{edit_text, split};

    /// A finder of everything.
    pub(in super::super) fn finder() -> Finder {
        let kinds = ["card", "phone", "email"].map(str::to_owned).to_vec();
        let patterns = vec![r"(?i)\bcase [a-z]{2}\d+".to_owned()];
        Finder::new(Settings { kinds, profanity: true, patterns, mark: None }).unwrap()
    }

    #[test]
    fn what_is_to_be_hidden_is_found() {
        for (text, expected) in [
            ("my card is 4111 1111 1111 1111.", "my card is [card]."),
            ("call five five five one two one two now", "call [phone] now"),
            ("call (555) 121-2123, or write to a.b@example.com!", "call [phone], or write to [email]!"),
            ("oh shit, it is case AB12", "oh [profanity], it is [redacted]"),
            ("in 2026 we had 3 of them", "in 2026 we had 3 of them"),
        ] {
            let words = split(text);
            assert_eq!(edit_text(&words, &finder().find(&words)), expected);
        }
    }

    #[test]
    fn what_has_begun_is_open() {
        for (text, begun) in [
            ("my card is 4111 1111", Some(3)),
            ("call five five five one two one two", Some(1)),
            ("it is one", Some(2)),
            ("it is double", Some(2)),
            ("write to jane dot", Some(2)),
            ("see case", Some(1)),
            ("my card is 4111 1111 1111 1111 111", None),
            ("hello", None),
        ] {
            assert_eq!(finder().open(&split(text)), begun, "{text}");
        }
    }
}
