//! The weights of a model file, in memory once for all sessions of the file.
//!
//! The runtime takes large constants from here instead of copying them out of the file for each session, and keeps the
//! form that its products need (`PrepackedWeights`) here too. Invariant: the values are those in the file, so a session
//! computes the same with them. Threads: any, several at once.

use auricle_onnx_file::{FLOAT, INT8, Model, UINT8};
use ort::{
    session::builder::{PrepackedWeights, SessionBuilder},
    value::{DynValue, PrimitiveTensorElementType, Tensor},
};
use prost::{Message, bytes::Bytes};
use std::{collections::HashSet, fmt::Debug, sync::Arc};

/// Smaller constants are not shared: the runtime reads shapes and the like from them.
const LEAST_BYTES: usize = 1 << 10;

/// The weights of a file.
pub(super) struct Weights {
    constants: Vec<(String, Arc<DynValue>)>,
    prepacked: PrepackedWeights,
}

impl Weights {
    /// Reads the weights from the bytes of a file. Nothing is shared of a file that cannot be read: the runtime says what
    /// is wrong with it. Constants in 16 bits, and those in a separate file, are not shared either.
    pub(super) fn read(bytes: Bytes) -> Self {
        let graph = Model::decode(bytes).unwrap_or_default().graph.unwrap_or_default();
        // A caller may replace the value of an input.
        let inputs: HashSet<&str> = graph.input.iter().filter_map(|input| input.name.as_deref()).collect();
        let constants = graph.initializer.iter().filter(|tensor| !inputs.contains(tensor.called()));
        let shared = constants.filter_map(|tensor| Some((tensor.called().to_owned(), Arc::new(value(tensor)?))));
        Self { constants: shared.collect(), prepacked: PrepackedWeights::new() }
    }

    /// Adds the weights to a session that will be opened with the bytes they were read from.
    pub(super) fn add_to(&self, builder: SessionBuilder) -> ort::Result<SessionBuilder> {
        let mut builder = builder.with_prepacked_weights(&self.prepacked)?;
        for (name, value) in &self.constants {
            builder = builder.with_initializer(name, Arc::clone(value))?;
        }
        Ok(builder)
    }
}

fn value(tensor: &auricle_onnx_file::Tensor) -> Option<DynValue> {
    match tensor.data_type? {
        FLOAT => filled(tensor, f32::from_le_bytes),
        UINT8 => filled(tensor, u8::from_le_bytes),
        INT8 => filled(tensor, i8::from_le_bytes),
        _ => None,
    }
}

/// A tensor with the constant's values; `None` if it is small, or if its values do not match its shape.
fn filled<T, const SIZE: usize>(tensor: &auricle_onnx_file::Tensor, value: impl Fn([u8; SIZE]) -> T) -> Option<DynValue>
where
    T: PrimitiveTensorElementType + Debug + Clone + 'static,
{
    let bytes = tensor.raw_data.as_ref().filter(|bytes| bytes.len() >= LEAST_BYTES)?;
    let (values, rest) = bytes.as_chunks::<SIZE>();
    let count = tensor.dims.iter().try_fold(1_i64, |product, length| product.checked_mul(*length))?;
    if !rest.is_empty() || usize::try_from(count) != Ok(values.len()) {
        return None;
    }
    let values: Vec<T> = values.iter().copied().map(value).collect();
    Some(Tensor::from_array((tensor.dims.clone(), values)).ok()?.into_dyn())
}
