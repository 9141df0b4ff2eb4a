//! Checks whether a listener may be reachable from other machines.
//!
//! Invariant: a listener on loopback is open, since its clients are on this machine already. Any other listener
//! requires keys and TLS, unless the settings explicitly allow otherwise. If the clients of its dialect cannot send a
//! key, it must be bound to a key or restricted to networks.

use crate::{
    address::ListenAddress,
    settings::{ListenerSettings, Settings},
};

/// A listener that other machines can reach lacks protection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExposureError {
    /// Its clients cannot send a key, and it has neither a key nor networks.
    #[error(
        "refusing to listen on {0}, which other machines can reach, with a dialect whose clients cannot send a key: set \
         `key = \"NAME\"` or `allow = [\"NETWORK\"]` in its [[listeners]] entry, or listen on 127.0.0.1"
    )]
    Unbound(ListenAddress),
    /// There are no API keys.
    #[error(
        "refusing to listen on {0}, which other machines can reach, without API keys: set `keys` in auricle.toml, listen on \
         127.0.0.1 behind a proxy, or set `allow_network_without_keys = true`"
    )]
    NoKeys(ListenAddress),
    /// There is no TLS.
    #[error(
        "refusing to listen on {0}, which other machines can reach, without TLS: set `[tls]` in auricle.toml, listen on \
         127.0.0.1 behind a proxy, or set `allow_network_without_tls = true`"
    )]
    NoTls(ListenAddress),
}

/// Checks that a listener is protected if other machines can reach it.
///
/// # Errors
/// The missing protection, with advice.
pub fn check_exposure(
    settings: &Settings,
    listener: &ListenerSettings,
    has_tls: bool,
    shows_keys: bool,
) -> Result<(), ExposureError> {
    let address = &listener.address;
    if address.is_local() {
        return Ok(());
    }
    let bound = listener.key.is_some() || !listener.allow.is_empty();
    if !shows_keys && !bound {
        return Err(ExposureError::Unbound(address.clone()));
    }
    let keys = settings.keys.is_some() || (bound && !shows_keys) || settings.allow_network_without_keys;
    if !keys {
        return Err(ExposureError::NoKeys(address.clone()));
    }
    if !has_tls && !settings.allow_network_without_tls {
        return Err(ExposureError::NoTls(address.clone()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_open() {
        let at = |address: &str| ListenerSettings::at(address.parse().unwrap());
        for loopback in ["127.0.0.1:1", "127.3.2.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "unix:/run/a.sock"] {
            check_exposure(&Settings::default(), &at(loopback), false, false).unwrap();
        }
        for open in ["0.0.0.0:1", "[::]:1", "192.168.0.7:1", "[::ffff:10.0.0.1]:1"] {
            let (mut settings, open) = (Settings::default(), at(open));
            let check = |settings: &Settings, tls| check_exposure(settings, &open, tls, true);
            assert!(matches!(check(&settings, false), Err(ExposureError::NoKeys(_))));
            settings.keys = Some("keys.toml".into());
            assert!(matches!(check(&settings, false), Err(ExposureError::NoTls(_))));
            check(&settings, true).unwrap();
            settings.keys = None;
            settings.allow_network_without_keys = true;
            check(&settings, false).unwrap_err();
            settings.allow_network_without_tls = true;
            check(&settings, false).unwrap();
        }
    }

    #[test]
    fn clients_that_cannot_show_a_key_need_a_listener_of_their_own() {
        let settings = Settings { keys: Some("keys.toml".into()), ..Settings::default() };
        let mut listener = ListenerSettings::at("0.0.0.0:2700".parse().unwrap());
        assert!(matches!(check_exposure(&settings, &listener, true, false), Err(ExposureError::Unbound(_))));
        listener.key = Some("kitchen".into());
        check_exposure(&settings, &listener, true, false).unwrap();
        listener.key = None;
        listener.allow = vec!["192.168.0.0/16".parse().unwrap()];
        check_exposure(&Settings::default(), &listener, true, false).unwrap();
        let open = check_exposure(&Settings::default(), &listener, false, false);
        assert!(matches!(open, Err(ExposureError::NoTls(_))));
    }
}
