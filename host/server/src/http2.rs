//! HTTP/2 on one connection, for a dialect of gRPC: many calls at once.
//!
//! Invariants: a client that sends nothing holds its connection for a limited time, and one that is gone is noticed by pings. The
//! calls on a connection are limited, and each counts as a stream. Tasks: the connection's, and one for each call, which ends with
//! the connection.

use super::{
    conversation::{Client, timed_out, too_slow},
    held_body::HeldBody,
    write_limit::WriteLimit,
};
use auricle_dialects::RestDialect;
use axum::body::Body;
use hyper::{Request, body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    net::IpAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::sleep,
};

/// Calls at once on a connection.
const CALLS: u32 = 100;
/// Maximum size of the headers of a call.
const HEADERS_BYTES: u32 = 16 << 10;
/// Time between pings, and for their answers.
const PING: Duration = Duration::from_secs(20);
/// Time without a call until the client is asked to close.
const IDLE: Duration = Duration::from_secs(300);

/// Serves calls until the client is gone, too slow, or idle.
pub(super) async fn converse<S>(socket: S, client: Client, dialect: Arc<dyn RestDialect>, address: IpAddr)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (metrics, limits) = (Arc::clone(&client.metrics), client.limits);
    let (calls, mut open_calls) = watch::channel(0);
    let asked = Arc::new(AtomicBool::new(false));
    let has_asked = Arc::clone(&asked);
    let service = service_fn(move |request: Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        let (client, call) = (client.clone(), Call::new(&calls));
        let is_live = dialect.is_live(request.uri().path());
        async move {
            let response = client.answer(request, is_live).await?;
            Ok::<_, Infallible>(response.map(|body| Body::new(HeldBody::new(body, call))))
        }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_streams(CALLS)
        .max_header_list_size(HEADERS_BYTES)
        .serve_connection(TokioIo::new(WriteLimit::new(socket, limits.answer)), service);
    let mut connection = pin!(connection);
    let mut is_closing = false;
    loop {
        let is_idle = *open_calls.borrow_and_update() == 0;
        let limit = if has_asked.load(Ordering::Relaxed) { IDLE } else { limits.head };
        tokio::select! {
            done = connection.as_mut() => {
                match done {
                    Err(error) if timed_out(&error) => {
                        too_slow(&metrics, address, format_args!("too slow to read the response: {error}"));
                    }
                    Err(error) => tracing::debug!(client = %address, "connection ended: {error}"),
                    Ok(()) => {}
                }
                return;
            }
            // The service has the other end.
            _ = open_calls.changed() => {}
            () = sleep(limit), if is_idle => {
                if !has_asked.load(Ordering::Relaxed) {
                    too_slow(&metrics, address, format_args!("no call within {} s", limit.as_secs_f64()));
                    return;
                }
                if is_closing {
                    return;
                }
                connection.as_mut().graceful_shutdown();
                is_closing = true;
            }
        }
    }
}

/// An open call. Counts itself.
struct Call(watch::Sender<usize>);

impl Call {
    fn new(calls: &watch::Sender<usize>) -> Self {
        calls.send_modify(|count| *count += 1);
        Self(calls.clone())
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
