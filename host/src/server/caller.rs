//! Who sends a request: every route but the health checks asks.

use super::{App, connections::Connection, refusal::Refusal};
use crate::access::{Caller, presented_key};
use axum::{extract::FromRequestParts, http::request::Parts};
use std::{net::Ipv4Addr, sync::Arc};

/// A caller that may see what belongs to others.
pub(super) struct Operator;

impl FromRequestParts<App> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        if !app.origins.allow(&parts.headers) {
            return Err(Refusal::Origin);
        }
        let key = match &app.keys {
            None => None,
            Some(keys) => {
                let keys = keys.get();
                let secret = presented_key(&parts.headers, parts.uri.query());
                Some(secret.and_then(|secret| keys.find(secret)).map(Arc::clone).ok_or(Refusal::Unauthorized)?)
            }
        };
        let drain = key.as_ref().map_or(&app.drain, |key| key.drain()).clone();
        let connection = parts.extensions.get::<Arc<Connection>>();
        let address = connection.map_or(Ipv4Addr::UNSPECIFIED.into(), |connection| connection.address());
        Ok(Self { address, key, drain })
    }
}

impl FromRequestParts<App> for Operator {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let caller = Caller::from_request_parts(parts, app).await?;
        if caller.is_operator() { Ok(Self) } else { Err(Refusal::NotOperator) }
    }
}
