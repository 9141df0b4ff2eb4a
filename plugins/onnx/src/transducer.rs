//! A transducer's predictor and joiner: the next symbol, given the audio and the symbols so far.
//!
//! Invariant: opened networks have run once, and their shapes fit together. Rows of several streams, or of several
//! hypotheses, go through a file in one batch. Threads: any, several at once. Source: Graves, Sequence Transduction
//! with Recurrent Neural Networks, 2012; Ghodsi et al., RNN-Transducer with Stateless Prediction Network, ICASSP 2020.

mod joiner;
mod predictor;

use crate::folder::{Pair, naming};
use auricle_plugin_api::Error;
use auricle_plugin_kit::onnx::{Options, Runtime, Sessions};
use ort::{session::Session, value::ValueType};

pub(crate) use joiner::Joiner;
pub(crate) use predictor::{Memory, Prediction, Predictor};

/// How symbols are selected from the joiner's scores.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) blank: usize,
    /// Maximum number of tokens per frame.
    pub(crate) most_a_frame: usize,
    /// Whether the symbol for unknown characters counts as the blank.
    pub(crate) silent_unknown: bool,
}

/// The opened files in addition to the encoder.
pub(crate) struct Transducer {
    pub(crate) predictor: Predictor,
    pub(crate) joiner: Joiner,
    pub(crate) rules: Rules,
    /// The symbol for unknown characters, if it counts as a blank.
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
    /// Opens the two files and runs each once, with frames of this width.
    pub(crate) fn open(
        parts: Parts,
        files: &Pair,
        memory: Memory,
        rules: Rules,
        (width, symbols): (usize, usize),
        unknown: Option<usize>,
    ) -> Result<Self, Error> {
        let predictor = Predictor::open(parts.predictor, memory, rules.blank).map_err(naming(&files.decoder))?;
        let predicted = predictor.begin().predicted.len();
        let joiner = Joiner::open(parts.joiner, width, predicted, symbols).map_err(naming(&files.joiner))?;
        Ok(Self { predictor, joiner, rules, unknown: unknown.filter(|_| rules.silent_unknown) })
    }

    /// Whether a symbol adds no text.
    pub(crate) fn is_silent(&self, symbol: usize) -> bool {
        symbol == self.rules.blank || self.unknown == Some(symbol)
    }
}

/// Maximum number of rows in a batch: one, if the file was exported for one.
fn most_rows(session: &Session, input: usize) -> usize {
    match session.inputs().get(input).map(|input| input.dtype()) {
        Some(ValueType::Tensor { shape, .. }) if shape.first() == Some(&1) => 1,
        _ => usize::MAX,
    }
}
