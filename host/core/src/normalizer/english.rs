//! The words of an English text, as Whisper's normalizer is described. The tables are our own.
//!
//! Beyond the description there is nothing: digits that are spoken one by one stay words of their own ("two oh one" is `2 o 1`),
//! years of two numbers too ("twenty nineteen" is `20 19`), and the tables of contractions and spellings have what is common.

mod amounts;
mod contractions;
mod spelling;

use std::borrow::Cow;
use text2num::{lang::English, replace_numbers_in_text};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// What people say while they think.
const HESITATIONS: [&str; 6] = ["hmm", "mm", "mhm", "mmm", "uh", "um"];

/// The words of a text.
pub(super) fn words(text: &str) -> Vec<String> {
    let text = plain(&without_asides(&text.to_lowercase()));
    let said = text.split_whitespace().filter(|word| !HESITATIONS.contains(word));
    let whole: Vec<Cow<'_, str>> = said.map(contractions::written_out).collect();
    let multiplied = amounts::multiplied(whole.iter().flat_map(|words| words.split_whitespace()));
    let digits = replace_numbers_in_text(&multiplied.join(" "), &English::new(), 0.0);
    amounts::with_units(&digits).into_iter().map(spelling::american).collect()
}

/// The text without what stands in brackets: noises and notes.
fn without_asides(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::new();
    while let Some(open) = rest.find(['(', '[', '<']) {
        let close = match rest.as_bytes()[open] {
            b'(' => ')',
            b'[' => ']',
            _ => '>',
        };
        let Some(length) = rest[open..].find(close) else { break };
        plain.push_str(&rest[..open]);
        plain.push(' ');
        rest = &rest[open + length + 1..];
    }
    plain + rest
}

/// Letters, digits, apostrophes within words, and the signs that belong to numbers; everything else separates words.
fn plain(text: &str) -> String {
    let letters: Vec<char> = text.nfkd().filter(|letter| !is_combining_mark(*letter)).collect();
    let mut plain = String::with_capacity(text.len());
    for (place, letter) in letters.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|place| letters.get(place)).copied().unwrap_or(' ');
        let after = letters.get(place + 1).copied().unwrap_or(' ');
        let is_in_number = before.is_ascii_digit() && after.is_ascii_digit();
        match letter {
            'ß' => plain.push_str("ss"),
            'æ' => plain.push_str("ae"),
            'œ' => plain.push_str("oe"),
            'ø' => plain.push('o'),
            'ł' => plain.push('l'),
            letter if letter.is_alphanumeric() => plain.push(*letter),
            '\'' | '\u{2019}' if before.is_alphanumeric() && after.is_alphanumeric() => plain.push('\''),
            // A contraction with white space: "it 's".
            '\'' | '\u{2019}' if before.is_whitespace() && begins_with_end(&letters[place + 1..]) => {
                plain.truncate(plain.trim_end().len());
                plain.push('\'');
            }
            ',' if is_in_number => {}
            '.' if is_in_number => plain.push('.'),
            '%' if before.is_ascii_digit() => plain.push_str(" percent "),
            '$' | '£' | '€' if after.is_ascii_digit() => {
                plain.push(' ');
                plain.push(*letter);
            }
            _ => plain.push(' '),
        }
    }
    plain
}

/// Whether the first word is what follows the apostrophe of a contraction.
fn begins_with_end(letters: &[char]) -> bool {
    let word: String = letters.iter().take_while(|letter| letter.is_alphanumeric()).take(3).collect();
    contractions::is_end(&word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn normal(text: &str) -> String {
        words(text).join(" ")
    }

    #[test]
    fn texts_that_mean_the_same_have_the_same_words() {
        for (one, other, words) in [
            ("Twenty-five.", "25", "25"),
            ("one hundred and one Dalmatians", "101 dalmatians", "101 dalmatians"),
            ("Ten thousand dollars", "$10,000", "$10000"),
            ("two million people", "2 million people", "2000000 people"),
            ("five per cent", "5%", "5%"),
            ("three point one four", "3.14", "3.14"),
            ("the twenty-first century", "The 21st century!", "the 21st century"),
            ("it's we're can't won't", "it is we are can not will not", "it is we are can not will not"),
            ("it 's here", "it’s here", "it is here"),
            ("Mr. Smith's", "mister smith is", "mister smith is"),
            ("gonna", "going to", "going to"),
            ("uh, [noise] the colour (laughs) um centre", "The color center", "the color center"),
            ("organised travelling neighbours", "organized traveling neighbors", "organized traveling neighbors"),
            ("Café Zoë", "cafe zoe", "cafe zoe"),
            ("realism analysis", "realism, analysis", "realism analysis"),
        ] {
            assert_eq!((normal(one).as_str(), normal(other).as_str()), (words, words));
        }
    }

    #[test]
    fn what_is_not_done_stays_as_it_was() {
        assert_eq!(normal("twenty nineteen"), "20 19");
        assert_eq!(normal("four seven one"), "4 7 1");
        assert_eq!(normal("a (b and c"), "a b and c");
        assert_eq!(normal("rock 'n' roll"), "rock n roll");
        assert_eq!(normal("!?"), "");
    }

    proptest! {
        #[test]
        fn any_text_has_words_without_spaces(text in ".{0,100}") {
            prop_assert!(words(&text).iter().all(|word| !word.is_empty() && !word.contains(char::is_whitespace)));
        }
    }
}
