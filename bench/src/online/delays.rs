//! How long after its end each word that was heard right became final.

use super::{Told, compose::Spoken};

pub(super) struct Delays {
    /// In seconds, of each word that was spoken, if it was heard right.
    pub(super) words: Vec<Option<f64>>,
    /// Words that were left out, put in or mistaken.
    pub(super) errors: usize,
}

impl Delays {
    /// Of the words that were heard right.
    pub(super) fn right(&self) -> Vec<f64> {
        self.words.iter().flatten().copied().collect()
    }

    /// Of the words that another heard right as well: its delays, and these.
    pub(super) fn beside(&self, other: &Self) -> (Vec<f64>, Vec<f64>) {
        other.words.iter().zip(&self.words).filter_map(|(other, own)| Some(((*other)?, (*own)?))).unzip()
    }
}

/// Lays what was told along what was spoken with the fewest errors; equal words that meet there were heard right.
pub(super) fn delays(spoken: &[Spoken], told: &[Told]) -> Delays {
    let same = |one: usize, other: usize| plain(&spoken[one].text) == plain(&told[other].text);
    // The least errors for each pair of beginnings.
    let mut errors = vec![vec![0usize; told.len() + 1]; spoken.len() + 1];
    for one in 0..=spoken.len() {
        for other in 0..=told.len() {
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
    let (mut one, mut other) = (spoken.len(), told.len());
    while one > 0 && other > 0 {
        let here = errors[one][other];
        let right = same(one - 1, other - 1);
        if here == errors[one - 1][other - 1] + usize::from(!right) {
            (one, other) = (one - 1, other - 1);
            if right {
                words[one] = Some(told[other].at - spoken[one].end);
            }
        } else if here == errors[one - 1][other] + 1 {
            one -= 1;
        } else {
            other -= 1;
        }
    }
    Delays { words, errors: errors[spoken.len()][told.len()] }
}

/// Without what is written but not said.
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
        let told = [(" One,", 1.5), (" too", 2.5), (" three", 3.5), (" five", 4.5)];
        let told: Vec<Told> = told.map(|(text, at)| Told { text: text.to_owned(), at }).into();
        let delays = delays(&spoken, &told);
        assert_eq!(delays.words, [Some(0.5), None, Some(0.5), None]);
        assert_eq!((delays.right(), delays.errors), (vec![0.5, 0.5], 2));
        let nothing = super::delays(&spoken, &[]);
        assert_eq!((nothing.right(), nothing.errors), (vec![], 4));
        let two = super::delays(&spoken, &[Told { text: "three".to_owned(), at: 4.0 }]);
        assert_eq!(delays.beside(&two), (vec![1.0], vec![0.5]));
    }
}
