//! Finds the API key in a request.
//!
//! There are several places for a key because not every client has a choice: a program can set a header, a link has
//! only its query, and a browser's WebSocket only its subprotocols (which the dialect reads).

use axum::http::{HeaderMap, header};

/// The key in `Authorization: Bearer KEY`, or else in `?key=KEY`, or in the `other` field of the query. A dialect may
/// look in further places.
pub fn presented_key<'a>(headers: &'a HeaderMap, query: Option<&'a str>, other: Option<&str>) -> Option<&'a str> {
    let bearer = || {
        let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    };
    let field = |name: &str| query?.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    bearer().or_else(|| field("key")).or_else(|| field(other?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_key_is_found_wherever_it_may_be() {
        let none = headers(&[]);
        assert_eq!(presented_key(&none, None, Some("token")), None);
        assert_eq!(presented_key(&none, Some("a=b&key=k"), None), Some("k"));
        assert_eq!(presented_key(&none, Some("monkey=k&token=k"), None), None);
        assert_eq!(presented_key(&none, Some("token=k"), Some("token")), Some("k"));
        let bearer = headers(&[("authorization", "bearer k1")]);
        assert_eq!(presented_key(&bearer, Some("key=k3"), None), Some("k1"));
        let basic = headers(&[("authorization", "Basic k1")]);
        assert_eq!(presented_key(&basic, None, None), None);
    }
}
