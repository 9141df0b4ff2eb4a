//! Streaming zipformer 2 of icefall, as exported for sherpa-onnx: transducer and CTC.
//!
//! The files' inputs and outputs go by position. Encoder: features [batch, frames, 80], and the states: for each layer
//! keys, the non-linear attention's, two values', two convolutions', and at the end the front's frames and how many
//! frames were processed; log-probabilities [batch, frames, symbols], or for a transducer frames [batch, frames,
//! width], and the states again. Predictor: the last tokens [batch, context]. The metadata contain window (`T`) and
//! shift (`decode_chunk_len`) and give, for each stack of layers, what the states' shapes follow from. The blank is
//! symbol 0. Features are Kaldi's. Source: sherpa-onnx, online-zipformer2-ctc-model.cc and
//! online-zipformer2-transducer-model.cc.

use super::{Head, Reading, count, declared, fits, number, numbers, text};
use crate::{
    cache::{Cache, Kind},
    encoder::{Layout, Order},
    transducer::{Memory, Rules},
};
use auricle_plugin_api::Error;
use auricle_plugin_kit::fbank;
use ort::session::Session;

pub(super) const MODEL_TYPE: &str = "zipformer2";
/// Number of feature frames per output frame: the front end halves them, and the end of the encoder again.
const SUBSAMPLING: usize = 4;
/// The convolutions of the front end: their channels, and the frames they keep.
const CHANNELS: usize = 128;
const KEPT: usize = 3;
/// More states are an error.
const MOST_LAYERS: usize = 1_000;

pub(super) fn read(encoder: &Session, predictor: Option<&Session>) -> Result<Reading, Error> {
    let what = if predictor.is_some() { "transducer" } else { "CTC model" };
    let foreign = |problem: Error| {
        let problem = problem.message;
        Error::model(format!("is not a streaming zipformer2 {what} as exported for sherpa-onnx: {problem}"))
    };
    reading(encoder, predictor).map_err(foreign)
}

fn reading(encoder: &Session, predictor: Option<&Session>) -> Result<Reading, Error> {
    if let Some(feature) = text(encoder, "feature")?.filter(|feature| !feature.is_empty()) {
        return Err(Error::model(format!("it needs other features (`feature` = `{feature}`) than Kaldi's")));
    }
    let features = fbank::Options::kaldi();
    let window = number(encoder, "T")?;
    let shapes = states(encoder, features.bins)?;
    count("inputs", encoder.inputs(), shapes.len() + 1)?;
    count("outputs", encoder.outputs(), shapes.len() + 1)?;
    fits(&encoder.inputs()[0], Kind::Floats, &[1, window, features.bins])?;
    let mut caches = Vec::with_capacity(shapes.len());
    for ((shape, axis, kind), input) in shapes.into_iter().zip(&encoder.inputs()[1..]) {
        fits(input, kind, &shape)?;
        caches.push(Cache { name: input.name().to_owned(), shape, axis, kind });
    }
    let width = declared(encoder.outputs().first(), 2)
        .ok_or_else(|| Error::model("its first output does not state the width of its frames"))?;
    let head = match predictor {
        None => Head::Ctc,
        Some(predictor) => {
            let named = |problem: Error| Error::model(format!("its decoder {}", problem.message));
            Head::Transducer {
                memory: Memory::Tokens(number(predictor, "context_size").map_err(named)?),
                rules: Rules { blank: 0, most_a_frame: 1, silent_unknown: true },
                symbols: number(predictor, "vocab_size").map_err(named)?,
            }
        }
    };
    let encoder = Layout {
        kind: if predictor.is_some() { "zipformer2-transducer" } else { "zipformer2-ctc" },
        features,
        window,
        shift: number(encoder, "decode_chunk_len")?,
        subsampling: SUBSAMPLING,
        width,
        window_order: Order::FramesFirst,
        frame_order: Order::FramesFirst,
        lengths: false,
        caches,
    };
    Ok(Reading { encoder, head })
}

/// The shapes of the states, each with the axis for streams.
fn states(encoder: &Session, bins: usize) -> Result<Vec<(Vec<usize>, usize, Kind)>, Error> {
    let layers = numbers(encoder, "num_encoder_layers")?;
    let of_each = |key: &str| {
        let numbers = numbers(encoder, key)?;
        let problem = || Error::model(format!("has {} stacks, but {} in `{key}`", layers.len(), numbers.len()));
        if numbers.len() == layers.len() { Ok(numbers) } else { Err(problem()) }
    };
    let (dims, heads) = (of_each("encoder_dims")?, of_each("num_heads")?);
    let (queries, values) = (of_each("query_head_dims")?, of_each("value_head_dims")?);
    let (kernels, left) = (of_each("cnn_module_kernels")?, of_each("left_context_len")?);
    let all = layers.iter().fold(0, |sum: usize, layers| sum.saturating_add(*layers));
    if all > MOST_LAYERS {
        return Err(Error::model(format!("has {all} layers")));
    }
    let mut shapes = Vec::with_capacity(6 * all + 2);
    for (stack, layers) in layers.into_iter().enumerate() {
        let (dim, left) = (dims[stack], left[stack]);
        let key = queries[stack].saturating_mul(heads[stack]);
        let value = values[stack].saturating_mul(heads[stack]);
        let convolution = (vec![1, dim, kernels[stack] / 2], 0, Kind::Floats);
        for _ in 0..layers {
            shapes.push((vec![left, 1, key], 1, Kind::Floats));
            shapes.push((vec![1, 1, left, dim.saturating_mul(3) / 4], 1, Kind::Floats));
            shapes.push((vec![left, 1, value], 1, Kind::Floats));
            shapes.push((vec![left, 1, value], 1, Kind::Floats));
            shapes.push(convolution.clone());
            shapes.push(convolution.clone());
        }
    }
    // Two convolutions without padding halve the bins.
    let lines = ((bins - 1) / 2 - 1) / 2;
    shapes.push((vec![1, CHANNELS, KEPT, lines], 0, Kind::Floats));
    shapes.push((vec![1], 0, Kind::Integers));
    Ok(shapes)
}
