//! `[webrtc]`: where media arrives, and the addresses that clients are told.

use super::error::SettingsError;
use auricle_core::times::is_wait;
use serde::{Deserialize, Deserializer};
use std::net::{IpAddr, SocketAddr};

/// Settings of connections over WebRTC.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebRtc {
    /// The UDP address for the media of all connections: IP address and port. Without it there is no WebRTC.
    #[serde(deserialize_with = "address")]
    pub listen: Option<SocketAddr>,
    /// Whether media is also accepted over TCP, at the same address and port (ICE-TCP, RFC 6544).
    pub tcp: bool,
    /// The addresses at which clients reach `listen`, if they differ from it, because of NAT or because it is unspecified. Without
    /// a port: that of `listen`.
    #[serde(deserialize_with = "addresses")]
    pub addresses: Vec<PublicAddress>,
    /// Seconds from the offer until the connection must be up.
    pub connect_seconds: f64,
}

/// An address that clients are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicAddress {
    /// The IP address.
    pub ip: IpAddr,
    /// The port; `None`: that of `listen`.
    pub port: Option<u16>,
}

impl Default for WebRtc {
    fn default() -> Self {
        Self { listen: None, tcp: false, addresses: Vec::new(), connect_seconds: 15.0 }
    }
}

impl WebRtc {
    /// Checks the values.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        if !is_wait(self.connect_seconds) {
            return Err(SettingsError::NotPositive { field: "webrtc.connect_seconds" });
        }
        if self.addresses.is_empty() && self.listen.is_some_and(|listen| listen.ip().is_unspecified()) {
            return Err(SettingsError::NoAddresses);
        }
        Ok(())
    }

    /// The addresses that clients are told, if `listen` is bound to `bound`.
    pub fn told(&self, bound: SocketAddr) -> Vec<SocketAddr> {
        if self.addresses.is_empty() {
            return vec![bound];
        }
        let told = |address: &PublicAddress| SocketAddr::new(address.ip, address.port.unwrap_or(bound.port()));
        self.addresses.iter().map(told).collect()
    }
}

const EXPECTED: &str = "use an IP address and a port, such as \"127.0.0.1:8771\" or \"[::1]:8771\"";

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let number = text.strip_prefix("localhost:").map_or_else(|| text.clone(), |port| format!("127.0.0.1:{port}"));
    let problem = || serde::de::Error::custom(format_args!("`{text}` is not an address for media: {EXPECTED}"));
    number.parse().map(Some).map_err(|_| problem())
}

fn addresses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PublicAddress>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let read = |text: &String| {
        let whole =
            text.parse().map(|address: SocketAddr| PublicAddress { ip: address.ip(), port: Some(address.port()) });
        let address = whole.or_else(|_| text.parse().map(|ip| PublicAddress { ip, port: None }));
        let expected = "use an IP address, with a port if it differs, such as \"203.0.113.7\" or \"203.0.113.7:9000\"";
        match address {
            Ok(address) if !address.ip.is_unspecified() => Ok(address),
            _ => Err(serde::de::Error::custom(format_args!("`{text}` is not an address of this server: {expected}"))),
        }
    };
    texts.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use std::net::SocketAddr;

    fn told(text: &str) -> Result<Vec<String>, String> {
        let settings = Settings::parse(text).map_err(|error| error.to_string())?.webrtc;
        let bound: SocketAddr = settings.listen.unwrap();
        Ok(settings.told(bound).iter().map(SocketAddr::to_string).collect())
    }

    #[test]
    fn clients_are_told_the_address_or_those_that_are_set() {
        let one = |address: &str| Ok(vec![address.to_owned()]);
        assert_eq!(told("[webrtc]\nlisten = \"localhost:5\""), one("127.0.0.1:5"));
        let settings = "[webrtc]\nlisten = \"0.0.0.0:5\"\naddresses = ";
        assert_eq!(told(&format!("{settings}[\"203.0.113.7\"]")), one("203.0.113.7:5"));
        assert_eq!(told(&format!("{settings}[\"[2001:db8::1]:7\"]")), one("[2001:db8::1]:7"));
    }

    #[test]
    fn what_no_client_can_reach_is_refused() {
        for (text, problem) in [
            ("listen = \"0.0.0.0:5\"", "`webrtc.listen` is an unspecified address: set `webrtc.addresses`"),
            ("listen = \"unix:/a\"", "`unix:/a` is not an address for media"),
            ("listen = \"127.0.0.1:5\"\naddresses = [\"a.example\"]", "`a.example` is not an address of this server"),
            ("listen = \"127.0.0.1:5\"\naddresses = [\"0.0.0.0\"]", "`0.0.0.0` is not an address of this server"),
            ("connect_seconds = 0", "`webrtc.connect_seconds` must be a positive number"),
        ] {
            let error = told(&format!("[webrtc]\n{text}")).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }
}
