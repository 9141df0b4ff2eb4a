//! The subprotocols in a WebSocket handshake. Browsers cannot set headers, so some dialects take a key from them.

use axum::http::{HeaderMap, header};

/// The subprotocols that a client offers.
pub fn offered_subprotocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}
