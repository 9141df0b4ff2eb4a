//! A transducer's predictor and joiner: what comes next, after what was heard and said.
//!
//! Invariant: one that was opened has run and gave shapes that fit one another. Rows of several streams, or of several
//! hypotheses, go through a file together. Threads: any, several at once. Source: Graves, Sequence Transduction with
//! Recurrent Neural Networks, 2012; Ghodsi et al., RNN-Transducer with Stateless Prediction Network, ICASSP 2020.

mod joiner;
mod predictor;

use crate::folder::{Pair, naming};
use auricle_plugin_api::Error;
use auricle_plugin_kit::onnx::{Options, Runtime, Sessions};
use ort::{session::Session, value::ValueType};

pub(crate) use joiner::Joiner;
pub(crate) use predictor::{Memory, Prediction, Predictor};

/// How symbols are taken from what the joiner says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) blank: usize,
    /// Tokens that a frame may give before the next one is looked at.
    pub(crate) most_a_frame: usize,
    /// Whether the symbol for what is unknown counts as the blank.
    pub(crate) silent_unknown: bool,
}

/// The files beside the encoder, opened.
pub(crate) struct Transducer {
    pub(crate) predictor: Predictor,
    pub(crate) joiner: Joiner,
    pub(crate) rules: Rules,
    /// The symbol that counts as the blank besides it.
    unknown: Option<usize>,
}

/// Sessions of the two files.
pub(crate) struct Parts {
    predictor: Sessions,
    joiner: Sessions,
}

impl Parts {
    pub(crate) fn open(runtime: &Runtime, files: &Pair, options: Options) -> Result<Self, Error> {
        let predictor = Sessions::open(runtime, &files.decoder, options)?;
        Ok(Self { predictor, joiner: Sessions::open(runtime, &files.joiner, options)? })
    }

    /// The predictor's file, for its metadata.
    pub(crate) fn predictor(&self) -> &Sessions {
        &self.predictor
    }
}

impl Transducer {
    /// Runs the two files once each, with an encoder's frames of this width.
    pub(crate) fn open(
        parts: Parts,
        files: &Pair,
        memory: Memory,
        rules: Rules,
        (width, symbols): (usize, usize),
        unknown: Option<usize>,
    ) -> Result<Self, Error> {
        let predictor = Predictor::open(parts.predictor, memory, rules.blank).map_err(naming(&files.decoder))?;
        let said = predictor.begin().said.len();
        let joiner = Joiner::open(parts.joiner, width, said, symbols).map_err(naming(&files.joiner))?;
        Ok(Self { predictor, joiner, rules, unknown: unknown.filter(|_| rules.silent_unknown) })
    }

    /// Whether a symbol adds nothing to what is said.
    pub(crate) fn is_silent(&self, symbol: usize) -> bool {
        symbol == self.rules.blank || self.unknown == Some(symbol)
    }
}

/// The most rows that go through a file at once: one, where it was exported for one.
fn most_rows(session: &Session, input: usize) -> usize {
    match session.inputs().get(input).map(|input| input.dtype()) {
        Some(ValueType::Tensor { shape, .. }) if shape.first() == Some(&1) => 1,
        _ => usize::MAX,
    }
}
