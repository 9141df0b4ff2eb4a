//! Engine `python`: recognisers that are Python classes.
//!
//! [`Python`] reads the preset and finds the interpreter (`environment`: reads files only). `interpreter` starts it, once
//! per process, and calls `adapter.py`, which calls the author's classes. A [`Processor`] passes audio in and events out
//! (`results`). README.md is for authors. `unsafe` is only in `ffi`.

mod environment;
mod ffi;
mod interpreter;
mod loader;
mod model;
mod processor;
mod results;

pub use loader::Python;
pub use model::PythonModel;
pub use processor::Processor;

auricle_plugin_api::export_engine!(Python; claims: {"needs": ["files"]});
