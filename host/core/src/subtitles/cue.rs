//! Cuts a text into cues that can be read: at most two lines of 42 columns, and at most 7 s.
//!
//! A cue ends where a line may end (Unicode's rules, so languages without spaces work too), if possible behind a punctuation
//! mark. Its times are those of its words, if the engine reports them; else the time of the text is divided by its length. A
//! single word that is longer than a line stays whole.

use crate::native::Text;
use std::ops::Range;
use unicode_linebreak::linebreaks;
use unicode_width::UnicodeWidthStr;

/// Columns of a line. A wide character has two.
const COLUMNS: usize = 42;
/// Seconds of a cue.
const SECONDS: f64 = 7.0;
/// A cue may end earlier, behind a punctuation mark, if it then has this share of what would fit.
const ENOUGH: f64 = 0.5;

/// Lines that are shown for a time.
#[derive(Debug, PartialEq)]
pub(super) struct Cue {
    /// In seconds.
    pub(super) start: f64,
    /// In seconds.
    pub(super) end: f64,
    /// One or two lines.
    pub(super) lines: String,
}

/// The cues of a text; none if it is empty.
pub(super) fn cues(spoken: &Text) -> Vec<Cue> {
    // An empty line would end a cue.
    let text = spoken.text.split_whitespace().collect::<Vec<_>>().join(" ");
    let places: Vec<usize> = linebreaks(&text).map(|(place, _)| place).collect();
    let times = Times::of(spoken, &text);
    let (mut cues, mut start, mut next) = (Vec::new(), 0, 0);
    while start < text.len() {
        let end = cue_end(&text, start, &places[next..], &times);
        next = places.iter().position(|place| *place > end).unwrap_or(places.len());
        let shown = text[start..end].trim_end();
        let (from, to) = (times.start(start), times.end(start + shown.len()));
        cues.push(Cue { start: from, end: to, lines: lines(shown) });
        start = end;
    }
    cues
}

/// Where a cue ends that starts here. `places` are those behind `start` where a line may end.
fn cue_end(text: &str, start: usize, places: &[usize], times: &Times) -> usize {
    let cue = |end: usize| text[start..end].trim_end();
    let fits = |end: usize| {
        let seconds = times.end(start + cue(end).len()) - times.start(start);
        seconds <= SECONDS && (columns(cue(end)) <= COLUMNS || halves(cue(end)).is_some())
    };
    let fitting = places.iter().take_while(|place| fits(**place)).count();
    match &places[..fitting] {
        // One word is a cue, however long it is.
        [] => places.first().copied().unwrap_or(text.len()),
        all if all.len() == places.len() => text.len(),
        some => {
            let most = some[some.len() - 1];
            let enough = columns(cue(most)) as f64 * ENOUGH;
            let is_good = |place: &&usize| cue(**place).ends_with(is_pause) && columns(cue(**place)) as f64 >= enough;
            some.iter().rev().find(is_good).copied().unwrap_or(most)
        }
    }
}

fn is_pause(letter: char) -> bool {
    matches!(
        letter,
        '.' | '!' | '?' | ',' | ';' | ':' | '…' | '。' | '、' | '，' | '！' | '？' | '；' | '：' | '؟' | '،'
    )
}

/// One line, or two of about the same length.
fn lines(text: &str) -> String {
    match halves(text) {
        Some((first, second)) if columns(text) > COLUMNS => format!("{first}\n{second}"),
        _ => text.to_owned(),
    }
}

/// The two lines whose lengths differ least; `None` if the text does not fit in two lines.
fn halves(text: &str) -> Option<(&str, &str)> {
    let pairs = linebreaks(text).map(|(place, _)| (text[..place].trim_end(), &text[place..]));
    let fitting = pairs.filter(|(first, second)| columns(first).max(columns(second)) <= COLUMNS);
    fitting
        .filter(|(_, second)| !second.is_empty())
        .min_by_key(|(first, second)| columns(first).abs_diff(columns(second)))
}

fn columns(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// When each place of a text is spoken.
struct Times(Vec<(usize, f64)>);

impl Times {
    /// Places of the text with their times, in order: its ends, and those of its words.
    fn of(spoken: &Text, text: &str) -> Self {
        let mut known = vec![(0, spoken.start)];
        let mut add = |place: usize, time: f64| {
            let (last, at) = known[known.len() - 1];
            // Times of words that are out of order are not used.
            if place >= last && (at..=spoken.end).contains(&time) {
                known.push((place, time));
            }
        };
        let mut read = 0;
        for word in &spoken.words {
            let Some(Range { start, end }) = find(text, read, word.text.trim()) else { continue };
            add(start, word.start);
            add(end, word.end);
            read = end;
        }
        add(text.len(), spoken.end);
        Self(known)
    }

    /// When what begins at a place is spoken.
    fn start(&self, place: usize) -> f64 {
        self.0.iter().rev().find(|(known, _)| *known == place).map_or_else(|| self.between(place), |(_, time)| *time)
    }

    /// When what ends at a place has been spoken. It differs from the start of what follows by the pause between them.
    fn end(&self, place: usize) -> f64 {
        self.0.iter().find(|(known, _)| *known == place).map_or_else(|| self.between(place), |(_, time)| *time)
    }

    /// Between two known places time passes evenly.
    fn between(&self, place: usize) -> f64 {
        let later = self.0.iter().position(|(known, _)| *known > place).unwrap_or(self.0.len());
        match (self.0.get(later.wrapping_sub(1)), self.0.get(later)) {
            (Some((start, from)), Some((end, to))) => {
                from + (to - from) * (place - start) as f64 / (end - start) as f64
            }
            (Some((_, time)), None) | (None, Some((_, time))) => *time,
            (None, None) => 0.0,
        }
    }
}

/// The next occurrence of a word.
fn find(text: &str, from: usize, word: &str) -> Option<Range<usize>> {
    let start = from + text.get(from..)?.find(word).filter(|_| !word.is_empty())?;
    Some(start..start + word.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::TextWord;
    use proptest::prelude::*;
    use serde_json::Map;

    fn told(spoken: &Text) -> Vec<(f64, f64, String)> {
        cues(spoken).into_iter().map(|cue| (cue.start, cue.end, cue.lines)).collect()
    }

    #[test]
    fn two_lines_have_about_the_same_length() {
        let text = "the quick brown fox jumps over the lazy dog and then it sleeps";
        let lines = "the quick brown fox jumps over\nthe lazy dog and then it sleeps".to_owned();
        assert_eq!(told(&Text::plain(1.0, 4.0, text)), [(1.0, 4.0, lines)]);
    }

    #[test]
    fn a_long_text_is_cut_behind_a_sentence_and_its_time_is_divided() {
        let first = "This is the first sentence, which is long enough to fill two lines.";
        let second = "And this is the second one.";
        let cues = cues(&Text::plain(0.0, 9.5, &format!("{first} {second}")));
        assert_eq!(cues.len(), 2);
        assert_eq!(cues[0].lines.replace('\n', " "), first);
        assert_eq!(cues[1].lines, second);
        assert_eq!((cues[0].start, cues[1].end), (0.0, 9.5));
        assert!((cues[0].end - 9.5 * 67.0 / 95.0).abs() < 0.01, "{cues:?}");
    }

    #[test]
    fn times_are_those_of_the_words() {
        let word =
            |start, end, text: &str| TextWord { start, end, text: text.into(), confidence: None, extra: Map::new() };
        let words = vec![word(0.5, 1.0, "one"), word(1.0, 1.5, "two"), word(8.0, 9.0, "three")];
        let spoken = Text { words, ..Text::plain(0.5, 9.0, "one two three") };
        assert_eq!(told(&spoken), [(0.5, 1.5, "one two".to_owned()), (8.0, 9.0, "three".to_owned())]);
    }

    #[test]
    fn languages_without_spaces_are_cut_too() {
        let text = "今日はとても良い天気ですね。".repeat(8);
        let cues = cues(&Text::plain(0.0, 20.0, &text));
        assert!(cues.len() > 2);
        assert!(cues.iter().flat_map(|cue| cue.lines.lines()).all(|line| columns(line) <= COLUMNS), "{cues:?}");
        assert_eq!(cues.iter().map(|cue| cue.lines.replace('\n', "")).collect::<String>(), text);
    }

    proptest! {
        #[test]
        fn cues_have_all_words_in_order_within_the_bounds(
            words in prop::collection::vec("[a-z]{1,12}[,.]?", 0..60), seconds in 0.1f64..60.0,
        ) {
            let cues = cues(&Text::plain(2.0, 2.0 + seconds, &words.join(" ")));
            let shown: Vec<_> = cues.iter().flat_map(|cue| cue.lines.split_whitespace()).collect();
            prop_assert_eq!(shown, words);
            let mut last = 2.0;
            for Cue { start, end, lines } in &cues {
                prop_assert!(last <= *start + 1e-9 && start <= end && *end <= 2.0 + seconds + 1e-9);
                prop_assert!(end - start <= SECONDS + 1e-9 || !lines.contains(' '));
                prop_assert!(lines.lines().count() <= 2 && lines.lines().all(|line| columns(line) <= COLUMNS));
                last = *end;
            }
        }

        #[test]
        fn any_text_has_cues(text in ".{0,200}", other in ".{0,20}") {
            let word = TextWord { start: 1.0, end: 0.5, text: other, confidence: None, extra: Map::new() };
            let _ = cues(&Text { words: vec![word; 3], ..Text::plain(0.0, 5.0, &text) });
        }
    }
}
