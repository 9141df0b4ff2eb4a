//! What really crosses the boundary: the `abi_stable` types behind the traits. Not for engines.
//!
//! Frozen within a major version: the structs of `types`, the methods of `traits` up to each one's
//! `last_prefix_field`. Growth is by methods appended with a default body, fields appended to [`PluginModule`],
//! `extension` ids, and JSON. Text and documents of the plugin cross as bytes: the host checks them.

mod adapter;
mod traits;
mod types;

pub use adapter::{Plugin, loader, root_header};
pub use traits::*;
pub use types::*;

pub use abi_stable::library::LibHeader;

/// Extension of a processor: the next batch that it is in is to finish it. Only for models whose metadata say so.
pub const ENDS: &str = "auricle.ends";
