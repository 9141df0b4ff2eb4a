//! Engine `python`: recognisers that are Python classes. Stage `python`: stages that are.
//!
//! [`Python`] reads the preset and finds the interpreter (`environment`: reads files only). `interpreter` starts it, once
//! per process, and calls `adapter.py`, which calls the author's classes; `opener` has it make an object for each stream. A [`Processor`]
//! passes audio in and events out (`results`). [`PythonStageLoader`] does the same with `stages.py`, for stages (`told`: their events).
//! README.md is for authors. `unsafe` is only in `ffi`.

mod environment;
mod ffi;
mod interpreter;
mod loader;
mod model;
mod opener;
mod processor;
mod results;
mod stage;
mod told;

pub use loader::Python;
pub use model::PythonModel;
pub use processor::Processor;
pub use stage::{PythonStage, PythonStageLoader, PythonStream};

auricle_plugin_api::export_plugin! { engines: [Python], stages: [PythonStageLoader], claims: {"needs": ["files"]} }
