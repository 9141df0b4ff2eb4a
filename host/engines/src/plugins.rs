//! Plugins: turns files in directories into registered engines.
//!
//! A file passes `scan` (it exists and has stopped changing), `copy` (a private copy under its hash), `grants` (it is
//! granted what it claims to need), `trust` (it may run) and `probe` (a child process opens the copy and reports its engines), and is then entered in the [`Registry`].
//! Every failure on the way becomes a reason in the registry, never an error of the server. Plugin code runs in this
//! process only if a model is loaded in it.
//!
//! Threads: one watcher thread, with one probe thread per file. All other threads only read the registry.

mod copy;
mod elsewhere;
mod engine;
mod error;
mod grants;
mod kind;
mod probe;
mod registry;
mod scan;
mod settings;
mod trust;
mod watcher;

pub use auricle_plugin_api::{Claims, Need};
pub use copy::cache_dir;
pub use elsewhere::Elsewhere;
pub use engine::{ConfigError, Engine, LoadError, Plugin, StageLoad, open_plugin};
pub use error::PluginError;
pub use grants::{Grants, NotGranted};
pub use kind::Kind;
pub use probe::{ProbeReport, examine, needed_files, probe_child};
pub use registry::{FileReport, FileState, Registry};
pub use settings::DiscoverySettings;
pub use trust::{Outsider, PinError, Trust, TrustError, check_writers, digest};
pub use watcher::{FirstScan, Watcher, look_once};
