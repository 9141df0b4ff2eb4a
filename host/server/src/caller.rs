//! Authenticates the sender of a request, on every route but the health checks.

use super::{answer::Refused, app::App, connections::Connection};
use crate::access::{OwnOrigin, presented_key};
use auricle_core::{Failure, FailureCode};
use auricle_dialects::Dialect;
use auricle_session::Caller;
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Uri, request::Parts},
};
use std::{net::Ipv4Addr, sync::Arc};

/// An authenticated caller of an HTTP route.
pub(super) struct Authenticated(pub(super) Caller);

/// A caller who is an operator.
pub(super) struct Operator(pub(super) Caller);

/// What the clients of a dialect do differently.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Customs<'a> {
    /// The key, where only they send it.
    pub(super) key: Option<&'a str>,
    /// The field of the query that has the key, beside `key`.
    pub(super) key_parameter: Option<&'static str>,
    /// Whether they send the server's own address as `Origin`.
    pub(super) names_the_server_as_origin: bool,
}

impl<'a> Customs<'a> {
    pub(super) fn of(dialect: &dyn Dialect, headers: &'a HeaderMap) -> Self {
        Self {
            key: dialect.key(headers),
            key_parameter: dialect.key_parameter(),
            names_the_server_as_origin: dialect.names_the_server_as_origin(),
        }
    }
}

impl App {
    /// Authenticates a request to a dialect, or to one of the server's own routes.
    ///
    /// # Errors
    /// The request is refused.
    pub(super) fn caller(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
        customs: Customs<'_>,
        connection: Option<&Arc<Connection>>,
    ) -> Result<Caller, Failure> {
        let own = match customs.names_the_server_as_origin || self.has_page {
            true if self.has_tls => OwnOrigin::ByName,
            true => OwnOrigin::ByNumber,
            false => OwnOrigin::Listed,
        };
        if !self.origins.allow(headers, own) {
            let message = "this web page is not allowed (the setting `origins` lists those that are)";
            return Err(Failure::new(FailureCode::Origin, message));
        }
        let key = match &self.keys {
            None => None,
            Some(keys) => {
                let keys = keys.get();
                let shown = presented_key(headers, uri.query(), customs.key_parameter).or(customs.key);
                let key = match (&self.bound_key, shown) {
                    (Some(name), _) => keys.named(name),
                    (None, Some(secret)) => keys.find(secret),
                    (None, None) => None,
                };
                let key = key.map(Arc::clone);
                if shown.is_none() && self.serves_without_key {
                    return Ok(self.unnamed(connection));
                }
                Some(key.ok_or_else(|| {
                    // Not for the client, who could find out by it whether a key exists.
                    let cause = match (&self.bound_key, shown) {
                        (Some(_), _) => "the listener's key is not in the key file",
                        (None, Some(_)) => "unknown API key",
                        (None, None) => "no API key",
                    };
                    let message = "an API key is required: `Authorization: Bearer KEY`, `?key=KEY`, or the subprotocols \
                                   `auricle, auricle.key.KEY`";
                    Failure::new(FailureCode::Unauthorized, message).with_detail(cause)
                })?)
            }
        };
        let drain = key.as_ref().map_or(&self.drain, |key| key.drain()).clone();
        Ok(Caller { key, drain, ..self.unnamed(connection) })
    }

    /// A caller without a key.
    fn unnamed(&self, connection: Option<&Arc<Connection>>) -> Caller {
        let address = connection.map_or(Ipv4Addr::UNSPECIFIED.into(), |connection| connection.address());
        Caller { address, key: None, drain: self.drain.clone() }
    }
}

impl FromRequestParts<App> for Authenticated {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        Ok(Self(app.caller(&parts.headers, &parts.uri, Customs::default(), parts.extensions.get())?))
    }
}

impl FromRequestParts<App> for Operator {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let Authenticated(caller) = Authenticated::from_request_parts(parts, app).await?;
        if caller.is_operator() {
            return Ok(Self(caller));
        }
        let failure = Failure::new(FailureCode::NotOperator, "this requires an operator's key (`operator = true`)");
        Err(Refused { key: caller.key_name().map(str::to_owned), ..failure.into() })
    }
}
