//! HTTP/1.1 on one connection: requests one after another, of which one may become a WebSocket.
//!
//! Each phase has its own limit: the head of a request (and the wait for it), its body at a least rate, and the answer, which must
//! be taken. So a slow client holds its own connection, for a while.

use super::{
    answer::Refused,
    connections::Connection,
    paced_body::{BodyPace, PacedBody},
    write_limit::WriteLimit,
};
use auricle_core::{FailureCode, metrics::Metrics};
use axum::{Router, body::Body, http::header, response::IntoResponse};
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{
    convert::Infallible,
    error::Error,
    io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncWrite};

/// For the head of a request.
const HEAD_BYTES: usize = 16 << 10;

/// How long a client has for each phase of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct PhaseLimits {
    /// To shake hands, with TLS.
    pub(super) handshake: Duration,
    /// To send the head of its next request.
    pub(super) head: Duration,
    /// To send its body.
    pub(super) body: BodyPace,
    /// To take some more of the answer.
    pub(super) answer: Duration,
}

/// What a connection's requests need.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) routes: Router,
    pub(super) connection: Arc<Connection>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) limits: PhaseLimits,
}

/// Answers requests until the client is done, too slow, or a WebSocket.
pub(super) async fn converse<S>(socket: S, client: Client, address: IpAddr)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (metrics, limits, served) = (Arc::clone(&client.metrics), client.limits, Arc::new(AtomicBool::new(false)));
    let answered = Arc::clone(&served);
    let service = service_fn(move |request: Request<Incoming>| {
        let (client, answered) = (client.clone(), Arc::clone(&answered));
        async move {
            let response = client.answer(request).await;
            answered.store(true, Ordering::Relaxed);
            response
        }
    });
    let done = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(WriteLimit::new(socket, limits.answer)), service)
        .with_upgrades()
        .await;
    let Err(error) = done else { return };
    // Between requests a client need not hurry, and may go away. (Half of a second head looks the same here.)
    let idle = error.is_timeout() && served.load(Ordering::Relaxed);
    if (error.is_timeout() || timed_out(&error)) && !idle {
        tracing::info!(client = %address, "too slow to send a request or to read the response: {error}");
        metrics.refused(FailureCode::SlowRequest.name());
    } else {
        tracing::debug!(client = %address, "connection ended: {error}");
    }
}

impl Client {
    async fn answer(self, mut request: Request<Incoming>) -> Result<axum::response::Response, Infallible> {
        let Self { routes, connection, metrics, limits } = self;
        let response = match connection.refusal() {
            // The next connection may fare better.
            Some(failure) => ([(header::CONNECTION, "close")], Refused(failure.clone())).into_response(),
            None => {
                request.extensions_mut().insert(connection);
                let request = request.map(|body| Body::new(PacedBody::new(Body::new(body), limits.body)));
                TowerToHyperService::new(routes).call(request).await?
            }
        };
        if let Some(code) = response.extensions().get::<FailureCode>() {
            metrics.refused(code.name());
        }
        Ok(response)
    }
}

fn timed_out(error: &hyper::Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}
