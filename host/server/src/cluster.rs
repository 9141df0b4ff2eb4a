//! The server in a cluster: as an engine host, which serves fronts, or as a front, which uses engine hosts.

mod engine_host;
mod front;
mod roles;
mod wire;

pub(super) use engine_host::EngineHostDialect;
pub(super) use front::follow_engine_hosts;
pub(super) use roles::{cluster_listener, engine_hosts, host_key};
