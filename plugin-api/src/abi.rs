//! The types that cross the boundary: the `abi_stable` types behind the traits, and those of the C interface. Engines in Rust do not
//! use them.
//!
//! Frozen within a major version: the structs of `types`, and the methods of `traits` up to each trait's
//! `last_prefix_field`. The interface grows by methods appended with a default body, fields appended to
//! [`PluginModule`], `extension` ids, and JSON. A plugin's texts and documents cross as bytes, which the host
//! validates.

mod adapter;
#[cfg(feature = "host")]
pub mod c;
mod stage;
mod stage_adapter;
mod traits;
mod types;

pub use adapter::{Plugin, loader, root_header};
pub use stage::*;
pub use stage_adapter::stage_loader;
pub use traits::*;
pub use types::*;

pub use abi_stable::library::LibHeader;

/// Extension of a processor: the next batch with it must finish its stream. Only for models whose metadata set
/// `ends_in_batch`.
pub const ENDS: &str = "auricle.ends";

/// Extension of a loader: the files that a model or stage needs ([`crate::ModelLoader::files`]). The request is the
/// configuration, the answer an array of paths, both JSON.
pub const FILES: &str = "auricle.files";
