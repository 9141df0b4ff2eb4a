//! Which web pages may use the server.
//!
//! A browser lets any page open a WebSocket to any address, loopback included, and says in `Origin` which page it is. Other
//! clients send no such header and are not concerned. So no page is let in unless it is on the list, not even one whose
//! address looks like the server's own: a name that an attacker points at 127.0.0.1 looks just the same.

use axum::http::{HeaderMap, header};

/// Lets in every page.
const ANY: &str = "*";

/// The pages that may use the server.
#[derive(Debug, Clone)]
pub struct Origins(Vec<String>);

impl Origins {
    /// From the settings.
    ///
    /// # Errors
    /// Names the one that is none.
    pub fn new(list: &[String]) -> Result<Self, String> {
        for origin in list {
            let plain = origin.split_once("://").is_some_and(|(scheme, authority)| {
                !scheme.is_empty() && !authority.is_empty() && !authority.contains('/')
            });
            if !plain && origin != ANY && origin != "null" {
                return Err(format!(
                    "`origins`: `{origin}` is no origin: give scheme, host and port as browsers do, such as \
                     `https://app.example` or `http://localhost:3000`"
                ));
            }
        }
        Ok(Self(list.to_vec()))
    }

    /// Whether a request may go on: it is on behalf of no web page, or of one that is listed.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        origins.all(|origin| {
            self.0.iter().any(|allowed| allowed == ANY || origin.as_bytes().eq_ignore_ascii_case(allowed.as_bytes()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn allows(list: &[&str], origin: &'static str) -> bool {
        let list: Vec<_> = list.iter().map(|&origin| origin.to_owned()).collect();
        let headers = HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static(origin))]);
        Origins::new(&list).unwrap().allow(&headers)
    }

    #[test]
    fn only_listed_pages_are_let_in() {
        assert!(Origins::new(&[]).unwrap().allow(&HeaderMap::new()));
        assert!(!allows(&[], "http://127.0.0.1:8770"));
        assert!(allows(&["https://app.example"], "https://App.example"));
        for other in ["http://app.example", "https://app.example:8443", "https://app.example.evil", "null"] {
            assert!(!allows(&["https://app.example"], other), "{other}");
        }
        assert!(allows(&["*"], "null") && allows(&["null"], "null"));
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for wrong in ["app.example", "https://", "https://app.example/", "*.example"] {
            assert!(Origins::new(&[wrong.to_owned()]).unwrap_err().contains(wrong));
        }
    }
}
