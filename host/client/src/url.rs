//! The address of a server, in any of the forms that users write.
//!
//! `HOST`, `HOST:PORT`, and URLs with the schemes `ws`, `wss`, `http` and `https` mean the same server to every command. The
//! query, which may hold a key, is sent but never displayed.

use std::{fmt, str::FromStr};
use tokio_tungstenite::tungstenite::http::Uri;

/// Default port of the server.
const DEFAULT_PORT: u16 = 8770;

/// URL path of the native protocol.
pub const STREAM_PATH: &str = "/v1/stream";

/// The text is not the address of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The scheme is none of the known ones.
    #[error("the scheme `{0}` is not one of ws, wss, http, https; {FORMS}")]
    Scheme(String),
    /// The host is missing.
    #[error("the host is missing; {FORMS}")]
    NoHost,
    /// The port is not a number from 1 to 65535.
    #[error("`{0}` is not a port, 1 to 65535; {FORMS}")]
    Port(String),
    /// A part has characters that cannot be in a URL.
    #[error("not a URL; {FORMS}")]
    NotAUrl,
}

const FORMS: &str = "give HOST:PORT, or a URL such as wss://HOST:PORT (an IPv6 address in brackets)";

/// The address of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    secure: bool,
    /// Without brackets.
    host: String,
    port: u16,
    /// Host and port, as in a URL.
    authority: String,
    /// Empty, or begins with `/`.
    path: String,
    /// Empty, or begins with `?`.
    query: String,
}

impl ServerUrl {
    /// Whether the connection uses TLS.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// A host name or an IP address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port: as given, else that of the scheme; 8770 without a scheme.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port, for the header `Host`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The URL of a WebSocket: at the given path, else at `default_path`.
    pub fn websocket(&self, default_path: &str) -> String {
        let Self { authority, query, .. } = self;
        let path = if matches!(&*self.path, "" | "/") { default_path } else { &self.path };
        format!("{}://{authority}{path}{query}", if self.secure { "wss" } else { "ws" })
    }

    /// Path and query of one of the server's HTTP routes. If the given path is that of the streams behind a proxy
    /// (`/asr/v1/stream`), the route is beside it (`/asr/v1/presets`).
    pub fn route(&self, route: &str) -> String {
        let prefix = self.path.strip_suffix(STREAM_PATH).unwrap_or(&self.path).trim_end_matches('/');
        format!("{prefix}{route}{}", self.query)
    }

    /// The URL of an HTTP route, without the query, for messages.
    pub fn shown(&self, route: &str) -> String {
        let url = format!("{}://{}{}", if self.secure { "https" } else { "http" }, self.authority, self.route(route));
        without_query(&url).to_owned()
    }
}

/// A URL without its query, for messages.
pub(crate) fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(url, _)| url)
}

impl FromStr for ServerUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = match text.trim().split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, text.trim()),
        };
        let (secure, scheme_port) = match scheme.as_deref() {
            None => (false, DEFAULT_PORT),
            Some("ws" | "http") => (false, 80),
            Some("wss" | "https") => (true, 443),
            Some(other) => return Err(UrlError::Scheme(other.to_owned())),
        };
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
        let (host, port) = split(authority)?;
        if host.is_empty() {
            return Err(UrlError::NoHost);
        }
        let number = match port {
            None => scheme_port,
            Some(port) => match port.parse() {
                Ok(number) if number > 0 => number,
                _ => return Err(UrlError::Port(port.to_owned())),
            },
        };
        let authority = match (port, &scheme) {
            (None, None) => format!("{authority}:{number}"),
            _ => authority.to_owned(),
        };
        // Checks the characters.
        format!("http://{authority}{path}{query}").parse::<Uri>().map_err(|_| UrlError::NotAUrl)?;
        Ok(Self {
            secure,
            host: host.to_owned(),
            port: number,
            authority,
            path: path.to_owned(),
            query: query.to_owned(),
        })
    }
}

/// Divides `HOST:PORT`. The host is returned without brackets.
fn split(authority: &str) -> Result<(&str, Option<&str>), UrlError> {
    if authority.contains('@') {
        return Err(UrlError::NotAUrl);
    }
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(UrlError::NotAUrl)?;
        return match rest.strip_prefix(':') {
            None if rest.is_empty() => Ok((host, None)),
            Some(port) => Ok((host, Some(port))),
            None => Err(UrlError::NotAUrl),
        };
    }
    match authority.split_once(':') {
        None => Ok((authority, None)),
        Some((_, port)) if port.contains(':') => Err(UrlError::NotAUrl),
        Some((host, port)) => Ok((host, Some(port))),
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", if self.secure { "wss" } else { "ws" }, self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn url(text: &str) -> Result<ServerUrl, UrlError> {
        text.parse()
    }

    #[test]
    fn every_form_means_the_same_to_streams_and_to_routes() {
        for (given, stream, presets) in [
            ("localhost", "ws://localhost:8770/v1/stream", "http://localhost:8770/v1/presets"),
            ("localhost:9000", "ws://localhost:9000/v1/stream", "http://localhost:9000/v1/presets"),
            (" [::1]:9000/ ", "ws://[::1]:9000/v1/stream", "http://[::1]:9000/v1/presets"),
            ("http://host/", "ws://host/v1/stream", "http://host/v1/presets"),
            ("WSS://host:1", "wss://host:1/v1/stream", "https://host:1/v1/presets"),
            ("https://host", "wss://host/v1/stream", "https://host/v1/presets"),
            ("ws://host:1/v1/stream", "ws://host:1/v1/stream", "http://host:1/v1/presets"),
            ("wss://host/asr/v1/stream", "wss://host/asr/v1/stream", "https://host/asr/v1/presets"),
            ("ws://host:1/other?key=1", "ws://host:1/other?key=1", "http://host:1/other/v1/presets"),
            ("host:1?key=1", "ws://host:1/v1/stream?key=1", "http://host:1/v1/presets"),
        ] {
            let url = url(given).unwrap();
            assert_eq!((url.websocket(STREAM_PATH), url.shown("/v1/presets")), (stream.into(), presets.into()));
            assert!(!url.to_string().contains("key"), "{url}");
        }
        assert_eq!(url("host:1?key=1").unwrap().route("/v1/presets"), "/v1/presets?key=1");
        assert_eq!(url("[::1]").unwrap().host(), "::1");
        let port = |text: &str| url(text).unwrap().port();
        assert_eq!((port("host"), port("ws://host"), port("https://host"), port("http://host:9")), (8770, 80, 443, 9));
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_forms() {
        for (given, error) in [
            ("ftp://host", UrlError::Scheme("ftp".into())),
            ("wss://", UrlError::NoHost),
            ("/v1/stream", UrlError::NoHost),
            (":8770", UrlError::NoHost),
            ("", UrlError::NoHost),
            ("host:99999", UrlError::Port("99999".into())),
            ("host:0", UrlError::Port("0".into())),
            ("ws://host:/", UrlError::Port(String::new())),
            ("::1", UrlError::NotAUrl),
            ("user@host:1", UrlError::NotAUrl),
            ("ho st:1", UrlError::NotAUrl),
        ] {
            let refused = url(given).unwrap_err();
            assert!(refused.to_string().contains("give HOST:PORT"), "{refused}");
            assert_eq!(refused, error, "{given}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_refused(text in ".{0,40}") {
            if let Ok(url) = url(&text) {
                prop_assert!(url.websocket(STREAM_PATH).parse::<Uri>().is_ok(), "{}", text);
                prop_assert!(url.route("/v1/presets").parse::<Uri>().is_ok(), "{}", text);
            }
        }
    }
}
