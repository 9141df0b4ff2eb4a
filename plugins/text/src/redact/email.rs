//! E-mail addresses, written or said: `jane.doe@example.com`, `jane dot doe at example dot com`, `j d o e at g mail dot com`.
//!
//! The words are joined to one text in which `at`, `dot` and the like are signs, and letters that are spelled out are one word.

use crate::words::Core;
use regex::Regex;
use std::ops::Range;

/// The signs that are said.
const SIGNS: [(&str, char); 7] =
    [("at", '@'), ("dot", '.'), ("underscore", '_'), ("dash", '-'), ("hyphen", '-'), ("minus", '-'), ("plus", '+')];

/// Finds addresses.
#[derive(Debug)]
pub(super) struct Addresses {
    whole: Regex,
    begun: Regex,
}

/// Words as one text.
struct Joined {
    text: String,
    /// Where each word begins.
    starts: Vec<usize>,
}

impl Addresses {
    pub(super) fn new() -> Result<Self, regex::Error> {
        Ok(Self {
            // The part before the sign may have been told already.
            whole: Regex::new(r"(?:[\w.+'-]+|^)@[\w-]+(?:\.[\w-]+)+")?,
            begun: Regex::new(r"[\w.+'-]*(?:@[\w-]*(?:\.[\w-]*)*|\w[._+-])$")?,
        })
    }

    /// The words of each address.
    pub(super) fn find(&self, words: &[&str]) -> Vec<Range<usize>> {
        let joined = Joined::new(words);
        self.whole.find_iter(&joined.text).map(|found| joined.words(found.start(), found.end())).collect()
    }

    /// The first word of an address that has begun at the end.
    pub(super) fn open(&self, words: &[&str]) -> Option<usize> {
        let joined = Joined::new(words);
        let begun = self.begun.find(&joined.text)?;
        (!self.whole.is_match(begun.as_str())).then(|| joined.words(begun.start(), begun.end()).start)
    }
}

impl Joined {
    fn new(words: &[&str]) -> Self {
        let mut joined = Self { text: String::new(), starts: Vec::with_capacity(words.len()) };
        // Whether the next word continues the last one.
        let (mut after_sign, mut after_letter) = (true, false);
        for word in words {
            let Core { core, trail, .. } = Core::new(word);
            let plain = core.to_lowercase();
            let sign = SIGNS.iter().find(|(name, _)| *name == plain).map(|(_, sign)| *sign);
            let is_letter = plain.chars().count() == 1;
            let joins = after_sign || sign.is_some() || (after_letter && is_letter);
            if !joins {
                joined.text.push(' ');
            }
            joined.starts.push(joined.text.len());
            match sign {
                Some(sign) => joined.text.push(sign),
                None => joined.text.push_str(&plain),
            }
            // A sentence ends an address.
            joined.text.push_str(trail);
            (after_sign, after_letter) = (sign.is_some() && trail.is_empty(), is_letter && trail.is_empty());
            if !trail.is_empty() {
                joined.text.push(' ');
            }
        }
        joined
    }

    /// The words between two places in the text.
    fn words(&self, start: usize, end: usize) -> Range<usize> {
        let before = |place: usize| self.starts.partition_point(|start| *start <= place);
        before(start).saturating_sub(1)..before(end.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::split;

    fn found(text: &str) -> Vec<String> {
        let words = split(text);
        Addresses::new().unwrap().find(&words).into_iter().map(|range| words[range].join(" ")).collect()
    }

    fn open(text: &str) -> Option<String> {
        let words = split(text);
        Addresses::new().unwrap().open(&words).map(|first| words[first..].join(" "))
    }

    #[test]
    fn addresses_are_found() {
        for (text, address) in [
            ("write to jane.doe@example.com, please", "jane.doe@example.com,"),
            ("it is Jane dot Doe at example dot com", "Jane dot Doe at example dot com"),
            ("mail jane.doe at example.co.uk now", "jane.doe at example.co.uk"),
            ("j d o e at g m a i l dot com", "j d o e at g m a i l dot com"),
            ("at example dot com then", "at example dot com"),
        ] {
            assert_eq!(found(text), [address]);
        }
        for text in ["I am at home. Dot your i's", "look at this", "three dot one", "meet at noon", ""] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn an_address_that_has_begun_is_open() {
        for (text, begun) in [
            ("it is jane dot", "jane dot"),
            ("it is jane dot doe at", "jane dot doe at"),
            ("it is jane at example", "jane at example"),
            ("it is jane at example dot", "jane at example dot"),
            ("it is jane@example", "jane@example"),
        ] {
            assert_eq!(open(text).as_deref(), Some(begun));
        }
        for text in ["it is jane", "look at this.", "it is jane at example dot com", ""] {
            assert_eq!(open(text), None, "{text}");
        }
    }
}
