//! The interface between the server and a protocol of single HTTP requests.
//!
//! The server authenticates a request before the dialect gets it, and records the refusals that the dialect returns.
//! Refusals of a requested session and its end are recorded by the session.

use crate::{Uploads, websocket::ConnectionSettings};
use auricle_core::Failure;
use auricle_session::{Caller, Sessions};
use axum::{
    extract::Request,
    http::{HeaderMap, Method},
    response::Response,
};
use futures_util::future::BoxFuture;
use std::{fmt, sync::Arc};

/// A protocol of HTTP requests.
pub trait RestDialect: fmt::Debug + Send + Sync {
    /// The name in a listener's `dialects`.
    fn name(&self) -> &'static str;

    /// Its routes: methods, and paths as axum writes them.
    fn routes(&self) -> &'static [(Method, &'static str)];

    /// The key in a place that only this dialect uses, as in [`Dialect::key`](crate::Dialect::key).
    fn key<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let _ = headers;
        None
    }

    /// Whether the body of a request to this path is live audio, which pauses as its speaker does. The dialect then limits the
    /// pauses itself.
    fn is_live(&self, path: &str) -> bool {
        let _ = path;
        false
    }

    /// The response to a request that the server refuses.
    fn refusal(&self, failure: &Failure) -> Response;

    /// Answers a request to one of the routes. If the future or the response's body is dropped, the client is gone, and
    /// the request's work ends.
    fn answer(
        self: Arc<Self>,
        request: Request,
        context: RequestContext,
    ) -> BoxFuture<'static, Result<Response, RefusedRequest>>;
}

/// What a dialect needs to answer a request.
#[derive(Debug)]
pub struct RequestContext {
    /// Who sent the request.
    pub caller: Caller,
    /// The sessions of the server.
    pub sessions: Arc<Sessions>,
    /// The limits of request bodies.
    pub uploads: Uploads,
    /// The limits of live audio.
    pub limits: Arc<ConnectionSettings>,
}

/// A request that was refused before it requested a session. The server records it.
#[derive(Debug)]
pub struct RefusedRequest {
    /// Why.
    pub failure: Failure,
    /// The response for the client.
    pub response: Response,
}
