//! A server: its address, the key, and what is trusted. All commands that talk to a server share these options (feature `cli`).

use super::url::ServerUrl;
use std::path::PathBuf;

/// A server, and how to reach it.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Server {
    /// The server's address: HOST:PORT, or a URL with ws, wss, http or https
    ///
    /// `wss` and `https` use TLS, `ws` and `http` do not; both of a pair mean the same. Without a scheme there is no TLS, and the
    /// port is 8770 if none is given. The path is optional; behind a proxy give that of the streams: wss://HOST/PREFIX/v1/stream.
    #[cfg_attr(feature = "cli", arg(long, env = "AURICLE_URL", value_name = "URL", default_value = "127.0.0.1:8770"))]
    pub url: ServerUrl,

    /// The API key, if the server requires one
    #[cfg_attr(feature = "cli", arg(long, env = "AURICLE_KEY", hide_env_values = true, value_name = "KEY"))]
    pub key: Option<String>,

    /// Trust the certificates in this file (PEM) instead of the public authorities
    ///
    /// Certificates of authorities, or the server's own, self-signed certificate.
    #[cfg_attr(feature = "cli", arg(long, env = "AURICLE_CA", value_name = "FILE"))]
    pub ca: Option<PathBuf>,

    /// Do not verify the server's certificate: anyone in between can read and change audio and text
    #[cfg_attr(feature = "cli", arg(long))]
    pub insecure: bool,
}

impl Server {
    /// A server without a key, with a certificate of a public authority if it uses TLS.
    pub fn at(url: ServerUrl) -> Self {
        Self { url, key: None, ca: None, insecure: false }
    }

    /// Warns on standard error if certificates are not verified. Call it once per command.
    #[cfg(feature = "cli")]
    pub fn warn(&self) {
        if self.insecure {
            eprintln!(
                "auricle: warning: --insecure: the server's certificate is not verified; anyone between you and the server can \
                 read and change audio, text and the API key"
            );
        }
    }
}
