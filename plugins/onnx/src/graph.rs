//! Cheaper forms of a network, made of its file when it is loaded: for whoever asks for them by name.
//!
//! Invariant: a form is made whole or refused with what stands in its way; nothing else of the file changes. Damaged files are
//! refused too. What a form does to what the network says is not known here but measured (`cheaper`). Threads: any.

mod carried;
mod edit;
mod int8;
mod projected;
mod proto;
mod tensor;

use auricle_plugin_api::Error;
use prost::{Message, bytes::Bytes};
use proto::{Entry, Model};

/// A cheaper form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// Attention's keys and values are cached, not the frames they are made of.
    ProjectedCache,
    /// Weights of 8 bits.
    Int8,
}

impl Form {
    /// All, in the order in which they are made.
    pub(crate) const ALL: [Self; 2] = [Self::ProjectedCache, Self::Int8];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ProjectedCache => "projected-cache",
            Self::Int8 => "int8",
        }
    }

    /// What the metadata of a file in this form have: how many of its parts were changed.
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Self::ProjectedCache => "auricle_projected_layers",
            Self::Int8 => "auricle_int8_products",
        }
    }
}

/// The file of a network in these forms. The error does not name the file.
pub(crate) fn rewrite(file: Vec<u8>, forms: &[Form]) -> Result<Vec<u8>, Error> {
    let refused = |problem: String| {
        let problem = problem.replace(char::is_control, " ");
        Error::model(format!("cannot be made cheaper: {problem}"))
    };
    let mut model =
        Model::decode(Bytes::from(file)).map_err(|problem| refused(format!("it is no ONNX file: {problem}")))?;
    let version = model.ir_version.unwrap_or_default();
    if version > proto::LATEST {
        let latest = proto::LATEST;
        return Err(refused(format!("its format is of version {version}, and known up to {latest}")));
    }
    if model.graph.iter().flat_map(|graph| &graph.initializer).any(proto::Tensor::is_elsewhere) {
        return Err(refused("its weights lie in a file of their own, and must be in one with it".into()));
    }
    for form in forms {
        let parts = match form {
            Form::ProjectedCache => projected::rewrite(&mut model),
            Form::Int8 => int8::rewrite(&mut model),
        };
        let parts = parts.map_err(|problem| refused(format!("{}: {problem}", form.name())))?;
        model.metadata_props.push(Entry { key: Some(form.mark().into()), value: Some(parts.to_string()) });
    }
    Ok(model.encode_to_vec())
}

#[cfg(test)]
mod tests;
