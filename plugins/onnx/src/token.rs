//! A recognised symbol.

use serde::{Deserialize, Serialize};

/// A symbol with its time and confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) id: u32,
    /// Its first frame, counted from the start of the stream.
    pub(crate) start: u64,
    /// One past its last frame so far.
    pub(crate) end: u64,
    /// The maximum of the symbol's probability over its frames.
    pub(crate) confidence: f32,
}

/// The index of the first maximum, and its value; NaN is ignored.
pub(crate) fn best(values: impl Iterator<Item = f32>) -> (usize, f32) {
    let first = (0, f32::NEG_INFINITY);
    values.enumerate().fold(first, |best, (index, value)| if value > best.1 { (index, value) } else { best })
}

/// The logarithm of the sum of exponentials.
pub(crate) fn log_sum_exp(values: impl Iterator<Item = f32> + Clone) -> f32 {
    let (_, greatest) = best(values.clone());
    greatest + values.map(|value| (value - greatest).exp()).sum::<f32>().ln()
}
