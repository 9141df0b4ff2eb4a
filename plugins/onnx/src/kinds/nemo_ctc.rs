//! NeMo's cache-aware streaming CTC (FastConformer and relatives), as exported for sherpa-onnx.
//!
//! The file's inputs and outputs go by position, their names are free: features [batch, 80, frames], their length, and the
//! caches `last_channel`, `last_time` and `last_channel_len`; log-probabilities, their length, and the caches again. The
//! metadata say window, shift, subsampling, the vocabulary without the blank, and the caches' shapes. Features are NeMo's
//! without normalisation. Source: sherpa-onnx, online-nemo-ctc-model.cc, and what its release 2.0.1 computes.

use super::number;
use crate::network::{Cache, Kind, Layout};
use auricle_plugin_api::Error;
use auricle_plugin_kit::fbank;
use ort::{
    session::Session,
    value::{Outlet, ValueType},
};

pub(crate) fn layout(session: &Session) -> Result<Layout, Error> {
    let foreign = |problem: Error| {
        let problem = problem.message;
        Error::model(format!(
            "is not a streaming NeMo CTC model as exported for sherpa-onnx, which is what can be read: {problem}"
        ))
    };
    read(session).map_err(foreign)
}

fn read(session: &Session) -> Result<Layout, Error> {
    let number = |key: &str| number(session, key);
    let dims = |name: &str| -> Result<Vec<usize>, Error> {
        (1..=3).map(|dim| number(&format!("cache_last_{name}_dim{dim}"))).collect()
    };
    let (channel, time) = (dims("channel")?, dims("time")?);
    let [audio, length, caches_in @ ..] = session.inputs() else { return Err(count("inputs", session.inputs())) };
    let [logprobs, _, caches_out @ ..] = session.outputs() else { return Err(count("outputs", session.outputs())) };
    if caches_in.len() != 3 {
        return Err(count("inputs", session.inputs()));
    }
    if caches_out.len() != 3 {
        return Err(count("outputs", session.outputs()));
    }
    let shapes = [(channel, Kind::Floats), (time, Kind::Floats), (Vec::new(), Kind::Integers)];
    let caches: Vec<Cache> = shapes
        .into_iter()
        .zip(caches_in.iter().zip(caches_out))
        .map(|((mut shape, kind), (input, output))| {
            shape.insert(0, 1);
            Cache { input: input.name().to_owned(), output: output.name().to_owned(), shape, kind }
        })
        .collect();
    let features = fbank::Options::nemo();
    let window = number("window_size")?;
    fits(audio, Kind::Floats, &[1, features.bins, window])?;
    fits(length, Kind::Integers, &[1])?;
    for (cache, input) in caches.iter().zip(caches_in) {
        fits(input, cache.kind, &cache.shape)?;
    }
    Ok(Layout {
        window,
        shift: number("chunk_shift")?,
        subsampling: number("subsampling_factor")?,
        symbols: number("vocab_size")?.saturating_add(1),
        audio: audio.name().to_owned(),
        length: length.name().to_owned(),
        logprobs: logprobs.name().to_owned(),
        caches,
        features,
    })
}

fn count(what: &str, found: &[Outlet]) -> Error {
    Error::model(format!("has {} {what} instead of 5", found.len()))
}

/// Whether an input takes a tensor of this kind and shape; a dimension may be open.
fn fits(input: &Outlet, kind: Kind, wanted: &[usize]) -> Result<(), Error> {
    let fits = match input.dtype() {
        ValueType::Tensor { shape, .. } => {
            shape.len() == wanted.len()
                && shape.iter().zip(wanted).all(|(found, wanted)| *found < 0 || *found == *wanted as i64)
        }
        _ => false,
    };
    let name = input.name();
    match fits && kind.is(input.dtype()) {
        true => Ok(()),
        false => {
            Err(Error::model(format!("input `{name}` is {}, the metadata say {wanted:?} {kind:?}", input.dtype())))
        }
    }
}
