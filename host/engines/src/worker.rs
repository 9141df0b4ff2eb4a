//! Models in worker processes, so that a crash of an engine does not end the server.
//!
//! A worker runs this same program with one plugin and one model (`child`). Its standard input is the control socket:
//! the host sends the [`wire::Setup`] and the sockets of the lanes, and receives log lines and the result of loading.
//! Before it runs plugin code, the worker enters the sandbox (`sandbox`). A lane carries one call at a time: a model
//! thread of the host sends the request (`remote`), and a lane thread of the worker answers it (`lanes`): it calls the
//! engine (`processor`), to which a voice gate may pass only speech (`gate`). The host monitors the process (`process`,
//! `monitor`) and replaces it when it dies (`supervisor`). The streams recover by themselves, from the state that the
//! crate `stream` keeps.
//!
//! Threads: in the host two per worker, one that receives from the control socket and one that reads what the engine
//! prints. In the worker the main thread, one per lane, and one that receives from the control socket and ends the
//! worker when the host is gone. A worker ignores the signals that ask the server to stop.

#[cfg(unix)]
mod child;
#[cfg(unix)]
mod files;
#[cfg(unix)]
mod framed;
#[cfg(unix)]
mod gate;
#[cfg(unix)]
mod gated;
#[cfg(unix)]
mod lanes;
#[cfg(unix)]
mod monitor;
#[cfg(unix)]
mod notices;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod processor;
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
pub use spec::{StageSpec, WorkerSpec, readable_files};
#[cfg(unix)]
pub use supervisor::Supervisor;
#[cfg(not(unix))]
pub use unsupported::{Supervisor, child_main};
