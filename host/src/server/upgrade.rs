//! From an HTTP request to a WebSocket (RFC 6455, section 4.2).

use super::App;
use crate::native;
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};

/// Small: an idle stream should cost little, and a frame of live audio is less than this.
const READ_BUFFER_BYTES: usize = 8 << 10;
const WRITE_BUFFER_BYTES: usize = 4 << 10;

/// `GET /v1/stream`.
pub(super) async fn stream(State(app): State<App>, mut request: Request) -> axum::response::Response {
    let Some(accept) = accept_key(request.headers()) else {
        let hint = "this address speaks WebSocket (version 13): connect with a WebSocket client\n";
        let known = [(header::UPGRADE, "websocket"), (header::SEC_WEBSOCKET_VERSION, "13")];
        return (StatusCode::UPGRADE_REQUIRED, known, hint).into_response();
    };
    if app.stopping.is_cancelled() {
        return unavailable("the server is going away");
    }
    let Ok(place) = Arc::clone(&app.places).try_acquire_owned() else {
        return unavailable("the server has all the streams it may have (limits.max_streams)");
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let streams = app.streams.clone();
    streams.spawn(async move {
        match upgrade.await {
            Ok(upgraded) => serve(upgraded, app).await,
            Err(error) => tracing::debug!("upgrade failed: {error}"),
        }
        drop(place);
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

async fn serve(upgraded: Upgraded, app: App) {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(Some(app.max_message_bytes))
        .max_frame_size(Some(app.max_message_bytes));
    // The connection's own socket: one layer less for every frame.
    match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => {
            let (socket, read) = (parts.io.into_inner(), parts.read_buf.to_vec());
            let socket = WebSocketStream::from_partially_read(socket, read, Role::Server, Some(config)).await;
            native::serve(socket, app.catalog, Arc::clone(&app.connection), app.drain).await;
        }
        Err(upgraded) => {
            let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
            native::serve(socket, app.catalog, Arc::clone(&app.connection), app.drain).await;
        }
    }
}

/// The answer to a valid WebSocket handshake.
fn accept_key(headers: &HeaderMap) -> Option<HeaderValue> {
    let has = |name, token: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
    };
    let valid = has(header::CONNECTION, "upgrade")
        && has(header::UPGRADE, "websocket")
        && headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| valid)?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()
}

fn unavailable(reason: &'static str) -> axum::response::Response {
    let retry = [(header::RETRY_AFTER, "5")];
    (StatusCode::SERVICE_UNAVAILABLE, retry, format!("{reason}\n")).into_response()
}
