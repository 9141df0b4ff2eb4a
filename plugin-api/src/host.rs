//! The server's side of the boundary (feature `host`): inspects a plugin file, opens it, and calls its engines.
//!
//! [`read_plugin`] runs none of the plugin's code; [`Library::open`] does. The returned objects can be called from
//! any thread, never panic, and keep their library mapped until the process ends. [`on_crash`] reports the call that
//! ended the process.

mod c_interface;
mod crash;
mod engine;
mod file;
mod library;
mod services;
mod sink;
mod stage;

pub use crash::{Call, Crash, ignore_requests_to_stop, on_crash};
pub use engine::{BatchEntry, LoadedEngine, LoadedModel, LoadedProcessor};
pub use file::{NotLoadable, claims_in, manifest_in, read_manifest, read_plugin};
pub use library::Library;
pub use services::{HostServices, LogLevel};
pub use sink::EventSink;
pub use stage::{LoadedStage, LoadedStageLoader, LoadedStageStream};
