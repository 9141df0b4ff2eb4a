//! NeMo's cache-aware streaming networks (FastConformer and relatives), as exported for sherpa-onnx: CTC and
//! transducer.
//!
//! The files' inputs and outputs go by position, their names are free. Encoder: features [batch, bins, frames], their
//! length, and the caches `last_channel`, `last_time` and `last_channel_len`; log-probabilities [batch, frames,
//! symbols], or for a transducer frames [batch, width, frames], their length, and the caches again. Predictor: a token
//! [batch, 1], its length, and two states [layers, batch, hidden]; its output [batch, hidden, 1], a length, and the
//! states again. The metadata contain window, shift, subsampling, the vocabulary without the blank, and the states'
//! shapes. The blank is the last symbol. Features are NeMo's without normalisation. Source: sherpa-onnx,
//! online-nemo-ctc-model.cc and online-transducer-nemo-model.cc, and the results of its release 2.0.1.

use super::{Head, Reading, count, declared, fits, number, text};
use crate::{
    cache::{Cache, Kind},
    encoder::{Layout, Order},
    graph::Optimization,
    transducer::{Memory, Rules},
};
use auricle_plugin_api::Error;
use auricle_plugin_kit::fbank;
use ort::session::Session;

/// Metadata key that identifies this kind.
pub(super) const MARK: &str = "cache_last_channel_dim1";
/// Maximum number of tokens per frame.
const MOST_A_FRAME: usize = 10;

pub(super) fn is(encoder: &Session) -> Result<bool, Error> {
    Ok(text(encoder, MARK)?.is_some())
}

pub(super) fn read(encoder: &Session, predictor: Option<&Session>) -> Result<Reading, Error> {
    let what = if predictor.is_some() { "transducer" } else { "CTC model" };
    let foreign = |problem: Error| {
        let problem = problem.message;
        Error::model(format!("is not a streaming NeMo {what} as exported for sherpa-onnx: {problem}"))
    };
    reading(encoder, predictor).map_err(foreign)
}

fn reading(encoder: &Session, predictor: Option<&Session>) -> Result<Reading, Error> {
    let number = |key: &str| number(encoder, key);
    let dims = |name: &str| -> Result<Vec<usize>, Error> {
        (1..=3).map(|dim| number(&format!("cache_last_{name}_dim{dim}"))).collect()
    };
    let (channel, time) = (dims("channel")?, dims("time")?);
    let model_width = channel[2];
    let symbols = number("vocab_size")?.saturating_add(1);
    let mut features = fbank::Options::nemo();
    features.bins = declared(encoder.inputs().first(), 1).unwrap_or(features.bins);
    let window = number("window_size")?;
    if encoder.inputs().iter().any(|input| input.name() == "prompt_index") {
        return Err(Error::model("it requires the language (input `prompt_index`), which is not supported yet"));
    }
    let mut shapes = vec![(channel.clone(), Kind::Floats), (time, Kind::Floats), (Vec::new(), Kind::Integers)];
    // Then the first cache has keys, and the values follow after the others.
    shapes.extend(text(encoder, Optimization::ProjectedCache.mark())?.map(|_| (channel, Kind::Floats)));
    count("inputs", encoder.inputs(), 2 + shapes.len())?;
    count("outputs", encoder.outputs(), 2 + shapes.len())?;
    let caches = shapes.into_iter().zip(&encoder.inputs()[2..]).map(|((mut shape, kind), input)| {
        shape.insert(0, 1);
        Cache { name: input.name().to_owned(), shape, axis: 0, kind }
    });
    let caches: Vec<Cache> = caches.collect();
    fits(&encoder.inputs()[0], Kind::Floats, &[1, features.bins, window])?;
    fits(&encoder.inputs()[1], Kind::Integers, &[1])?;
    for (cache, input) in caches.iter().zip(&encoder.inputs()[2..]) {
        fits(input, cache.kind, &cache.shape)?;
    }
    let (width, head) = match predictor {
        None => (symbols, Head::Ctc),
        Some(_) => {
            if let Some(found) = text(encoder, "normalize_type")?.filter(|found| !["", "NA"].contains(&found.as_str()))
            {
                return Err(Error::model(format!("its features are normalised (`normalize_type` = `{found}`)")));
            }
            let (layers, hidden) = (number("pred_rnn_layers")?, number("pred_hidden")?);
            let rules = Rules { blank: symbols.saturating_sub(1), most_a_frame: MOST_A_FRAME, silent_unknown: false };
            (model_width, Head::Transducer { memory: Memory::States { layers, hidden }, rules, symbols })
        }
    };
    let transducer = predictor.is_some();
    let encoder = Layout {
        kind: if transducer { "nemo-transducer" } else { "nemo-ctc" },
        window,
        shift: number("chunk_shift")?,
        subsampling: number("subsampling_factor")?,
        width,
        window_order: Order::WidthFirst,
        frame_order: if transducer { Order::WidthFirst } else { Order::FramesFirst },
        lengths: true,
        caches,
        features,
    };
    Ok(Reading { encoder, head })
}
