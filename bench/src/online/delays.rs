//! The delay from the end of each correctly recognised word until it was final.

use super::{FinalWord, compose::Spoken};

pub(super) struct Delays {
    /// For each spoken word its delay in seconds, if it was recognised correctly.
    pub(super) words: Vec<Option<f64>>,
    /// Number of words that were deleted, inserted or replaced.
    pub(super) errors: usize,
}

impl Delays {
    /// The delays of the correctly recognised words.
    pub(super) fn right(&self) -> Vec<f64> {
        self.words.iter().flatten().copied().collect()
    }

    /// The delays of the words that both recognised correctly: the other's, and these.
    pub(super) fn beside(&self, other: &Self) -> (Vec<f64>, Vec<f64>) {
        other.words.iter().zip(&self.words).filter_map(|(other, own)| Some(((*other)?, (*own)?))).unzip()
    }
}

/// Aligns the recognised words with the spoken ones with the fewest errors. Aligned words that are equal were
/// recognised correctly.
pub(super) fn delays(spoken: &[Spoken], finals: &[FinalWord]) -> Delays {
    let same = |one: usize, other: usize| plain(&spoken[one].text) == plain(&finals[other].text);
    // The fewest errors for each pair of beginnings.
    let mut errors = vec![vec![0usize; finals.len() + 1]; spoken.len() + 1];
    for one in 0..=spoken.len() {
        for other in 0..=finals.len() {
            errors[one][other] = match (one, other) {
                (0, rest) | (rest, 0) => rest,
                _ => {
                    let mistaken = errors[one - 1][other - 1] + usize::from(!same(one - 1, other - 1));
                    mistaken.min(errors[one - 1][other] + 1).min(errors[one][other - 1] + 1)
                }
            };
        }
    }
    let mut words = vec![None; spoken.len()];
    let (mut one, mut other) = (spoken.len(), finals.len());
    while one > 0 && other > 0 {
        let here = errors[one][other];
        let right = same(one - 1, other - 1);
        if here == errors[one - 1][other - 1] + usize::from(!right) {
            (one, other) = (one - 1, other - 1);
            if right {
                words[one] = Some(finals[other].at - spoken[one].end);
            }
        } else if here == errors[one - 1][other] + 1 {
            one -= 1;
        } else {
            other -= 1;
        }
    }
    Delays { words, errors: errors[spoken.len()][finals.len()] }
}

/// The word without punctuation.
fn plain(word: &str) -> String {
    word.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_heard_right_have_delays_and_the_others_are_errors() {
        let spoken: Vec<Spoken> = ["one", "two", "three", "four"]
            .iter()
            .enumerate()
            .map(|(place, text)| Spoken::at(text, place as f64 + 1.0))
            .collect();
        let finals = [(" One,", 1.5), (" too", 2.5), (" three", 3.5), (" five", 4.5)];
        let finals: Vec<FinalWord> = finals.map(|(text, at)| FinalWord { text: text.to_owned(), at }).into();
        let delays = delays(&spoken, &finals);
        assert_eq!(delays.words, [Some(0.5), None, Some(0.5), None]);
        assert_eq!((delays.right(), delays.errors), (vec![0.5, 0.5], 2));
        let nothing = super::delays(&spoken, &[]);
        assert_eq!((nothing.right(), nothing.errors), (vec![], 4));
        let two = super::delays(&spoken, &[FinalWord { text: "three".to_owned(), at: 4.0 }]);
        assert_eq!(delays.beside(&two), (vec![1.0], vec![0.5]));
    }
}
