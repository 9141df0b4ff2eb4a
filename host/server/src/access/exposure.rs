//! Whether a listener may be reached from a network.
//!
//! On loopback whoever reaches it is on this machine already. Anywhere else it asks for keys and speaks TLS, or the
//! settings say in so many words that it need not. A dialect whose clients cannot show a key is served there only by a listener
//! that is bound to a key, or to networks.

use crate::{
    address::ListenAddress,
    settings::{ListenerSettings, Settings},
};

/// What a listener that other machines can reach lacks, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExposureError {
    /// A key that its clients cannot show, or networks.
    #[error(
        "will not listen on {0}, where other machines can reach it, with a dialect whose clients cannot show a key: give its \
         [[listeners]] entry `key = \"NAME\"` or `allow = [\"NETWORK\"]`, or listen on 127.0.0.1"
    )]
    Unbound(ListenAddress),
    /// API keys.
    #[error(
        "will not listen on {0}, where other machines can reach it, without API keys: set `keys` in auricle.toml, listen on \
         127.0.0.1 behind a proxy, or say `allow_network_without_keys = true`"
    )]
    NoKeys(ListenAddress),
    /// TLS.
    #[error(
        "will not listen on {0}, where other machines can reach it, without TLS: set `[tls]` in auricle.toml, listen on \
         127.0.0.1 behind a proxy, or say `allow_network_without_tls = true`"
    )]
    NoTls(ListenAddress),
}

/// Checks that a listener that can be reached from other machines is locked.
///
/// # Errors
/// What is missing, and what to do.
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
