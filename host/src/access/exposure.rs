//! Whether the server may be reached from a network.
//!
//! On loopback whoever reaches it is on this machine already. Anywhere else it asks for keys and speaks TLS, or the
//! settings say in so many words that it need not.

use crate::settings::Settings;

/// Checks that a server that can be reached from other machines is locked.
///
/// # Errors
/// What is missing, and what to do.
pub fn check_exposure(settings: &Settings) -> Result<(), String> {
    if settings.listen.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    let missing = [
        (
            settings.keys.is_none() && !settings.allow_network_without_keys,
            "API keys",
            "keys",
            "allow_network_without_keys",
        ),
        (settings.tls.is_none() && !settings.allow_network_without_tls, "TLS", "[tls]", "allow_network_without_tls"),
    ];
    for (missing, what, setting, consent) in missing {
        if missing {
            return Err(format!(
                "will not listen on {}, where other machines can reach it, without {what}: set `{setting}` in \
                 auricle.toml, listen on 127.0.0.1 behind a proxy, or say `{consent} = true`",
                settings.listen
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Tls;

    #[test]
    fn only_loopback_is_open() {
        let at = |address: &str| Settings { listen: address.parse().unwrap(), ..Settings::default() };
        for loopback in ["127.0.0.1:1", "127.3.2.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            check_exposure(&at(loopback)).unwrap();
        }
        for open in ["0.0.0.0:1", "[::]:1", "192.168.0.7:1", "[::ffff:10.0.0.1]:1"] {
            let mut settings = at(open);
            assert!(check_exposure(&settings).unwrap_err().contains("without API keys"));
            settings.keys = Some("keys.toml".into());
            assert!(check_exposure(&settings).unwrap_err().contains("without TLS"));
            settings.tls = Some(Tls { certificate: "c".into(), key: "k".into() });
            check_exposure(&settings).unwrap();
            let (keys, tls) = (settings.keys.take(), settings.tls.take());
            settings.allow_network_without_keys = true;
            check_exposure(&settings).unwrap_err();
            settings.allow_network_without_tls = true;
            check_exposure(&settings).unwrap();
            (settings.keys, settings.tls) = (keys, tls);
        }
    }
}
