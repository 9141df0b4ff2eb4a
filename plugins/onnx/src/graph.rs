//! Optimizations of a network file, applied when the file is loaded, for presets that name them.
//!
//! Invariant: an optimization is applied completely, or refused with the reason; nothing else in the file changes.
//! Damaged files are refused too. `optimize` measures the effect of an optimization on the network's outputs. Threads:
//! any.

mod carried;
mod edit;
mod int8;
mod projected;

use auricle_onnx_file as proto;
use auricle_plugin_api::Error;
use prost::{Message, bytes::Bytes};
use proto::{Entry, Model};

/// An optimization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Optimization {
    /// Caches the keys and values of attention instead of the frames that they are computed from.
    ProjectedCache,
    /// Weights with 8 bits.
    Int8,
}

impl Optimization {
    /// All optimizations, in the order in which they are applied.
    pub(crate) const ALL: [Self; 2] = [Self::ProjectedCache, Self::Int8];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ProjectedCache => "projected-cache",
            Self::Int8 => "int8",
        }
    }

    /// The metadata key of an optimized file: the number of parts that were changed.
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Self::ProjectedCache => "auricle_projected_layers",
            Self::Int8 => "auricle_int8_products",
        }
    }
}

/// Applies these optimizations to a network file. The error does not name the file.
pub(crate) fn rewrite(file: Vec<u8>, optimizations: &[Optimization]) -> Result<Vec<u8>, Error> {
    let refused = |problem: String| {
        let problem = problem.replace(char::is_control, " ");
        Error::model(format!("cannot be optimized: {problem}"))
    };
    let mut model =
        Model::decode(Bytes::from(file)).map_err(|problem| refused(format!("it is not an ONNX file: {problem}")))?;
    let version = model.ir_version.unwrap_or_default();
    if version > proto::LATEST {
        let latest = proto::LATEST;
        return Err(refused(format!("its format has version {version}, only versions up to {latest} are supported")));
    }
    if model.graph.iter().flat_map(|graph| &graph.initializer).any(proto::Tensor::is_elsewhere) {
        return Err(refused("its weights are in a separate file; they must be in the same file".into()));
    }
    for optimization in optimizations {
        let parts = match optimization {
            Optimization::ProjectedCache => projected::rewrite(&mut model),
            Optimization::Int8 => int8::rewrite(&mut model),
        };
        let parts = parts.map_err(|problem| refused(format!("{}: {problem}", optimization.name())))?;
        model.metadata_props.push(Entry { key: Some(optimization.mark().into()), value: Some(parts.to_string()) });
    }
    Ok(model.encode_to_vec())
}

#[cfg(test)]
mod tests;
