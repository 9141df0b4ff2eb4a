//! Why a request is refused before anything is done for it: one table of statuses, codes, reasons and words.

use crate::{
    failure::{Failure, FailureCode},
    metrics::METRICS,
};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

/// How long a client is asked to wait, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// A refusal; it is counted when it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No key, or one that is none.
    Unauthorized,
    /// A key that is not the operator's.
    NotOperator,
    /// A web page that is not on the list.
    Origin,
    /// The key has all its streams.
    KeyFull(usize),
    /// The server has all its streams.
    Full,
    /// The server has all its connections.
    Connections,
    /// The address has all its connections.
    AddressConnections,
    /// Every model that could be asked for is behind.
    Overloaded,
    /// The server stops.
    Stopping,
}

impl Refusal {
    /// For the metrics.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::NotOperator => "not_operator",
            Self::Origin => "origin",
            Self::KeyFull(_) => "key_streams",
            Self::Full => "streams",
            Self::Connections => "connections",
            Self::AddressConnections => "address_connections",
            Self::Overloaded => "overloaded",
            Self::Stopping => "shutting_down",
        }
    }

    /// The same as the end of a WebSocket; `None` where there is nothing that a web page is to know.
    pub(super) fn failure(self) -> Option<Failure> {
        let code = match self {
            Self::Unauthorized => FailureCode::Unauthorized,
            Self::KeyFull(_) | Self::Full => FailureCode::Capacity,
            Self::Overloaded => FailureCode::Overloaded,
            Self::Stopping => FailureCode::ShuttingDown,
            Self::Origin | Self::NotOperator | Self::Connections | Self::AddressConnections => return None,
        };
        Some(Failure::new(code, self.message()))
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotOperator | Self::Origin => StatusCode::FORBIDDEN,
            Self::KeyFull(_) | Self::AddressConnections => StatusCode::TOO_MANY_REQUESTS,
            Self::Full | Self::Connections | Self::Overloaded | Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn message(self) -> String {
        match self {
            Self::Unauthorized => {
                "a key is needed: `Authorization: Bearer KEY`, `?key=KEY`, or the subprotocols `auricle, auricle.key.KEY`".into()
            }
            Self::NotOperator => "this needs a key with `operator = true`".into(),
            Self::Origin => "this web page may not use the server (`origins` in its settings lists those that may)".into(),
            Self::KeyFull(most) => format!("the key has all the streams it may have ({most}); end one, or try again later"),
            Self::Full => "the server has all the streams it may have (limits.max_streams)".into(),
            Self::Connections => "the server has all the connections it may have (limits.max_connections)".into(),
            Self::AddressConnections => {
                "this address has all the connections it may have (limits.max_connections_per_address)".into()
            }
            Self::Overloaded => "the server is behind with the streams it has and takes no more; try again later".into(),
            Self::Stopping => "the server is going away".into(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        METRICS.refused(self.reason());
        let mut response = (self.status(), format!("{}\n", self.message())).into_response();
        let headers = response.headers_mut();
        match self.status() {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            _ => {}
        }
        response
    }
}
