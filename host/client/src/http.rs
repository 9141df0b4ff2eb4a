//! Requests to the server's HTTP routes, one connection each.

use super::{
    connect::first_line,
    dial::{CONNECT_TIMEOUT, Connection, DialError, Dialer, Schemes},
    server::Server,
};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    Method, Request, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{AUTHORIZATION, HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

const SCHEMES: Schemes = Schemes { plain: "http", secure: "https" };

/// The longest response that is read, in bytes.
const MAX_BYTES: usize = 64 << 20;

/// A request has no useful answer.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The server cannot be reached, or does not answer in HTTP.
    #[error("cannot connect to {url}: {reason}")]
    Connect {
        /// The URL of the route.
        url: String,
        /// The cause.
        reason: String,
    },
    /// A key is required.
    #[error("{url}: the server requires an API key: use --key or AURICLE_KEY")]
    NoKey {
        /// The URL of the route.
        url: String,
    },
    /// The key is not one of the server's.
    #[error("{url}: the server does not know this API key (--key or AURICLE_KEY)")]
    UnknownKey {
        /// The URL of the route.
        url: String,
    },
    /// The server refused the request.
    #[error("{url} refused the request: {status}: {line}")]
    Refused {
        /// The URL of the route.
        url: String,
        /// The HTTP status.
        status: StatusCode,
        /// The first line of the response.
        line: String,
    },
    /// The response is not what an Auricle server sends.
    #[error("{url}: not a response of an Auricle server: {reason}")]
    Answer {
        /// The URL of the route.
        url: String,
        /// The cause.
        reason: String,
    },
}

/// `GET`: reads the JSON that the server sends for this route.
///
/// # Errors
/// There is no connection, the server refuses, or it sends something else.
pub async fn get<T: DeserializeOwned>(server: &Server, route: &str) -> Result<T, RequestError> {
    let body = request(server, Method::GET, route).await?;
    serde_json::from_slice(&body)
        .map_err(|error| RequestError::Answer { url: server.url.shown(route), reason: error.to_string() })
}

/// `POST` without a body: returns the text of the response.
///
/// # Errors
/// There is no connection, or the server refuses.
pub async fn post(server: &Server, route: &str) -> Result<String, RequestError> {
    let body = request(server, Method::POST, route).await?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

async fn request(server: &Server, method: Method, route: &str) -> Result<Bytes, RequestError> {
    let url = server.url.shown(route);
    let failed = |reason: String| RequestError::Connect { url: url.clone(), reason };
    let dialer = Dialer::new(server, SCHEMES).map_err(|error| failed(error.to_string()))?;
    let connection = dialer.open().await.map_err(|error| match error {
        DialError::Connect(error) => failed(format!("{error}; is the server running there?")),
        error => failed(error.to_string()),
    })?;
    let mut request =
        Request::builder().method(method).uri(server.url.route(route)).header(HOST, server.url.authority());
    if let Some(key) = &server.key {
        let value = HeaderValue::from_str(&format!("Bearer {key}"));
        let mut value = value.map_err(|_| RequestError::UnknownKey { url: url.clone() })?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    let request = request.body(Empty::new()).map_err(|error| failed(error.to_string()))?;
    let answered = timeout(CONNECT_TIMEOUT, exchange(connection, request)).await;
    let answered = answered.map_err(|_| failed(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs())))?;
    let (status, body) = answered.map_err(|error| match error.downcast_ref::<hyper::Error>() {
        Some(error) if error.is_parse() => failed(SCHEMES.no_http()),
        _ => failed(error.to_string()),
    })?;
    match status {
        StatusCode::UNAUTHORIZED if server.key.is_some() => Err(RequestError::UnknownKey { url }),
        StatusCode::UNAUTHORIZED => Err(RequestError::NoKey { url }),
        status if status.is_success() => Ok(body),
        status => Err(RequestError::Refused { url, status, line: first_line(&String::from_utf8_lossy(&body)) }),
    }
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

async fn exchange(connection: Connection, request: Request<Empty<Bytes>>) -> Result<(StatusCode, Bytes), Cause> {
    let (mut sender, driver) = http1::handshake(TokioIo::new(connection)).await?;
    let exchange = async {
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body: Limited<Incoming> = Limited::new(body, MAX_BYTES);
        Ok::<_, Cause>((parts.status, body.collect().await?.to_bytes()))
    };
    tokio::pin!(exchange);
    tokio::select! {
        // First, since the connection may be over with the response.
        biased;
        answered = &mut exchange => answered,
        driven = driver => {
            driven?;
            exchange.await
        }
    }
}
