//! The sides of a case: the engine, and each peer with each of its settings.

use super::{
    Phases,
    ours::{self, Engine, Ours},
    theirs::Theirs,
};
use crate::Done;
use std::{fmt, path::Path};

/// Number of tokens for warming up a peer.
const WARM_UP: usize = 8;
/// Number of letters at the start that must be equal for the engine and CTranslate2, at full precision.
const LEAST_SAME: usize = 20;

/// The precision of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// 8 bits.
    Eight,
    /// The alternative of each side: 32 bits, or 16 for whisper.cpp, which is faster with them.
    Full,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Eight => "8 bits",
            Self::Full => "full precision",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    Auricle,
    /// Shown, but not compared: the encoder with 32 bits, the decoder with 8.
    Mixed,
    CTranslate2,
    WhisperCpp,
}

/// A side of the comparison.
pub(super) struct Side {
    pub(super) maker: Maker,
    pub(super) name: String,
    decoder: Decoder,
    /// The times of warming up; for a peer with a few tokens.
    pub(super) first: Option<Phases>,
    /// The times of each round; `None` after it was excluded.
    pub(super) takes: Vec<Option<Phases>>,
    pub(super) out: bool,
}

enum Decoder {
    Ours(Box<Ours>),
    Theirs(Theirs),
}

impl Side {
    fn new(maker: Maker, name: impl Into<String>, decoder: Decoder) -> Self {
        Self { maker, name: name.into(), decoder, first: None, takes: Vec::new(), out: false }
    }

    /// Decodes the window once.
    pub(super) fn decode(&mut self) -> Done<Phases> {
        match &mut self.decoder {
            Decoder::Ours(ours) => ours.decode(),
            Decoder::Theirs(theirs) => theirs.decode(ours::TOKENS),
        }
    }

    fn warm_up(&mut self) -> Done {
        self.first = Some(match &mut self.decoder {
            Decoder::Ours(ours) => ours.decode()?,
            Decoder::Theirs(theirs) => theirs.decode(WARM_UP)?,
        });
        Ok(())
    }

    /// The text without spaces. Only CTranslate2 has all the rules of the engine.
    fn text(&mut self) -> Done<String> {
        let text = match &mut self.decoder {
            Decoder::Ours(ours) => ours.text(),
            Decoder::Theirs(theirs) => theirs.text()?,
        };
        Ok(text.split_whitespace().collect())
    }

    /// The smallest sum of all rounds, or the estimate from warming up.
    pub(super) fn best(&self) -> f64 {
        let takes = self.takes.iter().flatten().map(Phases::sum).fold(f64::INFINITY, f64::min);
        if takes.is_finite() { takes } else { self.first.map_or(takes, |first| first.sum()) }
    }
}

/// Opens and warms up all sides.
pub(super) fn open(engine: &Engine, work: &Path, size: &str, class: Class, threads: usize) -> Done<Vec<Side>> {
    let models = work.join(size);
    let (own, ctranslate, ggml) = match class {
        Class::Eight => (&[(Maker::Auricle, "int8")][..], "int8", "q8_0"),
        Class::Full => (&[(Maker::Auricle, "fp32"), (Maker::Mixed, "mixed")][..], "float32", "f16"),
    };
    let mut sides = Vec::new();
    for (maker, precision) in own {
        let ours = Ours::open(engine, &format!("{size}/fast-{precision}"), threads)?;
        sides.push(Side::new(*maker, format!("Auricle {precision}"), Decoder::Ours(Box::new(ours))));
    }
    for (setting, variables) in instructions() {
        let theirs = Theirs::ctranslate2(work, &models, ctranslate, threads, variables)?;
        let name = format!("{} {ctranslate}{setting}", theirs.name());
        sides.push(Side::new(Maker::CTranslate2, name, Decoder::Theirs(theirs)));
    }
    for (build, with) in [("plain", ""), ("llamafile", ", llamafile")] {
        for (flash, attention) in [(true, ", flash attention"), (false, "")] {
            let theirs = Theirs::whisper_cpp(work, &models, ggml, threads, build, flash)?;
            let name = format!("{} {ggml}{with}{attention}", theirs.name());
            sides.push(Side::new(Maker::WhisperCpp, name, Decoder::Theirs(theirs)));
        }
    }
    sides.iter_mut().try_for_each(Side::warm_up)?;
    Ok(sides)
}

/// The instruction sets that CTranslate2 can be made to use, besides its own choice.
fn instructions() -> Vec<(&'static str, &'static [(&'static str, &'static str)])> {
    let mut known: Vec<(_, &[_])> = vec![("", &[])];
    #[cfg(target_arch = "x86_64")]
    {
        known.push((", MKL", &[("CT2_USE_MKL", "1")]));
        if std::arch::is_x86_feature_detected!("avx512f") {
            known.push((", AVX512", &[("CT2_FORCE_CPU_ISA", "AVX512")]));
        }
    }
    known
}

/// Checks that the engine and CTranslate2 begin with the same text. Later, rounding may lead to differences.
pub(super) fn compare(sides: &mut [Side]) -> Done {
    let mut text = |maker| sides.iter_mut().find(|side| side.maker == maker).map_or(Ok(String::new()), Side::text);
    let (own, theirs) = (text(Maker::Auricle)?, text(Maker::CTranslate2)?);
    let same = own.chars().zip(theirs.chars()).take_while(|(own, their)| own == their).count();
    println!("of {} letters that Auricle wrote the first {same} are CTranslate2's", own.chars().count());
    if same < LEAST_SAME {
        return Err(format!("they do not compute the same:\nAuricle:     {own}\nCTranslate2: {theirs}").into());
    }
    Ok(())
}
