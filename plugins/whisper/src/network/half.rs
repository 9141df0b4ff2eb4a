//! Tensors of 16-bit floats, which some exports have as inputs or outputs.

use auricle_plugin_api::Error;
use half::f16;
use ort::{
    session::SessionInputValue,
    value::{DynValue, Tensor, TensorElementType, TensorRef, ValueType},
};

/// Whether a network's input or output has 16 bits.
pub(super) fn is_half(kind: &ValueType) -> bool {
    kind.tensor_type() == Some(TensorElementType::Float16)
}

/// Converts values to the network's type.
pub(super) fn given(shape: [usize; 3], values: &[f32], half: bool) -> Result<SessionInputValue<'_>, Error> {
    Ok(if half {
        let values: Vec<f16> = values.iter().map(|value| f16::from_f32(*value)).collect();
        Tensor::from_array((shape, values))?.into()
    } else {
        TensorRef::from_array_view((shape, values))?.into()
    })
}

/// A tensor of values that are read as 32 bits.
pub(super) enum Taken {
    Single(DynValue),
    Half(Vec<f32>),
}

impl Taken {
    pub(super) fn new(value: DynValue) -> Result<Self, Error> {
        if !is_half(value.dtype()) {
            return Ok(Self::Single(value));
        }
        let (_, values) = value.try_extract_tensor::<f16>()?;
        Ok(Self::Half(values.iter().map(|value| value.to_f32()).collect()))
    }

    pub(super) fn values(&mut self) -> Result<&mut [f32], Error> {
        match self {
            Self::Single(value) => Ok(value.try_extract_tensor_mut::<f32>()?.1),
            Self::Half(values) => Ok(values),
        }
    }
}

/// A tensor of zeros, of the network's type.
pub(super) fn zeros(shape: [usize; 4], half: bool) -> Result<DynValue, Error> {
    let size = shape.iter().product();
    Ok(if half {
        Tensor::from_array((shape, vec![f16::ZERO; size]))?.into_dyn()
    } else {
        Tensor::from_array((shape, vec![0.0f32; size]))?.into_dyn()
    })
}
