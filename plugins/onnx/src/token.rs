//! A symbol that was heard.

use serde::{Deserialize, Serialize};

/// A symbol, where it was heard, and how surely.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) id: u32,
    /// First frame of it, counted from the start of the stream.
    pub(crate) start: u64,
    /// One past the last frame of it so far.
    pub(crate) end: u64,
    /// The probability of the symbol in the frame where it was highest.
    pub(crate) confidence: f32,
}

/// The first of the greatest; what is not a number is never greatest.
pub(crate) fn best(values: impl Iterator<Item = f32>) -> (usize, f32) {
    let first = (0, f32::NEG_INFINITY);
    values.enumerate().fold(first, |best, (index, value)| if value > best.1 { (index, value) } else { best })
}

/// The logarithm of the sum of exponentials.
pub(crate) fn log_sum_exp(values: impl Iterator<Item = f32> + Clone) -> f32 {
    let (_, greatest) = best(values.clone());
    greatest + values.map(|value| (value - greatest).exp()).sum::<f32>().ln()
}
