//! Addresses to listen on: IP address and port, `localhost`, or a socket file.

use serde::{Deserialize, Deserializer};
use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

/// The text is not an address to listen on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The path of the socket file is missing.
    #[error("`unix:` must be followed by the path of a socket file, such as `unix:/run/auricle.sock`")]
    NoPath,
    /// This system does not support socket files.
    #[error("this system does not support socket files")]
    NoSocketFiles,
    /// Anything else.
    #[error(
        "`{0}` is not an address to listen on: use an IP address and a port, such as `127.0.0.1:8770`, `0.0.0.0:8770` or \
         `[::1]:8770`, or `localhost:8770`, or `unix:/run/auricle.sock`"
    )]
    NoAddress(String),
}

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// `127.0.0.1:8770` or `[::1]:8770`; `localhost:8770` means the former.
    Tcp(SocketAddr),
    /// `unix:/run/auricle.sock`.
    Unix(PathBuf),
}

impl ListenAddress {
    /// Whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

impl FromStr for ListenAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err(AddressError::NoPath),
                _ if cfg!(unix) => Ok(Self::Unix(path.into())),
                _ => Err(AddressError::NoSocketFiles),
            };
        }
        let number =
            text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
        number.parse().map(Self::Tcp).map_err(|_| AddressError::NoAddress(text.to_owned()))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for ListenAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_localhost_and_socket_files_are_addresses() {
        for (text, shown, local) in [
            ("127.0.0.1:1", "127.0.0.1:1", true),
            ("127.3.2.1:1", "127.3.2.1:1", true),
            ("[::1]:1", "[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:1", true),
            ("localhost:0", "127.0.0.1:0", true),
            ("unix:/run/a.sock", "unix:/run/a.sock", true),
            ("0.0.0.0:1", "0.0.0.0:1", false),
            ("[::]:1", "[::]:1", false),
            ("192.168.0.7:1", "192.168.0.7:1", false),
        ] {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!((address.to_string().as_str(), address.is_local()), (shown, local));
        }
        for wrong in ["localhost", "example.org:1", "127.0.0.1", "8770", "unix:", ":8770", ""] {
            let problem = wrong.parse::<ListenAddress>().unwrap_err().to_string();
            assert!(problem.contains("unix:/run/auricle.sock"), "{problem}");
        }
    }
}
