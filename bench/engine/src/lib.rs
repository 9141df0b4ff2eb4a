//! Engines that do almost nothing, to measure everything around them.

#![forbid(unsafe_code)]

mod null;
mod sum;

pub use null::{Null, STAMP_BYTES, now, stamp};
pub use sum::Sum;

auricle_plugin_api::export_engine!(Sum::default(), Null);
