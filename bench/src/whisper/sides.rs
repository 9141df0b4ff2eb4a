//! Who takes part in a case: the engine, and each peer in each of its settings.

use super::{Phases, ours::Ours, theirs::Theirs};
use crate::Done;
use std::{fmt, path::Path};

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
    /// What each round took; `None` where it was left out.
    pub(super) takes: Vec<Option<Phases>>,
    pub(super) out: bool,
}

enum Decoder {
    Ours(Ours),
    Theirs(Theirs),
}

impl Side {
    fn new(maker: Maker, name: impl Into<String>, decoder: Decoder) -> Self {
        Self { maker, name: name.into(), decoder, takes: Vec::new(), out: false }
    }

    /// Decodes the window once.
    pub(super) fn decode(&mut self) -> Done<Phases> {
        match &mut self.decoder {
            Decoder::Ours(ours) => ours.decode(),
            Decoder::Theirs(theirs) => theirs.decode(),
        }
    }

    /// The least sum of all rounds.
    pub(super) fn best(&self) -> f64 {
        self.takes.iter().flatten().map(Phases::sum).fold(f64::INFINITY, f64::min)
    }
}

/// Everybody, having decoded once to warm up.
pub(super) fn open(work: &Path, size: &str, class: Class, threads: usize) -> Done<Vec<Side>> {
    let models = work.join(size);
    let (own, ctranslate, ggml) = match class {
        Class::Eight => (&[(Maker::Auricle, "int8")][..], "int8", "q8_0"),
        Class::Full => (&[(Maker::Auricle, "fp32"), (Maker::Mixed, "mixed")][..], "float32", "f16"),
    };
    let mut sides = Vec::new();
    for (maker, precision) in own {
        let ours = Ours::open(&models, &format!("fast-{precision}"), threads)?;
        sides.push(Side::new(*maker, format!("Auricle {precision}"), Decoder::Ours(ours)));
    }
    for (setting, variables) in
        [("", &[][..]), (", AVX512", &[("CT2_FORCE_CPU_ISA", "AVX512")][..]), (", MKL", &[("CT2_USE_MKL", "1")][..])]
    {
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
    for side in &mut sides {
        side.decode()?;
    }
    Ok(sides)
}
