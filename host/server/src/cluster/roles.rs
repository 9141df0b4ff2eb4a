//! What the settings of a cluster mean for each role, checked.

use crate::{
    access::ExposureError,
    address::ListenAddress,
    settings::{ListenerSettings, Role, Settings},
};
use auricle_cluster::{Authority, AuthorityError, ClusterKey, ClusterKeyError, EngineHosts, FrontSettings};
use auricle_core::times::wait;
use std::{io, path::Path, sync::Arc};

/// The settings of a cluster cannot be used in this role.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClusterError {
    /// An engine host without an address for fronts.
    #[error("`auricle engine` needs the address at which fronts connect: set `listen` under [cluster] in auricle.toml")]
    NoAddress,
    /// A socket file as address.
    #[error("`cluster.listen` is a socket file, and fronts connect over TCP: write IP:PORT")]
    SocketFile,
    /// A front without engine hosts.
    #[error("`auricle front` needs engine hosts: set `engines = [\"HOST:PORT\", ...]` under [cluster] in auricle.toml")]
    NoEngines,
    /// An address of an engine host that is none.
    #[error("`cluster.engines`: `{0}` is no address of an engine host: write HOST:PORT")]
    Address(String),
    /// An engine host twice.
    #[error("`cluster.engines` has `{0}` twice")]
    Twice(String),
    /// There is no key.
    #[error(
        "a cluster needs a key: `openssl rand -hex 32 > cluster.key`, the same file on all hosts, and `key = \"cluster.key\"` \
         under [cluster] in auricle.toml"
    )]
    NoKey,
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] ClusterKeyError),
    /// The authority's certificate cannot be used.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Fronts on other machines would connect without TLS.
    #[error(transparent)]
    Exposure(#[from] ExposureError),
    /// The system cannot start a thread.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

fn key(file: Option<&Path>) -> Result<ClusterKey, ClusterError> {
    Ok(ClusterKey::read(file.ok_or(ClusterError::NoKey)?)?)
}

/// The listener for fronts, of an engine host.
pub(crate) fn cluster_listener(settings: &Settings) -> Result<Option<ListenerSettings>, ClusterError> {
    if settings.role != Role::Engine {
        return Ok(None);
    }
    let address = settings.cluster.listen.clone().ok_or(ClusterError::NoAddress)?;
    if matches!(address, ListenAddress::Unix(_)) {
        return Err(ClusterError::SocketFile);
    }
    if !address.is_local() && settings.tls.is_none() && !settings.allow_network_without_tls {
        return Err(ExposureError::NoTls(address).into());
    }
    Ok(Some(ListenerSettings::at(address)))
}

/// The key of an engine host.
pub(crate) fn host_key(settings: &Settings) -> Result<ClusterKey, ClusterError> {
    key(settings.cluster.key.as_deref())
}

/// The engine hosts of a front.
pub(crate) fn engine_hosts(settings: &Settings) -> Result<Option<Arc<EngineHosts>>, ClusterError> {
    if settings.role != Role::Front {
        return Ok(None);
    }
    let cluster = &settings.cluster;
    if cluster.engines.is_empty() {
        return Err(ClusterError::NoEngines);
    }
    for (n, address) in cluster.engines.iter().enumerate() {
        let parts = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        if parts.is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
            return Err(ClusterError::Address(address.clone()));
        }
        if cluster.engines[..n].contains(address) {
            return Err(ClusterError::Twice(address.clone()));
        }
    }
    let hosts = EngineHosts::start(FrontSettings {
        engines: cluster.engines.clone(),
        key: key(cluster.key.as_deref())?,
        authority: cluster.authority.as_deref().map(Authority::read).transpose()?.map(Arc::new),
        silence: wait(cluster.silence_seconds),
        patience: wait(cluster.wait_seconds),
        // The engine host has limits of its own, with which a call fails earlier.
        call_limit: wait(2.0 * settings.timeouts.call_seconds),
        load_limit: wait(settings.timeouts.load_seconds),
    });
    Ok(Some(hosts.map_err(ClusterError::Thread)?))
}
