//! Limits the open connections, in total and per address, so that a flood cannot use up file descriptors or permits.
//!
//! A connection past a limit gets the reason, as long as few such responses are in progress; further ones are dropped
//! at once. An IPv6 customer usually has a whole /64, so a /64 counts as one address.

use auricle_core::{Failure, FailureCode, metrics::Metrics};
use auricle_session::Refusal;
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Maximum number of refused connections that get a reason at the same time.
const REFUSED_AT_ONCE: usize = 64;

/// Counts the open connections.
#[derive(Debug)]
pub(super) struct Connections {
    max: usize,
    max_per_address: usize,
    open: Mutex<Open>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
    refused: usize,
}

/// An open connection; it is counted until it is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    address: IpAddr,
    /// Set if the connection is refused.
    refusal: Option<Failure>,
    connections: Arc<Connections>,
}

impl Connections {
    pub(super) fn new(max: usize, max_per_address: usize, metrics: Arc<Metrics>) -> Self {
        Self { max, max_per_address, open: Mutex::default(), metrics }
    }

    /// The largest number of open connections.
    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// Counts a new connection; `served` is whether its listener serves the address. Returns `None` if it must be
    /// dropped.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr, served: bool) -> Option<Connection> {
        let address = address.to_canonical();
        let mut open = self.lock();
        let of_address = open.by_address.get(&network(address)).copied().unwrap_or_default();
        let refusal = if !served {
            let message = "this listener does not serve your address (`allow` in its settings)";
            Some(Failure::new(FailureCode::Address, message))
        } else if open.total >= self.max {
            let message = "the server has reached its limit of connections (limits.max_connections)";
            Some(Failure::new(FailureCode::Connections, message))
        } else if of_address >= self.max_per_address {
            let message = "this address has reached its limit of connections (limits.max_connections_per_address)";
            Some(Failure::new(FailureCode::AddressConnections, message))
        } else {
            None
        };
        match &refusal {
            None => {
                open.total += 1;
                open.by_address.insert(network(address), of_address + 1);
            }
            Some(_) if open.refused < REFUSED_AT_ONCE => open.refused += 1,
            Some(failure) => {
                drop(open);
                let refusal = Refusal {
                    failure,
                    peer: address,
                    key: None,
                    dialect: None,
                    stream: None,
                    preset: None,
                    answer: None,
                };
                refusal.record(&self.metrics);
                return None;
            }
        }
        self.metrics.connections().inc();
        Some(Connection { address, refusal, connections: Arc::clone(self) })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// The client's address.
    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    /// Why the connection is refused, if it is.
    pub(super) fn refusal(&self) -> Option<&Failure> {
        self.refusal.as_ref()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.connections.metrics.connections().dec();
        let mut open = self.connections.lock();
        if self.refusal.is_some() {
            open.refused -= 1;
            return;
        }
        open.total -= 1;
        let network = network(self.address);
        if let Some(count) = open.by_address.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&network);
            }
        }
    }
}

/// The network that counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(max: usize, max_per_address: usize) -> Arc<Connections> {
        Arc::new(Connections::new(max, max_per_address, Arc::default()))
    }

    fn refusal(connection: Option<Connection>) -> Option<FailureCode> {
        connection.unwrap().refusal().map(|failure| failure.code)
    }

    fn admit(connections: &Arc<Connections>, address: &str) -> Option<Connection> {
        connections.admit(address.parse().unwrap(), true)
    }

    #[test]
    fn an_address_has_its_share_and_gets_it_back() {
        let connections = connections(3, 2);
        let first = admit(&connections, "10.0.0.1").unwrap();
        let second = admit(&connections, "::ffff:10.0.0.1").unwrap();
        assert_eq!((first.refusal(), second.refusal()), (None, None));
        assert_eq!(refusal(admit(&connections, "10.0.0.1")), Some(FailureCode::AddressConnections));
        let other = admit(&connections, "2001:db8::1").unwrap();
        assert_eq!(other.refusal(), None);
        assert_eq!(refusal(admit(&connections, "10.0.0.3")), Some(FailureCode::Connections));
        drop(first);
        assert_eq!(admit(&connections, "10.0.0.1").unwrap().refusal(), None);
        drop((second, other));
        let open = connections.lock();
        assert_eq!((open.total, open.refused, open.by_address.len()), (0, 0, 0));
    }

    #[test]
    fn a_network_of_version_6_is_one_address() {
        let connections = connections(9, 1);
        let _first = admit(&connections, "2001:db8::1").unwrap();
        let refused = admit(&connections, "2001:db8::2:3:4:5");
        assert_eq!(refusal(refused), Some(FailureCode::AddressConnections));
        assert_eq!(admit(&connections, "2001:db8:0:1::1").unwrap().refusal(), None);
    }

    #[test]
    fn past_the_few_that_are_told_why_they_are_dropped() {
        let connections = connections(0, 1);
        let answered: Vec<_> = (0..REFUSED_AT_ONCE).map(|_| admit(&connections, "10.0.0.1").unwrap()).collect();
        assert!(admit(&connections, "10.0.0.1").is_none());
        drop(answered);
        assert!(admit(&connections, "10.0.0.1").is_some());
    }
}
