//! Decides which web pages may use the server.
//!
//! A browser lets any page open a WebSocket to any address, loopback included, and sends the page's origin in `Origin`.
//! Other clients send no such header and are not restricted. A page is allowed only if its origin is listed. An origin
//! that equals the server's address is not enough: an attacker can point a name at 127.0.0.1, and its origin looks the
//! same.

use axum::http::{HeaderMap, HeaderValue, Method, header};
use std::net::IpAddr;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// Allows every page.
const ANY: &str = "*";

/// The text is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`origins`: `{origin}` is not an origin: use scheme, host and port as browsers send them, such as `https://app.example` or \
     `http://localhost:3000`"
)]
pub struct OriginError {
    /// The invalid text.
    pub origin: String,
}

/// The origins that may use the server.
#[derive(Debug, Clone)]
pub struct Origins(Vec<String>);

/// Whether the server's own address is allowed as an origin. Some client libraries outside browsers send it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnOrigin {
    /// Only if it is listed.
    Listed,
    /// Only an IP address or `localhost`: an attacker can point a name at this machine, but not an address.
    ByNumber,
    /// Also a name: the certificate is not valid for an attacker's name.
    ByName,
}

impl OwnOrigin {
    fn allows(self, origin: &str, host: &str) -> bool {
        let (secure, authority) = match (origin.strip_prefix("https://"), origin.strip_prefix("http://")) {
            (Some(authority), _) => (true, authority),
            (None, Some(authority)) => (false, authority),
            (None, None) => return false,
        };
        let port = |port: &str| port.bytes().all(|digit| digit.is_ascii_digit());
        let name = host.rsplit_once(':').filter(|(_, last)| port(last)).map_or(host, |(name, _)| name);
        let number = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let is_number = number.parse::<IpAddr>().is_ok() || name == "localhost";
        authority == host
            && match self {
                Self::Listed => false,
                Self::ByNumber => is_number,
                Self::ByName => is_number || secure,
            }
    }
}

impl Origins {
    /// Creates the list from the settings.
    ///
    /// # Errors
    /// An entry is not an origin.
    pub fn new(list: &[String]) -> Result<Self, OriginError> {
        for origin in list {
            let plain = origin.split_once("://").is_some_and(|(scheme, authority)| {
                !scheme.is_empty() && !authority.is_empty() && !authority.contains('/')
            });
            if !plain && origin != ANY && origin != "null" {
                return Err(OriginError { origin: origin.clone() });
            }
        }
        Ok(Self(list.to_vec()))
    }

    /// Lets scripts of the listed pages read the answers of the HTTP routes (CORS).
    pub fn cors(&self) -> CorsLayer {
        let listed = self.0.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
        let origins =
            if self.0.iter().any(|origin| origin == ANY) { AllowOrigin::any() } else { AllowOrigin::list(listed) };
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
            // For clients of WHIP.
            .expose_headers([header::LOCATION, header::ETAG])
            // Client libraries in web pages send headers of their own.
            .allow_headers(AllowHeaders::mirror_request())
    }

    /// Whether a request may go on: it is on behalf of no web page, or of one that is listed, or of one at the very address
    /// that is asked, where `own` lets that in.
    pub fn allow(&self, headers: &HeaderMap, own: OwnOrigin) -> bool {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let mut origins = headers.get_all(header::ORIGIN).iter();
        origins.all(|origin| {
            let listed =
                |allowed: &String| allowed == ANY || origin.as_bytes().eq_ignore_ascii_case(allowed.as_bytes());
            self.0.iter().any(listed)
                || host.is_some_and(|host| origin.to_str().is_ok_and(|origin| own.allows(origin, host)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(list: &[&str], origin: &'static str) -> bool {
        let list: Vec<_> = list.iter().map(|&origin| origin.to_owned()).collect();
        let headers = HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static(origin))]);
        Origins::new(&list).unwrap().allow(&headers, OwnOrigin::Listed)
    }

    #[test]
    fn only_listed_pages_are_let_in() {
        assert!(Origins::new(&[]).unwrap().allow(&HeaderMap::new(), OwnOrigin::Listed));
        assert!(!allows(&[], "http://127.0.0.1:8770"));
        assert!(allows(&["https://app.example"], "https://App.example"));
        for other in ["http://app.example", "https://app.example:8443", "https://app.example.evil", "null"] {
            assert!(!allows(&["https://app.example"], other), "{other}");
        }
        assert!(allows(&["*"], "null") && allows(&["null"], "null"));
    }

    #[test]
    fn an_own_address_is_let_in_by_its_number_alone() {
        let own = |origin: &'static str, host: &'static str| {
            let [origin, host] = [origin, host].map(HeaderValue::from_static);
            let headers = HeaderMap::from_iter([(header::ORIGIN, origin), (header::HOST, host)]);
            let origins = Origins::new(&[]).unwrap();
            assert!(!origins.allow(&headers, OwnOrigin::Listed));
            (origins.allow(&headers, OwnOrigin::ByNumber), origins.allow(&headers, OwnOrigin::ByName))
        };
        for host in ["127.0.0.1:2700", "192.168.0.7:2700", "[::1]:2700", "localhost:2700", "127.0.0.1"] {
            let origin: &'static str = format!("http://{host}").leak();
            assert_eq!(own(origin, host), (true, true), "{host}");
        }
        for (origin, host) in [
            // A name that an attacker points at this machine.
            ("http://evil.example:2700", "evil.example:2700"),
            ("http://127.0.0.1:2701", "127.0.0.1:2700"),
            ("http://127.0.0.1.evil.example:2700", "127.0.0.1:2700"),
            ("null", "127.0.0.1:2700"),
            ("file://127.0.0.1:2700", "127.0.0.1:2700"),
            ("https://evil.example:2700", "vosk.example:2700"),
        ] {
            assert_eq!(own(origin, host), (false, false), "{origin} {host}");
        }
        assert_eq!(own("https://vosk.example:2700", "vosk.example:2700"), (false, true));
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for wrong in ["app.example", "https://", "https://app.example/", "*.example"] {
            assert_eq!(Origins::new(&[wrong.to_owned()]).unwrap_err().origin, wrong);
        }
    }
}
