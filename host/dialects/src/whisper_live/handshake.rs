//! The WhisperLive dialect's interface to the server. A browser's WebSocket cannot set headers, so it offers the
//! subprotocols `bearer` and the key.

use super::{
    connection::{WhisperLive as Connection, close_code},
    settings::WhisperLiveSettings,
};
use crate::{
    Dialect,
    websocket::{ConnectionSettings, WebSocket, dialogue, offered_subprotocols},
};
use auricle_core::{Failure, FailureCode};
use auricle_session::{Admitted, Codes, Protocol};
use axum::http::HeaderMap;
use futures_util::future::BoxFuture;
use std::sync::Arc;

const NAME: &str = "whisper-live";
const BEARER: &str = "bearer";

/// The protocol of WhisperLive.
#[derive(Debug)]
pub struct WhisperLive {
    settings: WhisperLiveSettings,
}

impl WhisperLive {
    /// Creates the dialect with the operator's settings.
    pub fn new(settings: WhisperLiveSettings) -> Self {
        Self { settings }
    }
}

impl Dialect for WhisperLive {
    fn name(&self) -> &'static str {
        NAME
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/whisper-live"]
    }

    fn close_code(&self) -> fn(FailureCode) -> u16 {
        close_code
    }

    /// The published client cannot, but others can.
    fn shows_keys(&self) -> bool {
        false
    }

    /// Python's `websocket-client` sends it.
    fn names_the_server_as_origin(&self) -> bool {
        true
    }

    fn key<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        self.subprotocol(headers)?;
        offered_subprotocols(headers).find(|name| *name != BEARER)
    }

    fn key_parameter(&self) -> Option<&'static str> {
        Some("token")
    }

    /// Never returns the one that is the key.
    fn subprotocol(&self, headers: &HeaderMap) -> Option<&'static str> {
        offered_subprotocols(headers).any(|name| name == BEARER).then_some(BEARER)
    }

    fn serve(
        self: Arc<Self>,
        socket: WebSocket,
        settings: Arc<ConnectionSettings>,
        admitted: Result<Admitted, Failure>,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let side = Connection::new(self.settings.clone(), Protocol { name: NAME, codes: Codes::Close(close_code) });
            dialogue::serve(side, socket, &settings, admitted).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_key_is_offered_beside_bearer() {
        let dialect = WhisperLive::new(WhisperLiveSettings::default());
        let mut headers = HeaderMap::new();
        headers.insert("sec-websocket-protocol", HeaderValue::from_static("bearer, k1"));
        assert_eq!((dialect.key(&headers), dialect.subprotocol(&headers)), (Some("k1"), Some("bearer")));
        headers.insert("sec-websocket-protocol", HeaderValue::from_static("chat"));
        assert_eq!((dialect.key(&headers), dialect.subprotocol(&headers)), (None, None));
    }
}
