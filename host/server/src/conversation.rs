//! HTTP/1.1 on one connection: a sequence of requests, one of which may become a WebSocket.
//!
//! Each phase has its own limit: waiting for and reading the head of a request, its body (at a minimum rate), and
//! sending the response. So a slow client occupies only its own connection, for a limited time.

use super::{
    answer::Refused,
    connections::Connection,
    paced_body::{BodyPace, PacedBody},
    write_limit::WriteLimit,
};
use auricle_core::{Failure, FailureCode, metrics::Metrics};
use auricle_session::{Answer, Refusal};
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
    fmt, io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncWrite};

/// Maximum size of the head of a request.
const HEAD_BYTES: usize = 16 << 10;

/// Time limits for the phases of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct PhaseLimits {
    /// For the TLS handshake.
    pub(super) handshake: Duration,
    /// For the head of the next request.
    pub(super) head: Duration,
    /// For the body.
    pub(super) body: BodyPace,
    /// For each wait until the client accepts more of the response.
    pub(super) answer: Duration,
}

/// Shared by all requests on a connection.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) routes: Router,
    pub(super) connection: Arc<Connection>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) limits: PhaseLimits,
}

/// Serves requests until the client is done or too slow, or until a request becomes a WebSocket.
pub(super) async fn converse<S>(socket: S, client: Client, address: IpAddr)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (metrics, limits, served) = (Arc::clone(&client.metrics), client.limits, Arc::new(AtomicBool::new(false)));
    let answered = Arc::clone(&served);
    let service = service_fn(move |request: Request<Incoming>| {
        let (client, answered) = (client.clone(), Arc::clone(&answered));
        async move {
            let response = client.answer(request, false).await;
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
    // Between requests a client may be slow, and may leave. (Half of a second head cannot be told apart from that.)
    let idle = error.is_timeout() && served.load(Ordering::Relaxed);
    if (error.is_timeout() || timed_out(&error)) && !idle {
        too_slow(&metrics, address, format_args!("too slow to send a request or to read the response: {error}"));
    } else {
        tracing::debug!(client = %address, "connection ended: {error}");
    }
}

impl Client {
    /// Answers a request. A live body comes at the pace of its speaker.
    pub(super) async fn answer(
        self,
        mut request: Request<Incoming>,
        is_live: bool,
    ) -> Result<axum::response::Response, Infallible> {
        let Self { routes, connection, metrics, limits } = self;
        let response = match connection.refusal() {
            // The next connection may be accepted.
            Some(failure) => ([(header::CONNECTION, "close")], Refused::from(failure.clone())).into_response(),
            None => {
                request.extensions_mut().insert(Arc::clone(&connection));
                let request = request.map(|body| match is_live {
                    true => Body::new(body),
                    false => Body::new(PacedBody::new(Body::new(body), limits.body)),
                });
                TowerToHyperService::new(routes).call(request).await?
            }
        };
        if let Some(Refused { failure, key, dialect }) = response.extensions().get() {
            let (peer, key, answer) = (connection.address(), key.as_deref(), told(&response));
            let refusal =
                Refusal { failure, peer, key, dialect: *dialect, stream: None, preset: None, answer: Some(answer) };
            refusal.record(&metrics);
        }
        Ok(response)
    }
}

/// The code of a response.
fn told(response: &axum::response::Response) -> Answer {
    let of_call = response.headers().get("grpc-status").and_then(|status| status.to_str().ok()?.parse().ok());
    of_call.map_or(Answer::Status(response.status().as_u16()), Answer::Grpc)
}

/// Records that a client was too slow in a phase of a request. The connection is closed without an answer.
pub(super) fn too_slow(metrics: &Metrics, peer: IpAddr, problem: impl fmt::Display) {
    let failure = Failure::new(FailureCode::SlowRequest, problem);
    Refusal { failure: &failure, peer, key: None, dialect: None, stream: None, preset: None, answer: None }
        .record(metrics);
}

/// Whether a read or write took too long.
pub(super) fn timed_out(error: &hyper::Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}
