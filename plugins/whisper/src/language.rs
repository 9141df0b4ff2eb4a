//! The language of a stream, if the client chose none.
//!
//! Invariant: a language that was detected in enough audio is kept until another is clearly more likely in enough audio;
//! one that was detected in less is used once. Threads: one at a time.

/// Seconds of audio that are enough.
const ENOUGH: f64 = 3.0;
/// Minimum probability of another language.
const CLEAR: f32 = 0.8;

/// The language so far.
#[derive(Debug, Default)]
pub(crate) struct Language {
    kept: Option<u32>,
}

impl Language {
    /// Returns the language of the next window with `seconds` of audio; `logits` are those of the languages' tokens.
    pub(crate) fn update(&mut self, logits: &[(u32, f32)], seconds: f64) -> Option<u32> {
        let (best, most) = *logits.iter().max_by(|one, other| one.1.total_cmp(&other.1))?;
        let probability = 1.0 / logits.iter().map(|(_, logit)| (logit - most).exp()).sum::<f32>();
        let enough = seconds >= ENOUGH;
        if enough && (self.kept.is_none() || probability >= CLEAR) {
            self.kept = Some(best);
        }
        self.kept.or(Some(best))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPANISH: [(u32, f32); 3] = [(1, 5.0), (2, 4.0), (3, 0.0)];
    const PORTUGUESE: [(u32, f32); 3] = [(1, 4.0), (2, 5.0), (3, 0.0)];
    const ENGLISH: [(u32, f32); 3] = [(1, 0.0), (2, 1.0), (3, 6.0)];

    #[test]
    fn is_kept_until_another_is_clearly_more_likely_in_enough_audio() {
        let mut stream = Language::default();
        // Too little audio: used once.
        assert_eq!(stream.update(&PORTUGUESE, 1.0), Some(2));
        assert_eq!(stream.update(&SPANISH, 3.0), Some(1));
        for (logits, seconds, expected) in
            [(PORTUGUESE, 1.0, 1), (PORTUGUESE, 9.0, 1), (ENGLISH, 1.0, 1), (ENGLISH, 3.0, 3), (SPANISH, 2.0, 3)]
        {
            assert_eq!(stream.update(&logits, seconds), Some(expected), "{logits:?} in {seconds}");
        }
        assert_eq!(Language::default().update(&[], 9.0), None);
    }
}
