//! The networks this engine reads: each kind is a room that tells its files by their metadata and says how they are fed.

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

/// How a model is read.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) encoder: Layout,
    pub(crate) head: Head,
}

/// What the encoder's frames are.
#[derive(Debug)]
pub(crate) enum Head {
    /// Log-probabilities of symbols.
    Ctc,
    /// What a joiner takes.
    Transducer {
        /// What the predictor remembers.
        memory: Memory,
        rules: Rules,
        /// Symbols it tells apart, the blank included.
        symbols: usize,
    },
}

/// Tells the kind by the metadata of the encoder, and of the predictor where the model is a transducer. The error does not
/// name the file.
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
            "is none of the kinds that can be read (zipformer2 transducer and CTC; NeMo's streaming transducer and CTC): its \
             metadata have {found} and no `{}`, its {} inputs begin with {}",
            nemo::MARK,
            encoder.inputs().len(),
            first.join(", ")
        )))
    }
}

/// A text of the file's metadata.
fn text(session: &Session, key: &str) -> Result<Option<String>, Error> {
    Ok(session.metadata()?.custom(key))
}

/// A number of the file's metadata.
fn number(session: &Session, key: &str) -> Result<usize, Error> {
    let value = text(session, key)?.ok_or_else(|| Error::model(format!("has no metadata `{key}`")))?;
    value.trim().parse().map_err(|_| Error::model(format!("has metadata `{key}` = `{value}`, which is not a number")))
}

/// Numbers of the file's metadata, with commas between them.
fn numbers(session: &Session, key: &str) -> Result<Vec<usize>, Error> {
    let value = text(session, key)?.ok_or_else(|| Error::model(format!("has no metadata `{key}`")))?;
    let numbers = value.split(',').map(|number| number.trim().parse()).collect::<Result<Vec<usize>, _>>();
    numbers.map_err(|_| Error::model(format!("has metadata `{key}` = `{value}`, which is not a list of numbers")))
}

/// Whether there are as many inputs or outputs as the metadata want.
fn count(what: &str, found: &[Outlet], wanted: usize) -> Result<(), Error> {
    let count = found.len();
    (count == wanted).then_some(()).ok_or_else(|| Error::model(format!("has {count} {what} instead of {wanted}")))
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

/// The length of an axis of an input or output, where the file says it.
fn declared(value: Option<&Outlet>, axis: usize) -> Option<usize> {
    match value?.dtype() {
        ValueType::Tensor { shape, .. } => shape.get(axis).and_then(|length| usize::try_from(*length).ok()),
        _ => None,
    }
}
