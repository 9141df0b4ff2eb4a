//! Models in processes of their own, so that an engine that crashes takes nobody along.
//!
//! A worker is this same program on one plugin and one model (`child`). Its standard input is the control socket: the
//! host sends the [`wire::Setup`] and the sockets of its lanes, and hears log lines and the outcome of the loading in
//! return. What an engine does not need is given up first (`sandbox`). Each lane carries one call at a time, asked by one of the model's threads (`remote`) and answered by one of
//! the worker's (`lanes`). The host watches over the process (`process`) and replaces it when it dies (`supervisor`);
//! what the streams on it need to go on is theirs (`stream`).
//!
//! Threads: in the host two for each worker, one that hears the control socket and one that reads what the engine
//! prints; in the worker the main thread, one for each lane, and one that hears the control socket and ends the worker when the
//! host is gone. The signals by which the server is asked to stop do not end a worker: it ignores them.

#[cfg(unix)]
mod child;
#[cfg(unix)]
mod files;
#[cfg(unix)]
mod framed;
#[cfg(unix)]
mod lanes;
#[cfg(unix)]
mod monitor;
#[cfg(unix)]
mod notices;
#[cfg(unix)]
mod process;
mod quarantine;
#[cfg(unix)]
mod remote;
#[cfg_attr(not(unix), allow(dead_code, reason = "there is no worker to report on"))]
mod report;
#[cfg_attr(not(unix), allow(dead_code, reason = "there is no worker to report on"))]
mod reports;
pub mod sandbox;
mod spec;
#[cfg(unix)]
mod supervisor;
#[cfg(not(unix))]
mod unsupported;
pub mod wire;

#[cfg(unix)]
pub use child::main as child_main;
pub use quarantine::Quarantine;
pub use reports::CrashReports;
pub use spec::WorkerSpec;
#[cfg(unix)]
pub use supervisor::Supervisor;
#[cfg(not(unix))]
pub use unsupported::{Supervisor, child_main};
