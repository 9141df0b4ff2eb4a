//! Reads and creates the constants of a network.
//!
//! Invariant: a constant whose size does not match its shape is an error, not a panic.

use crate::proto::{Entry, FLOAT, INT8, INT64, Tensor};
use prost::{Message, bytes::Bytes};

/// `TensorProto.DataLocation`
const EXTERNAL: i32 = 1;

impl Tensor {
    /// The name; empty if it has none.
    pub fn called(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    /// Whether the values are in another file.
    pub fn is_elsewhere(&self) -> bool {
        self.data_location == Some(EXTERNAL)
    }

    /// Rows and columns of a matrix of 32-bit floats; further axes must have length 1.
    pub fn matrix(&self) -> Option<(usize, usize)> {
        let [rows, columns, further @ ..] = self.dims.as_slice() else { return None };
        let (rows, columns) = (usize::try_from(*rows).ok()?, usize::try_from(*columns).ok()?);
        let flat = self.data_type == Some(FLOAT) && further.iter().all(|length| *length == 1);
        (flat && rows > 0 && columns > 0).then_some((rows, columns))
    }

    /// The values of a tensor of 32-bit floats.
    pub fn floats(&self) -> Result<Vec<f32>, String> {
        let values = match &self.raw_data {
            Some(bytes) if bytes.len() % 4 == 0 => bytes.as_chunks().0.iter().map(|x| f32::from_le_bytes(*x)).collect(),
            Some(_) => Vec::new(),
            None => self.float_data.clone(),
        };
        self.complete(FLOAT, values)
    }

    /// The values of a tensor of 64-bit integers.
    pub fn integers(&self) -> Result<Vec<i64>, String> {
        let values = match &self.raw_data {
            Some(bytes) if bytes.len() % 8 == 0 => bytes.as_chunks().0.iter().map(|x| i64::from_le_bytes(*x)).collect(),
            Some(_) => Vec::new(),
            None => self.int64_data.clone(),
        };
        self.complete(INT64, values)
    }

    fn complete<T>(&self, kind: i32, values: Vec<T>) -> Result<Vec<T>, String> {
        let refused = |problem: String| Err(format!("its constant `{}` {problem}", self.called()));
        let expected =
            self.dims.iter().try_fold(1_usize, |product, length| product.checked_mul(usize::try_from(*length).ok()?));
        match () {
            () if self.data_type != Some(kind) => refused(format!("has type {:?}, not {kind}", self.data_type)),
            () if expected != Some(values.len()) => refused(format!("does not match its shape {:?}", self.dims)),
            () => Ok(values),
        }
    }

    /// A constant with these bytes: little-endian values of the type `kind`.
    pub fn new(name: String, dims: &[usize], kind: i32, bytes: Vec<u8>) -> Self {
        let dims = dims.iter().map(|length| *length as i64).collect();
        Self { name: Some(name), dims, data_type: Some(kind), raw_data: Some(bytes.into()), ..Self::default() }
    }

    /// A constant of 32-bit floats.
    pub fn of_floats(name: String, dims: &[usize], values: &[f32]) -> Self {
        Self::new(name, dims, FLOAT, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// A constant of 8-bit integers.
    pub fn of_bytes(name: String, dims: &[usize], values: &[i8]) -> Self {
        Self::new(name, dims, INT8, values.iter().map(|value| value.cast_unsigned()).collect())
    }

    /// A constant of 64-bit integers.
    pub fn of_integers(name: String, dims: &[usize], values: &[i64]) -> Self {
        Self::new(name, dims, INT64, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// Moves the values out of the network and returns their bytes. The caller must write them to the file `location` beside it, at the
    /// byte `offset`.
    pub fn move_out(&mut self, location: &str, offset: u64) -> Bytes {
        let bytes = self.raw_data.take().unwrap_or_default();
        let length = bytes.len() as u64;
        let entries =
            [("location", location.to_owned()), ("offset", offset.to_string()), ("length", length.to_string())];
        let entry = |(key, value): (&str, String)| Entry { key: Some(key.to_owned()), value: Some(value) };
        self.external_data = entries.map(|named| entry(named).encode_to_vec().into()).into();
        self.data_location = Some(EXTERNAL);
        bytes
    }
}
