//! End-to-end tests: a real server process with its own directories, and a client that sends exactly what a test
//! specifies.
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
//! Tests do not wait for fixed times. They wait for events, with a limit so long that reaching it is a failure.

mod client;
mod host;
mod process;
mod setup;

pub use client::{Client, Closed};
pub use host::Host;
pub use process::Process;
pub use setup::{Setup, auricle, host_program};

use std::{env, time::Duration};

/// Time limit for events: `AURICLE_TEST_LIMIT_SECONDS`, or 60 s. That is enough on any machine, unless a tool such as
/// valgrind slows the server down.
pub fn limit() -> Duration {
    let set = env::var("AURICLE_TEST_LIMIT_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(set.unwrap_or(60))
}
