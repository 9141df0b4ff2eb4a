//! Who takes part in a case: the engine, and each peer in each of its settings.

use super::{
    Phases,
    ours::{self, Engine, Ours},
    theirs::Theirs,
};
use crate::Done;
use std::{fmt, path::Path};

/// Tokens that warm a peer up.
const WARM_UP: usize = 8;
/// Letters that the engine and CTranslate2 must begin with alike, at full precision.
const LEAST_SAME: usize = 20;

/// How exact the weights are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// 8 bits.
    Eight,
    /// What each has instead: 32 bits, or 16 at whisper.cpp, which is faster with them.
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
    /// Shown, but not compared: the encoder of 32 bits with the decoder of 8.
    Mixed,
    CTranslate2,
    WhisperCpp,
}

/// Somebody who decodes.
pub(super) struct Side {
    pub(super) maker: Maker,
    pub(super) name: String,
    decoder: Decoder,
    /// What it took to warm up: of a peer a few tokens.
    pub(super) first: Option<Phases>,
    /// What each round took; `None` where it was left out.
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

    /// What it writes, without spaces. Only CTranslate2 has all the rules that the engine has.
    fn text(&mut self) -> Done<String> {
        let text = match &mut self.decoder {
            Decoder::Ours(ours) => ours.text(),
            Decoder::Theirs(theirs) => theirs.text()?,
        };
        Ok(text.split_whitespace().collect())
    }

    /// The least sum of all rounds, or what warming up foretold.
    pub(super) fn best(&self) -> f64 {
        let takes = self.takes.iter().flatten().map(Phases::sum).fold(f64::INFINITY, f64::min);
        if takes.is_finite() { takes } else { self.first.map_or(takes, |first| first.sum()) }
    }
}

/// Everybody, warmed up.
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

/// What CTranslate2 can be made to compute with, other than it chooses by itself.
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

/// Wants the engine and CTranslate2 to write the same for a while: the least difference of two numbers may part them.
pub(super) fn compare(sides: &mut [Side]) -> Done {
    let mut text = |maker| sides.iter_mut().find(|side| side.maker == maker).map_or(Ok(String::new()), Side::text);
    let (own, theirs) = (text(Maker::Auricle)?, text(Maker::CTranslate2)?);
    let same = own.chars().zip(theirs.chars()).take_while(|(own, their)| own == their).count();
    println!("of {} letters that Auricle wrote the first {same} are CTranslate2's", own.chars().count());
    if same < LEAST_SAME {
        return Err(
            format!("they do not compute the same:\nAuricle wrote     {own}\nCTranslate2 wrote {theirs}").into()
        );
    }
    Ok(())
}
