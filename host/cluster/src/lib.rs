//! Fronts and engine hosts: one server on several machines.
//!
//! A front has the clients, their sessions and their audio. An engine host has engines and models. A front calls a model on
//! an engine host as it would call one in a worker process: what it loads from [`EngineHosts`] is a `Model` for the crate `stream`, and
//! the death of an engine host is a death like that of a worker. The messages are in [`messages`], the mutual proof of the
//! cluster's key in [`handshake`]. The engine host's side of a connection is in the crate `server`.
#![forbid(unsafe_code)]

pub mod handshake;
mod host;
mod hosts;
mod key;
mod link;
pub mod messages;
mod model;
mod placement;
mod processor;
mod settings;
mod tls;

pub use handshake::HandshakeError;
pub use host::HostReport;
pub use hosts::{EngineHosts, Known};
pub use key::{ClusterKey, ClusterKeyError};
pub use settings::FrontSettings;
pub use tls::{Authority, AuthorityError};
