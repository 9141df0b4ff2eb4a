//! The supported kinds of networks: each has a file that recognises them by their metadata and describes their inputs.

mod nemo;
mod zipformer2;

use crate::{
    cache::Kind,
    encoder::Layout,
    transducer::{Memory, Rules},
};
use auricle_plugin_api::Error;
use ort::{
    session::Session,
    value::{Outlet, ValueType},
};

/// How to use a model.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) encoder: Layout,
    pub(crate) head: Head,
}

/// The meaning of the encoder's frames.
#[derive(Debug)]
pub(crate) enum Head {
    /// Log-probabilities of symbols.
    Ctc,
    /// Inputs of a joiner.
    Transducer {
        /// The predictor's state.
        memory: Memory,
        rules: Rules,
        /// Number of symbols, including the blank.
        symbols: usize,
    },
}

/// Recognises the kind by the metadata of the encoder, and of the predictor if the model is a transducer. The error
/// does not name the file.
pub(crate) fn read(encoder: &Session, predictor: Option<&Session>) -> Result<Reading, Error> {
    let model_type = text(encoder, "model_type")?;
    if model_type.as_deref() == Some(zipformer2::MODEL_TYPE) {
        zipformer2::read(encoder, predictor)
    } else if nemo::is(encoder)? {
        nemo::read(encoder, predictor)
    } else {
        let found = model_type.map_or("no `model_type`".to_owned(), |found| format!("`model_type` = `{found}`"));
        let first: Vec<&str> = encoder.inputs().iter().take(4).map(Outlet::name).collect();
        Err(Error::model(format!(
            "is not of a supported kind (zipformer2 transducer and CTC; NeMo's streaming transducer and CTC): its \
             metadata have {found} and no `{}`, its {} inputs begin with {}",
            nemo::MARK,
            encoder.inputs().len(),
            first.join(", ")
        )))
    }
}

/// A text in the file's metadata.
fn text(session: &Session, key: &str) -> Result<Option<String>, Error> {
    Ok(session.metadata()?.custom(key))
}

/// A number in the file's metadata.
fn number(session: &Session, key: &str) -> Result<usize, Error> {
    let value = text(session, key)?.ok_or_else(|| Error::model(format!("has no metadata `{key}`")))?;
    value.trim().parse().map_err(|_| Error::model(format!("has metadata `{key}` = `{value}`, which is not a number")))
}

/// A comma-separated list of numbers in the file's metadata.
fn numbers(session: &Session, key: &str) -> Result<Vec<usize>, Error> {
    let value = text(session, key)?.ok_or_else(|| Error::model(format!("has no metadata `{key}`")))?;
    let numbers = value.split(',').map(|number| number.trim().parse()).collect::<Result<Vec<usize>, _>>();
    numbers.map_err(|_| Error::model(format!("has metadata `{key}` = `{value}`, which is not a list of numbers")))
}

/// Checks the number of inputs or outputs.
fn count(what: &str, found: &[Outlet], wanted: usize) -> Result<(), Error> {
    let count = found.len();
    (count == wanted).then_some(()).ok_or_else(|| Error::model(format!("has {count} {what} instead of {wanted}")))
}

/// Checks that an input accepts a tensor of this kind and shape; a dimension may be variable.
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

/// The length of an axis of an input or output, if the file states it.
fn declared(value: Option<&Outlet>, axis: usize) -> Option<usize> {
    match value?.dtype() {
        ValueType::Tensor { shape, .. } => shape.get(axis).and_then(|length| usize::try_from(*length).ok()),
        _ => None,
    }
}
