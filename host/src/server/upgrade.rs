//! From an HTTP request to a WebSocket (RFC 6455, section 4.2).

use super::{App, connections::Connection, refusal::Refusal};
use crate::{
    access::{Caller, subprotocol},
    failure::Failure,
    native,
    permits::Permit,
};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
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

/// Who has been let in, or why not.
type Admitted = Result<(Places, Caller), Failure>;

/// What a stream's connection holds until its end.
struct Places {
    _server: Permit,
    _key: Option<Permit>,
}

/// `GET /v1/stream`.
pub(super) async fn stream(
    State(app): State<App>,
    caller: Result<Caller, Refusal>,
    mut request: Request,
) -> axum::response::Response {
    let Some(accept) = accept_key(request.headers()) else {
        let hint = "this address speaks WebSocket (version 13): connect with a WebSocket client\n";
        let known = [(header::UPGRADE, "websocket"), (header::SEC_WEBSOCKET_VERSION, "13")];
        return (StatusCode::UPGRADE_REQUIRED, known, hint).into_response();
    };
    // A script in a web page never sees an answer in HTTP: it is told by the close frame.
    let is_script = request.headers().contains_key(header::ORIGIN);
    let admitted = match caller.and_then(|caller| Ok((places(&app, &caller)?, caller))) {
        Ok(admitted) => Ok(admitted),
        Err(refusal) => match refusal.failure().filter(|_| is_script) {
            Some(failure) => Err(failure),
            None => return refusal.into_response(),
        },
    };
    let protocol = subprotocol(request.headers());
    let connection: Option<Arc<Connection>> = request.extensions().get().cloned();
    let upgrade = hyper::upgrade::on(&mut request);
    let streams = app.streams.clone();
    streams.spawn(async move {
        match upgrade.await {
            Ok(upgraded) => take_socket(upgraded, app, admitted).await,
            Err(error) => tracing::debug!("upgrade failed: {error}"),
        }
        drop(connection);
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(protocol) = protocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    }
    response
}

fn places(app: &App, caller: &Caller) -> Result<Places, Refusal> {
    if app.stopping.is_cancelled() {
        return Err(Refusal::Stopping);
    }
    let key = caller.key.as_ref().map(|key| key.take_place()).transpose().map_err(Refusal::KeyFull)?;
    let server = app.places.try_take().ok_or(Refusal::Full)?;
    if app.admission.is_hopeless(caller) {
        return Err(Refusal::Overloaded);
    }
    Ok(Places { _server: server, _key: key })
}

async fn take_socket(upgraded: Upgraded, app: App, admitted: Admitted) {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(Some(app.max_message_bytes))
        .max_frame_size(Some(app.max_message_bytes));
    // The connection's own socket: one layer less for every frame. (With TLS there are layers enough.)
    match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => {
            let (socket, read) = (parts.io.into_inner(), parts.read_buf.to_vec());
            talk(WebSocketStream::from_partially_read(socket, read, Role::Server, Some(config)).await, app, admitted)
                .await;
        }
        Err(upgraded) => {
            let socket = TokioIo::new(upgraded);
            talk(WebSocketStream::from_raw_socket(socket, Role::Server, Some(config)).await, app, admitted).await;
        }
    }
}

async fn talk<S>(socket: WebSocketStream<S>, app: App, admitted: Admitted)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    match admitted {
        Ok((places, caller)) => {
            native::serve(socket, app.admission, app.connection, caller).await;
            drop(places);
        }
        Err(failure) => native::refuse(socket, &app.connection, failure).await,
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
