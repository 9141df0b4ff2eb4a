//! A draft: the previous text of a stream, which the next one mostly repeats.
//!
//! The tokens that a draft proposes are decoded in one call, and kept as far as the model would have selected them. So a
//! draft changes how long a decode takes, not its text, apart from the rounding of sums. Source: Leviathan et al. 2023,
//! "Fast Inference from Transformers via Speculative Decoding", with the earlier text in place of a smaller model.

/// Maximum number of proposed tokens. The cost of a call grows with them: with 16 a stream needs no less processor time.
const MOST: usize = 8;
/// Number of tokens before and after the expected one among which a different one is looked for.
const NEAR: usize = 3;

/// A draft, and where the text is in it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Draft<'a> {
    tokens: &'a [u32],
    /// Index of the token that is expected next.
    next: usize,
    /// The last token of the text.
    last: Option<u32>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(tokens: &'a [u32]) -> Self {
        Self { tokens, next: 0, last: None }
    }

    /// The tokens that probably follow.
    pub(super) fn propose(&self) -> &'a [u32] {
        let rest = &self.tokens[self.next.min(self.tokens.len())..];
        &rest[..rest.len().min(MOST)]
    }

    /// The text continues with `token`.
    pub(super) fn follow(&mut self, token: u32) {
        let last = self.last.replace(token);
        if self.tokens.get(self.next) == Some(&token) {
            self.next += 1;
            return;
        }
        // A word was added, left out or replaced; or audio was cut off at the start, so that the text goes on elsewhere.
        let near = (0..=2 * NEAR).map(|by| (self.next + by).wrapping_sub(NEAR));
        let near = near.filter(|at| self.tokens.get(*at) == Some(&token)).min_by_key(|at| at.abs_diff(self.next));
        let pair =
            || self.tokens.windows(2).position(|pair| Some(pair[0]) == last && pair[1] == token).map(|at| at + 1);
        self.next = near.or_else(pair).unwrap_or(self.next) + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_found_again_after_a_difference() {
        let tokens: Vec<u32> = (0..40).collect();
        let mut draft = Draft::new(&tokens);
        assert_eq!(draft.propose(), [0, 1, 2, 3, 4, 5, 6, 7]);
        // As drafted; another token in place of 1; an added one; some left out; one repeated.
        for (token, next) in [(0, 1), (77, 2), (2, 3), (88, 4), (3, 4), (6, 7), (6, 7), (7, 8)] {
            draft.follow(token);
            assert_eq!(draft.propose().first().copied(), Some(next), "after {token}");
        }
        // A text that goes on elsewhere is found by two tokens; one may be there by chance.
        for (token, next) in [(30, 9), (31, 32), (12, 33), (13, 14), (39, 15)] {
            draft.follow(token);
            assert_eq!(draft.propose().first().copied(), Some(next), "after {token}");
        }
        (0..50).for_each(|token| draft.follow(100 + token));
        assert!(draft.propose().is_empty() && Draft::default().propose().is_empty());
    }
}
