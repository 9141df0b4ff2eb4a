//! Compares the words of a stream whose server died with those of an uncut run.

use auricle_plugin_test::words::words;

/// A word with its time, in seconds.
pub type TimedWord = (f64, String);

/// How far from a seam words may differ, in seconds.
const NEAR: f64 = 5.0;

/// The differences from an uncut run.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Differences {
    /// Words that are replaced by others near a seam.
    pub substituted: usize,
    /// Words that are lost, added, or replaced far from every seam, with what they are.
    pub wrong: Vec<String>,
}

/// The words of a text from one time to another. Their times are spread evenly.
pub fn timed(text: &str, start: f64, end: f64) -> Vec<TimedWord> {
    let words = words(text);
    let step = (end - start) / words.len().max(1) as f64;
    words.into_iter().enumerate().map(|(at, word)| (start + step * (at as f64 + 0.5), word)).collect()
}

/// Compares the words of an uncut run with those of another, whose seams are at these times.
pub fn differences(uncut: &[TimedWord], other: &[TimedWord], seams: &[f64]) -> Differences {
    let mut found = Differences::default();
    for step in alignment(uncut, other) {
        match step {
            (Some(a), Some(b)) if a.1 == b.1 => {}
            (Some(a), Some(_)) if seams.iter().any(|seam| (seam - a.0).abs() <= NEAR) => found.substituted += 1,
            (Some(a), Some(b)) => found.wrong.push(format!("`{}` became `{}` at {:.1} s", a.1, b.1, a.0)),
            (Some(a), None) => found.wrong.push(format!("`{}` is lost at {:.1} s", a.1, a.0)),
            (None, Some(b)) => found.wrong.push(format!("`{}` is added at {:.1} s", b.1, b.0)),
            (None, None) => {}
        }
    }
    found
}

/// The cheapest alignment: pairs of words, or a word on one side only.
fn alignment<'a>(
    uncut: &'a [TimedWord],
    other: &'a [TimedWord],
) -> Vec<(Option<&'a TimedWord>, Option<&'a TimedWord>)> {
    let width = other.len() + 1;
    let mut costs = vec![0_usize; (uncut.len() + 1) * width];
    for row in 0..=uncut.len() {
        for column in 0..width {
            let at = |row: usize, column: usize| costs[row * width + column];
            costs[row * width + column] = match (row, column) {
                (0, _) => column,
                (_, 0) => row,
                _ => {
                    let differs = usize::from(uncut[row - 1].1 != other[column - 1].1);
                    (at(row - 1, column - 1) + differs).min(at(row - 1, column) + 1).min(at(row, column - 1) + 1)
                }
            };
        }
    }
    let (mut row, mut column, mut steps) = (uncut.len(), other.len(), Vec::new());
    while row > 0 || column > 0 {
        let here = costs[row * width + column];
        let cost = |row: usize, column: usize| costs[row * width + column];
        let differs = row > 0 && column > 0 && uncut[row - 1].1 != other[column - 1].1;
        if row > 0 && column > 0 && here == cost(row - 1, column - 1) + usize::from(differs) {
            (row, column) = (row - 1, column - 1);
            steps.push((uncut.get(row), other.get(column)));
        } else if row > 0 && here == cost(row - 1, column) + 1 {
            row -= 1;
            steps.push((uncut.get(row), None));
        } else {
            column -= 1;
            steps.push((None, other.get(column)));
        }
    }
    steps.reverse();
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A word each second.
    fn said(text: &str) -> Vec<TimedWord> {
        let words = words(text);
        let end = words.len() as f64;
        timed(text, 0.0, end)
    }

    const UNCUT: &str = "a b c d e f g h i j k l m n o p q r s t";

    #[test]
    fn equal_words_do_not_differ() {
        assert_eq!(differences(&said(UNCUT), &said(UNCUT), &[]), Differences::default());
    }

    #[test]
    fn a_lost_word_is_found_also_near_a_seam() {
        for seams in [&[][..], &[3.0]] {
            let found = differences(&said(UNCUT), &said(&UNCUT.replace("d ", "")), seams);
            assert_eq!(found.wrong, ["`d` is lost at 3.5 s"]);
        }
    }

    #[test]
    fn a_doubled_word_is_found_also_near_a_seam() {
        let found = differences(&said(UNCUT), &said(&UNCUT.replace("d ", "d d ")), &[3.0]);
        assert_eq!((found.wrong.len(), found.substituted), (1, 0), "{found:?}");
        assert!(found.wrong[0].starts_with("`d` is added at "), "{found:?}");
    }

    #[test]
    fn a_word_may_be_another_near_a_seam_only() {
        let other = said(&UNCUT.replace("d ", "x ").replace("s ", "y "));
        let found = differences(&said(UNCUT), &other, &[5.0]);
        assert_eq!((found.substituted, &found.wrong[..]), (1, &["`s` became `y` at 18.5 s".to_owned()][..]));
        assert_eq!(differences(&said(UNCUT), &other, &[5.0, 20.0]).substituted, 2);
    }

    #[test]
    fn a_lost_end_is_found_word_by_word() {
        let found = differences(&said(UNCUT), &said("a b c d e f g h i j k l m n o p q"), &[20.0]);
        assert_eq!(found.wrong.len(), 3);
    }
}
