//! Numbers in figures become words, by the crate `num2words`. English.

use crate::words::{Core, Edit, Rule};
use num2words::Num2Words;

/// Longer ones are said digit by digit.
const MOST_DIGITS: usize = 15;

pub(crate) struct Spelled;

impl Rule for Spelled {
    fn edits(&self, words: &[&str]) -> Vec<Edit> {
        let spell = |(place, word): (usize, &&str)| {
            let Core { lead, core, trail } = Core::new(word);
            let text = spelled(core)?;
            // A minus is a part of the number.
            let (lead, sign) = lead.strip_suffix('-').map_or((lead, ""), |lead| (lead, "minus "));
            Some(Edit { range: place..place + 1, text: Some(format!("{lead}{sign}{text}{trail}")) })
        };
        words.iter().enumerate().filter_map(spell).collect()
    }
}

/// A number in words; `None` if this is none.
fn spelled(core: &str) -> Option<String> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = if has_groups(core) { core.replace(',', "") } else { core.to_owned() };
    if let Some(rank) = ["st", "nd", "rd", "th"].iter().find_map(|suffix| plain.strip_suffix(suffix)) {
        return is_digits(rank).then(|| Num2Words::parse(rank)?.ordinal().to_words().ok())?;
    }
    let whole = match plain.split_once('.') {
        Some((whole, parts)) if is_digits(parts) => whole,
        Some(_) => return None,
        None => plain.as_str(),
    };
    if !is_digits(whole) {
        return None;
    }
    if whole.len() > MOST_DIGITS || (whole.len() > 1 && whole.starts_with('0')) {
        return Some(digit_by_digit(&plain));
    }
    Num2Words::parse(&plain)?.to_words().ok()
}

/// Whether commas divide it into thousands, as in `1,250,000`.
fn has_groups(core: &str) -> bool {
    let mut groups = core.split('.').next().unwrap_or_default().split(',');
    groups.next().is_some_and(|first| (1..=3).contains(&first.len())) && groups.all(|group| group.len() == 3)
}

fn digit_by_digit(digits: &str) -> String {
    const NAMES: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let name = |letter: char| letter.to_digit(10).map_or("point", |digit| NAMES[digit as usize]);
    digits.chars().map(name).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{edit_text, split};

    #[test]
    fn numbers_become_words() {
        for (text, expected) in [
            ("I have 25, or 3.5.", "I have twenty-five, or three point five."),
            ("1,000 people", "one thousand people"),
            ("the 21st of June", "the twenty-first of June"),
            ("agent 007", "agent zero zero seven"),
            ("at -5 degrees", "at minus five degrees"),
            ("version 1.2.3, and B12, and 1,2", "version 1.2.3, and B12, and 1,2"),
            ("99999999999999999999", &["nine"; 20].join(" ")),
        ] {
            assert_eq!(edit_text(&split(text), &Spelled.edits(&split(text))), expected);
        }
    }
}
