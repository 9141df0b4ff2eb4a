//! Detects loops in a decode.
//!
//! Whisper sometimes repeats the same few words until it reaches the maximum length. That takes longer than the rest of
//! the decode, and has no meaning. Timestamps are ignored, because they may increase in a loop.

/// Maximum number of tokens in a cycle.
const LONGEST: usize = 16;
/// Fewer tokens may be intended: "no, no, no".
const LEAST: usize = 24;

/// The number of tokens at the end of `text` that only repeat those before them, if a cycle was repeated more than
/// `most` times. With `most` 0 any number is allowed.
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
