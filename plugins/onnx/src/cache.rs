//! What a network carries from step to step of one stream: tensors that a step gives for the next one.
//!
//! Invariant: a value has its cache's shape and kind. Streams that step together have theirs laid side by side along each
//! cache's axis for streams, and get them back apart; alone, a stream's are handed on as they are.

use auricle_plugin_api::Error;
use ort::value::{DynValue, PrimitiveTensorElementType, Tensor, TensorElementType, ValueType};
use std::fmt::Debug;

/// A tensor that a step gives for the next step of the same stream. All zero at the start.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    /// The input's name, for messages.
    pub(crate) name: String,
    /// With one stream.
    pub(crate) shape: Vec<usize>,
    /// The axis that counts streams.
    pub(crate) axis: usize,
    pub(crate) kind: Kind,
}

/// Of what a tensor consists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Floats,
    Integers,
}

/// The caches of one stream, in the layout's order.
pub(crate) struct Caches(pub(crate) Vec<DynValue>);

impl Cache {
    pub(crate) fn values(&self) -> usize {
        self.shape.iter().fold(1, |product, length| product.saturating_mul(*length))
    }

    /// How many bytes it is as [`bytes`](Self::bytes).
    pub(crate) fn size(&self) -> usize {
        self.values().saturating_mul(match self.kind {
            Kind::Floats => size_of::<f32>(),
            Kind::Integers => size_of::<i64>(),
        })
    }

    pub(crate) fn zeros(&self) -> ort::Result<DynValue> {
        self.tensor(&vec![0; self.size()])
    }

    /// The value that [`bytes`](Self::bytes) wrote.
    pub(crate) fn tensor(&self, bytes: &[u8]) -> ort::Result<DynValue> {
        Ok(match self.kind {
            Kind::Floats => {
                let values: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
                Tensor::from_array((self.shape.as_slice(), values))?.into_dyn()
            }
            Kind::Integers => {
                let values: Vec<i64> = bytes.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
                Tensor::from_array((self.shape.as_slice(), values))?.into_dyn()
            }
        })
    }

    pub(crate) fn bytes(&self, value: &DynValue, to: &mut Vec<u8>) -> ort::Result<()> {
        match self.kind {
            Kind::Floats => to.extend(value.try_extract_tensor::<f32>()?.1.iter().flat_map(|x| x.to_le_bytes())),
            Kind::Integers => to.extend(value.try_extract_tensor::<i64>()?.1.iter().flat_map(|x| x.to_le_bytes())),
        }
        Ok(())
    }

    /// Whether a value that a step of so many streams gave can be the input of the next.
    pub(crate) fn check(&self, value: &DynValue, streams: usize) -> Result<(), Error> {
        let shape: Vec<usize> = value.shape().iter().map(|length| *length as usize).collect();
        let wanted = self.shape_of(streams);
        let sound = shape == wanted && self.kind.is(value.dtype());
        sound.then_some(()).ok_or_else(|| {
            Error::model(format!("a step gave {shape:?} for the input `{}`, which is {wanted:?}", self.name))
        })
    }

    /// The values of several streams side by side.
    pub(crate) fn stack(&self, values: &[&DynValue]) -> ort::Result<DynValue> {
        match self.kind {
            Kind::Floats => self.stacked::<f32>(values),
            Kind::Integers => self.stacked::<i64>(values),
        }
    }

    /// Takes apart what [`stack`](Self::stack) put together.
    pub(crate) fn unstack(&self, value: &DynValue, streams: usize) -> ort::Result<Vec<DynValue>> {
        match self.kind {
            Kind::Floats => self.unstacked::<f32>(value, streams),
            Kind::Integers => self.unstacked::<i64>(value, streams),
        }
    }

    fn stacked<T: PrimitiveTensorElementType + Copy + Debug + 'static>(
        &self,
        values: &[&DynValue],
    ) -> ort::Result<DynValue> {
        let sources: Vec<&[T]> =
            values.iter().map(|value| Ok(value.try_extract_tensor::<T>()?.1)).collect::<ort::Result<_>>()?;
        let run = self.run();
        let mut all = Vec::with_capacity(sources.len() * self.values());
        for start in (0..self.values()).step_by(run) {
            sources.iter().for_each(|source| all.extend_from_slice(&source[start..start + run]));
        }
        Ok(Tensor::from_array((self.shape_of(sources.len()), all))?.into_dyn())
    }

    fn unstacked<T: PrimitiveTensorElementType + Copy + Debug + 'static>(
        &self,
        value: &DynValue,
        streams: usize,
    ) -> ort::Result<Vec<DynValue>> {
        let (_, all) = value.try_extract_tensor::<T>()?;
        let mut parts: Vec<Vec<T>> = (0..streams).map(|_| Vec::with_capacity(self.values())).collect();
        for runs in all.chunks_exact(self.run() * streams) {
            parts.iter_mut().zip(runs.chunks_exact(self.run())).for_each(|(part, run)| part.extend_from_slice(run));
        }
        let tensor = |part| Ok(Tensor::from_array((self.shape.as_slice(), part))?.into_dyn());
        parts.into_iter().map(tensor).collect()
    }

    /// How many values of one stream lie together.
    fn run(&self) -> usize {
        self.shape[self.axis..].iter().product::<usize>().max(1)
    }

    fn shape_of(&self, streams: usize) -> Vec<usize> {
        let mut shape = self.shape.clone();
        shape[self.axis] = streams;
        shape
    }
}

impl Kind {
    /// Whether a tensor of this type holds it.
    pub(crate) fn is(self, kind: &ValueType) -> bool {
        let element = match self {
            Self::Floats => TensorElementType::Float32,
            Self::Integers => TensorElementType::Int64,
        };
        matches!(kind, ValueType::Tensor { ty, .. } if *ty == element)
    }
}
