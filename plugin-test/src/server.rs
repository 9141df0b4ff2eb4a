//! End-to-end tests: a real server process with its own directories, and a client that says exactly what a test wants said.
//!
//! ```no_run
//! use auricle_plugin_test::server::{Client, Setup};
//! use serde_json::json;
//! use std::path::Path;
//!
//! // The program is AURICLE_HOST, or the `auricle` in Cargo's output directory or the PATH.
//! let host = Setup::new()
//!     .plugin(Path::new("target/debug/libmy_engine.so"))
//!     .preset("mine", &json!({"backend": "my-engine"}))
//!     .start();
//! let mut client = Client::open(&host, "mine", json!({"pace": "file"}));
//! client.audio(&[0; 32_000]);
//! assert_eq!(client.finish(), ["one second of silence"]);
//! ```
//!
//! No waiting for wall-clock times: tests wait for what must happen, with a limit so long that reaching it is a failure.

mod client;
mod host;
mod process;
mod setup;

pub use client::{Client, Closed};
pub use host::Host;
pub use process::Process;
pub use setup::{Setup, auricle, host_program};

use std::time::Duration;

/// What must happen happens within this, on any machine.
pub const LIMIT: Duration = Duration::from_secs(60);
