//! Normalizers: the words of a text as they are compared. Two texts are compared after the same one.

mod english;

use super::word_errors;
use std::{
    fmt::{self, Display, Formatter},
    str::FromStr,
};

/// How the words of a text are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Normalizer {
    /// As they are written: case and punctuation count.
    None,
    /// In lower case and without punctuation.
    #[default]
    Basic,
    /// English, as Whisper's normalizer is described (Radford et al., "Robust Speech Recognition via Large-Scale Weak
    /// Supervision", 2022, appendix C): also without what stands in brackets, hesitations and accents, with contractions
    /// written out, numbers in digits, and American spelling.
    WhisperEnglish,
}

/// There is no normalizer of this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of `none`, `basic`, `whisper-english`")]
pub struct UnknownNormalizer;

impl Normalizer {
    /// All normalizers.
    pub const ALL: [Self; 3] = [Self::None, Self::Basic, Self::WhisperEnglish];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "basic",
            Self::WhisperEnglish => "whisper-english",
        }
    }

    /// The words of a text.
    pub fn words(self, text: &str) -> Vec<String> {
        match self {
            Self::None => text.split_whitespace().map(str::to_owned).collect(),
            Self::Basic => word_errors::words(text),
            Self::WhisperEnglish => english::words(text),
        }
    }
}

impl Display for Normalizer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Normalizer {
    type Err = UnknownNormalizer;

    fn from_str(name: &str) -> Result<Self, UnknownNormalizer> {
        Self::ALL.into_iter().find(|normalizer| normalizer.name() == name).ok_or(UnknownNormalizer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_normalizer_has_its_words() {
        let text = "It's  2,500 Euro, (laughs) ÉTÉ!";
        for (name, words) in [
            ("none", "It's 2,500 Euro, (laughs) ÉTÉ!"),
            ("basic", "it's 2 500 euro laughs été"),
            ("whisper-english", "it is €2500 ete"),
        ] {
            let normalizer: Normalizer = name.parse().unwrap();
            assert_eq!(normalizer.words(text).join(" "), words);
            assert_eq!(normalizer.to_string(), name);
        }
        assert_eq!("english".parse::<Normalizer>(), Err(UnknownNormalizer));
    }
}
