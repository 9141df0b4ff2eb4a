//! The server's side of the boundary (feature `host`): look at a plugin file, open it, call its engines.
//!
//! [`read_manifest`] runs none of the plugin's code; [`Library::open`] does. What comes back is safe to call from
//! anywhere, never panics, and keeps its library mapped for ever. [`on_crash`] tells what a call did that ended the process.

mod crash;
mod engine;
mod file;
mod library;
mod services;
mod sink;

pub use crash::{Call, Crash, ignore_requests_to_stop, on_crash};
pub use engine::{BatchEntry, LoadedEngine, LoadedModel, LoadedProcessor};
pub use file::{NotLoadable, manifest_in, read_manifest};
pub use library::Library;
pub use services::{HostServices, LogLevel};
pub use sink::EventSink;
