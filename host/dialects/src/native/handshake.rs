//! The native dialect's part of the handshake. A browser's WebSocket cannot set headers, so it offers the key as a
//! subprotocol.

use super::{codes::close_code, connection};
use crate::{
    Dialect,
    websocket::{ConnectionSettings, WebSocket, offered_subprotocols},
};
use auricle_core::{Failure, FailureCode};
use auricle_session::Admitted;
use axum::http::HeaderMap;
use futures_util::future::BoxFuture;
use std::sync::Arc;

const PROTOCOL: &str = "auricle";
const KEY_PROTOCOL: &str = "auricle.key.";

/// The native protocol.
#[derive(Debug)]
pub struct Native;

impl Dialect for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/v1/stream"]
    }

    fn close_code(&self) -> fn(FailureCode) -> u16 {
        close_code
    }

    fn key<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        offered_subprotocols(headers).find_map(|name| name.strip_prefix(KEY_PROTOCOL))
    }

    /// Never returns a subprotocol that carries a key.
    fn subprotocol(&self, headers: &HeaderMap) -> Option<&'static str> {
        offered_subprotocols(headers).any(|name| name == PROTOCOL).then_some(PROTOCOL)
    }

    fn serve(
        self: Arc<Self>,
        socket: WebSocket,
        settings: Arc<ConnectionSettings>,
        admitted: Result<Admitted, Failure>,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            match admitted {
                Ok(admitted) => connection::serve(socket, &settings, admitted).await,
                Err(failure) => connection::refuse(socket, &settings, failure).await,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_key_is_offered_as_a_subprotocol() {
        let mut headers = HeaderMap::new();
        let both = |headers: &HeaderMap| (Native.key(headers).map(str::to_owned), Native.subprotocol(headers));
        assert_eq!(both(&headers), (None, None));
        headers.append("sec-websocket-protocol", HeaderValue::from_static("auricle,auricle.key.k2"));
        headers.append("sec-websocket-protocol", HeaderValue::from_static("x"));
        assert_eq!(both(&headers), (Some("k2".into()), Some("auricle")));
        headers.insert("sec-websocket-protocol", HeaderValue::from_static("auricle.key.k2"));
        assert_eq!(both(&headers), (Some("k2".into()), None));
    }
}
