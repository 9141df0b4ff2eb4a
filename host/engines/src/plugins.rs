//! Finding engines: from files in a directory to registered backends.
//!
//! A file goes through `scan` (is it there, has it stopped changing), `copy` (a private copy under its hash), `probe`
//! (a child process opens the copy and says what it holds), and is then entered in the [`Registry`]. Whatever goes wrong
//! on the way becomes a reason in the registry, never an error of the server. Code of a plugin runs in this process only
//! when a model is loaded in it.
//!
//! Threads: one watcher thread does all of it; everybody else reads the registry.

mod copy;
mod engine;
mod error;
mod probe;
mod registry;
mod scan;
mod settings;
mod trust;
mod watcher;

pub use copy::cache_dir;
pub use engine::{ConfigError, Engine, LoadError, Plugin};
pub use error::PluginError;
pub use probe::{ProbeReport, examine, probe_child};
pub use registry::{FileReport, FileState, Registry};
pub use settings::DiscoverySettings;
pub use trust::{Outsider, PinError, Trust, TrustError, check_writers, digest};
pub use watcher::{Watcher, look_once};
