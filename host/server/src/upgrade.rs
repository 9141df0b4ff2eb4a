//! Upgrades an HTTP request to a WebSocket (RFC 6455, section 4.2) and hands that to a dialect.

use super::{answer::Refused, app::App, caller::Customs, connections::Connection, write_limit::WriteLimit};
use auricle_core::{Failure, FailureCode};
use auricle_dialects::{
    Dialect,
    websocket::{self, Duplex, Socket},
};
use auricle_session::{Admitted, Codes, Protocol, Refusal};
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version, header},
    response::IntoResponse,
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::{net::Ipv4Addr, sync::Arc};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Handles a request at one of a dialect's paths.
pub(super) async fn upgrade(mut dialect: Arc<dyn Dialect>, app: App, mut request: Request) -> axum::response::Response {
    let is_http_11 = request.method() == Method::GET && request.version() == Version::HTTP_11;
    let Some(accept) = accept_key(request.headers()).filter(|_| is_http_11) else {
        let hint = "this address requires WebSocket (version 13): connect with a WebSocket client\n";
        let known = [(header::UPGRADE, "websocket"), (header::SEC_WEBSOCKET_VERSION, "13")];
        return (StatusCode::UPGRADE_REQUIRED, known, hint).into_response();
    };
    let connection: Option<Arc<Connection>> = request.extensions().get().cloned();
    let headers = request.headers();
    // A script in a web page cannot read an HTTP response, so it gets the failure in the close frame.
    let is_script = headers.contains_key(header::ORIGIN);
    let protocol = Protocol { name: dialect.name(), codes: Codes::Close(dialect.close_code()) };
    let caller = app.caller(headers, request.uri(), Customs::of(&*dialect, headers), connection.as_ref());
    let key = caller.as_ref().ok().and_then(|caller| caller.key_name()).map(str::to_owned);
    let admitted = caller.and_then(|caller| app.sessions.admit(caller, protocol)).and_then(|admitted| {
        if let Some(chosen) = dialect.with_query(request.uri().query().unwrap_or_default(), &admitted) {
            dialect = chosen?;
        }
        Ok(admitted)
    });
    if let Err(failure) = &admitted {
        if !(is_script && is_for_scripts(failure.code)) {
            let mut response = Refused { failure: failure.clone(), key, dialect: Some(protocol.name) }.into_response();
            dialect.answer(Some(failure), &mut response);
            return response;
        }
        let peer = connection.as_ref().map_or(Ipv4Addr::UNSPECIFIED.into(), |connection| connection.address());
        let answer = Some(protocol.codes.answer(Some(failure.code)));
        let (key, dialect) = (key.as_deref(), Some(protocol.name));
        Refusal { failure, peer, key, dialect, stream: None, preset: None, answer }.record(&app.metrics);
    }
    let subprotocol = dialect.subprotocol(headers);
    let mut response = Response::new(Body::empty());
    dialect.answer(None, &mut response);
    let upgrade = hyper::upgrade::on(&mut request);
    let streams = app.streams.clone();
    streams.spawn(async move {
        match upgrade.await {
            Ok(upgraded) => carry(dialect, upgraded, &app, admitted).await,
            Err(error) => tracing::debug!("upgrade failed: {error}"),
        }
        drop(connection);
    });
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(subprotocol) = subprotocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
    }
    response
}

/// Whether a script on an allowed web page may see this failure.
fn is_for_scripts(code: FailureCode) -> bool {
    use FailureCode as C;
    matches!(code, C::Unauthorized | C::KeyStreams | C::Streams | C::Overloaded | C::ShuttingDown)
}

async fn carry(dialect: Arc<dyn Dialect>, upgraded: Upgraded, app: &App, admitted: Result<Admitted, Failure>) {
    let settings = Arc::clone(&app.connection);
    let (socket, read) = take_socket(upgraded);
    let socket = websocket::accept(socket, read, settings.max_message_bytes).await;
    dialect.serve(socket, settings, admitted).await;
}

/// Takes the connection's own socket, without the HTTP limits, and the bytes that were read already.
fn take_socket(upgraded: Upgraded) -> (Socket, Vec<u8>) {
    type Limited<S> = TokioIo<WriteLimit<S>>;
    let upgraded = match upgraded.downcast::<Limited<TcpStream>>() {
        Ok(parts) => return (Socket::tcp(parts.io.into_inner().into_inner()), parts.read_buf.to_vec()),
        Err(upgraded) => upgraded,
    };
    let upgraded = match upgraded.downcast::<Limited<TlsStream<Box<dyn Duplex>>>>() {
        Ok(parts) => return (Socket::other(parts.io.into_inner().into_inner()), parts.read_buf.to_vec()),
        Err(upgraded) => upgraded,
    };
    match upgraded.downcast::<Limited<Box<dyn Duplex>>>() {
        Ok(parts) => (Socket::other(parts.io.into_inner().into_inner()), parts.read_buf.to_vec()),
        Err(upgraded) => (Socket::other(TokioIo::new(upgraded)), Vec::new()),
    }
}

/// The value of `Sec-WebSocket-Accept`; `None` if the handshake is invalid.
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
