//! A decode that goes round in circles.
//!
//! Whisper sometimes writes the same few words again and again, until it has no more room: that costs more than all the rest of
//! a decode and says nothing. Times are left out: a loop may well count on.

/// Tokens in a circle, at most.
const LONGEST: usize = 16;
/// Less than this many tokens may be meant: "no, no, no".
const LEAST: usize = 24;

/// How many tokens at the end of `text` only repeat what stands before them, where it went round in a circle more than `most`
/// times. `most` 0 allows any.
pub(crate) fn circle(text: &[u32], most: usize) -> Option<usize> {
    if most == 0 {
        return None;
    }
    (1..=LONGEST).find_map(|length| {
        let all = (length * (most + 1)).max(LEAST.next_multiple_of(length));
        let end = &text[text.len().checked_sub(all)?..];
        end.windows(length + 1).all(|pair| pair[0] == pair[length]).then_some(all - length)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_found_once_they_are_long() {
        let again = |words: &[u32], times: usize| [&[7, 8, 9][..], &words.repeat(times)].concat();
        assert_eq!(circle(&again(&[1], 23), 8), None);
        assert_eq!(circle(&again(&[1], 24), 8), Some(23));
        assert_eq!(circle(&again(&[1, 2, 3], 8), 8), None);
        assert_eq!(circle(&again(&[1, 2, 3], 9), 8), Some(24));
        assert_eq!(circle(&again(&[1, 2, 1], 9), 8), Some(24));
        assert_eq!(circle(&again(&[1], 100), 0), None);
        assert_eq!(circle(&[], 8), None);
        let all_different: Vec<u32> = (0..400).collect();
        assert_eq!(circle(&all_different, 8), None);
    }
}
