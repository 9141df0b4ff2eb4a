//! Accepts connections: HTTP/1.1, any of which may become a WebSocket.

use super::{App, http};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::time::Duration;
use tokio::net::TcpListener;

/// For a client to send a request's head.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// Accepts until aborted. A connection that fails is its client's business; a failing accept is waited out.
pub(super) async fn accept(listener: TcpListener, app: App) {
    let routes = http::routes(app);
    loop {
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                // Out of file descriptors, say: others may be closed meanwhile.
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!("cannot switch off Nagle's algorithm: {error}");
        }
        let service = TowerToHyperService::new(routes.clone());
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_LIMIT)
                .serve_connection(TokioIo::new(socket), service)
                .with_upgrades();
            if let Err(error) = connection.await {
                tracing::debug!("connection ended: {error}");
            }
        });
    }
}
