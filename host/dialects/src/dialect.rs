//! The interfaces between the server and a dialect.

use super::{
    Visitor,
    websocket::{ConnectionSettings, Duplex, WebSocket},
};
use auricle_core::{Failure, FailureCode};
use auricle_session::{Admitted, Protocol};
use axum::{
    body::Body,
    http::{HeaderMap, Response},
};
use futures_util::future::BoxFuture;
use std::{fmt, sync::Arc};

/// A protocol over WebSocket.
pub trait Dialect: fmt::Debug + Send + Sync {
    /// The name in a listener's `dialects`.
    fn name(&self) -> &'static str;

    /// Its paths on a listener with several dialects. On a listener of its own it serves every path.
    fn paths(&self) -> &'static [&'static str];

    /// The WebSocket close code for a failure.
    fn close_code(&self) -> fn(FailureCode) -> u16;

    /// Whether its clients can send a key. If not, listeners that other machines can reach serve it only if they are
    /// bound to a key or restricted to networks.
    fn shows_keys(&self) -> bool {
        true
    }

    /// Whether client libraries outside browsers send `Origin` too, with the server's own address.
    fn names_the_server_as_origin(&self) -> bool {
        false
    }

    /// The key in a place that only this dialect uses. The server itself reads `Authorization: Bearer KEY` and
    /// `?key=KEY`.
    fn key<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let _ = headers;
        None
    }

    /// The field of the query that has the key, beside `key`.
    fn key_parameter(&self) -> Option<&'static str> {
        None
    }

    /// Chooses one of the subprotocols that a client offers.
    fn subprotocol(&self, headers: &HeaderMap) -> Option<&'static str> {
        let _ = headers;
        None
    }

    /// The dialect for one connection, if its parameters are in the URL: they are checked before the handshake is
    /// answered. The failure is that of a parameter.
    fn with_query(&self, query: &str, admitted: &Admitted) -> Option<Result<Arc<dyn Dialect>, Failure>> {
        let _ = (query, admitted);
        None
    }

    /// Gives the response to a handshake the dialect's own form. `refused` is the failure, if it is refused.
    fn answer(&self, refused: Option<&Failure>, response: &mut Response<Body>) {
        let _ = (refused, response);
    }

    /// Serves a connection to its end. If `admitted` is a failure, sends it to the client in the dialect's own form; it
    /// is already recorded.
    fn serve(
        self: Arc<Self>,
        socket: WebSocket,
        settings: Arc<ConnectionSettings>,
        admitted: Result<Admitted, Failure>,
    ) -> BoxFuture<'static, ()>;
}

/// A protocol on the socket itself, without HTTP. It has a listener of its own. Its clients cannot send keys.
pub trait SocketDialect: fmt::Debug + Send + Sync {
    /// Its name in a listener's `dialects`, and its codes for the log.
    fn protocol(&self) -> Protocol;

    /// Whether its own handshake admits only those who have a key of its own, so that it needs none of the server's.
    fn has_own_key(&self) -> bool {
        false
    }

    /// Serves a connection to its end. If `visitor` is a failure, sends it to the client in the dialect's own form; it
    /// is already recorded.
    fn serve(
        self: Arc<Self>,
        socket: Box<dyn Duplex>,
        settings: Arc<ConnectionSettings>,
        visitor: Result<Visitor, Failure>,
    ) -> BoxFuture<'static, ()>;
}
