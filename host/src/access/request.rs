//! What a request says about who sends it.
//!
//! A key may come in three places, because not every client has a choice: a program sets a header, a link has only its
//! query, and a browser's WebSocket only its subprotocols.

use axum::http::{HeaderMap, header};

/// The subprotocol of `/v1/stream`.
const PROTOCOL: &str = "auricle";

const KEY_PROTOCOL: &str = "auricle.key.";

/// The key that a request brings: `Authorization: Bearer KEY`, `?key=KEY`, or `Sec-WebSocket-Protocol: auricle,
/// auricle.key.KEY`; the first of these counts.
pub fn presented_key<'a>(headers: &'a HeaderMap, query: Option<&'a str>) -> Option<&'a str> {
    let bearer = || {
        let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    };
    let parameter = || query?.split('&').find_map(|field| field.strip_prefix("key="));
    let protocol = || protocols(headers).find_map(|name| name.strip_prefix(KEY_PROTOCOL));
    bearer().or_else(parameter).or_else(protocol)
}

/// What to answer to the subprotocols that a client offers. One that carries a key is never sent back.
pub fn subprotocol(headers: &HeaderMap) -> Option<&'static str> {
    protocols(headers).any(|name| name == PROTOCOL).then_some(PROTOCOL)
}

fn protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
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
        assert_eq!(presented_key(&none, None), None);
        assert_eq!(presented_key(&none, Some("a=b&key=k")), Some("k"));
        assert_eq!(presented_key(&none, Some("monkey=k")), None);
        let bearer = headers(&[("authorization", "bearer k1"), ("sec-websocket-protocol", "auricle.key.k2")]);
        assert_eq!(presented_key(&bearer, Some("key=k3")), Some("k1"));
        let basic = headers(&[("authorization", "Basic k1")]);
        assert_eq!(presented_key(&basic, None), None);
        let offered = headers(&[("sec-websocket-protocol", "auricle,auricle.key.k2"), ("sec-websocket-protocol", "x")]);
        assert_eq!(presented_key(&offered, None), Some("k2"));
        assert_eq!(subprotocol(&offered), Some("auricle"));
        assert_eq!(subprotocol(&headers(&[("sec-websocket-protocol", "auricle.key.k2")])), None);
    }
}
