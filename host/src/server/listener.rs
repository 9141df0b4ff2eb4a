//! Accepts connections: TLS where there is a certificate, then HTTP/1.1, one request each, which may become a WebSocket.
//!
//! Whatever a client does or leaves undone, it has `timeouts.request_seconds` to shake hands, send its request and take
//! the answer.

use super::{
    App,
    answer::Refused,
    connections::{Connection, Connections},
    http,
    tls::Certificate,
};
use crate::{dialects::Dialect, failure::FailureCode, metrics::Metrics};
use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

/// For the head of a request.
const HEAD_BYTES: usize = 16 << 10;

/// What it takes to accept.
pub(super) struct Front {
    pub(super) listener: TcpListener,
    pub(super) certificate: Option<Arc<Certificate>>,
    pub(super) connections: Arc<Connections>,
    /// From a connection to the answer.
    pub(super) request_limit: Duration,
    pub(super) dialects: Vec<Arc<dyn Dialect>>,
}

impl Front {
    /// Accepts until aborted. A connection that fails is its client's business; a failing accept is waited out.
    pub(super) async fn accept(self, app: App) {
        let metrics = Arc::clone(&app.metrics);
        let routes = http::routes(app, &self.dialects);
        loop {
            let (socket, address) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, say: others may be closed meanwhile.
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Some(connection) = self.connections.admit(address.ip()) else { continue };
            if let Err(error) = socket.set_nodelay(true) {
                tracing::debug!("cannot switch off Nagle's algorithm: {error}");
            }
            let client =
                Client { routes: routes.clone(), connection: Arc::new(connection), metrics: Arc::clone(&metrics) };
            let answered = answer(socket, self.certificate.clone(), client);
            let (limit, metrics) = (self.request_limit, Arc::clone(&metrics));
            tokio::spawn(async move {
                match timeout(limit, answered).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::debug!(client = %address, "connection ended: {error}"),
                    Err(_) => {
                        tracing::info!(client = %address, "no request, or no taker for its answer, in {} s", limit.as_secs_f64());
                        metrics.refused(FailureCode::SlowRequest.name());
                    }
                }
            });
        }
    }
}

/// What a connection's requests need.
#[derive(Clone)]
struct Client {
    routes: Router,
    connection: Arc<Connection>,
    metrics: Arc<Metrics>,
}

/// Up to the answer; a WebSocket goes on by itself.
async fn answer(
    socket: TcpStream,
    certificate: Option<Arc<Certificate>>,
    client: Client,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    match certificate {
        None => converse(socket, client).await,
        Some(certificate) => {
            let socket = TlsAcceptor::from(certificate.get()).accept(socket).await?;
            converse(socket, client).await
        }
    }
}

async fn converse<S>(socket: S, client: Client) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        let Client { routes, connection, metrics } = client.clone();
        async move {
            let mut response = match connection.refusal() {
                Some(failure) => Refused(failure.clone()).into_response(),
                None => {
                    request.extensions_mut().insert(connection);
                    TowerToHyperService::new(routes).call(request).await?
                }
            };
            if let Some(code) = response.extensions().get::<FailureCode>() {
                metrics.refused(code.name());
            }
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        }
    });
    http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades()
        .await?;
    Ok(())
}
