//! The seam: what the server needs of a dialect to carry it.

use super::websocket::{ConnectionSettings, WebSocket};
use auricle_core::Failure;
use auricle_session::Admitted;
use axum::http::HeaderMap;
use futures_util::future::BoxFuture;
use std::{fmt, sync::Arc};

/// A protocol over WebSocket.
pub trait Dialect: fmt::Debug + Send + Sync {
    /// As in `dialects` of a listener.
    fn name(&self) -> &'static str;

    /// Where it is found on a listener that it shares; on one of its own it answers at every path.
    fn paths(&self) -> &'static [&'static str];

    /// Whether its clients can show a key. One whose clients cannot is served to a network only by a listener that is bound to
    /// a key, or to networks.
    fn shows_keys(&self) -> bool {
        true
    }

    /// Whether client libraries that are no web pages say `Origin` all the same: that of the server's own address.
    fn names_the_server_as_origin(&self) -> bool {
        false
    }

    /// The key in a place that only this dialect has; `Authorization: Bearer KEY` and `?key=KEY` are looked at for all.
    fn key<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let _ = headers;
        None
    }

    /// What to answer to the subprotocols that a client offers.
    fn subprotocol(&self, headers: &HeaderMap) -> Option<&'static str> {
        let _ = headers;
        None
    }

    /// Carries one connection to its end. A caller that may not even say what it wants is told why, in the dialect's words;
    /// that has been counted.
    fn serve(
        self: Arc<Self>,
        socket: WebSocket,
        settings: Arc<ConnectionSettings>,
        admitted: Result<Admitted, Failure>,
    ) -> BoxFuture<'static, ()>;
}
