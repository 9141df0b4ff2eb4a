//! Requests to a dialect over plain HTTP: authenticates them, and counts them as streams until the client has the response.

use super::{answer::Refused, app::App, caller::Customs, connections::Connection};
use auricle_dialects::{RefusedRequest, RequestContext, RestDialect, discard};
use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    response::Response,
};
use http_body::{Frame, SizeHint};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Handles a request to one of a dialect's routes.
pub(super) async fn answer(dialect: Arc<dyn RestDialect>, app: App, request: Request) -> Response {
    let token = app.streams.token();
    let name = dialect.name();
    let connection: Option<Arc<Connection>> = request.extensions().get().cloned();
    let customs = Customs { key: dialect.key(request.headers()), ..Customs::default() };
    let caller = app.caller(request.headers(), request.uri(), customs, connection.as_ref());
    let key = caller.as_ref().ok().and_then(|caller| caller.key_name()).map(str::to_owned);
    let answered = match caller {
        Ok(caller) => {
            let (sessions, uploads) = (Arc::clone(&app.sessions), app.uploads.clone());
            dialect.answer(request, RequestContext { caller, sessions, uploads }).await
        }
        Err(failure) => {
            let (parts, body) = request.into_parts();
            discard(&parts.headers, &mut body.into_data_stream(), &app.uploads).await;
            Err(RefusedRequest { response: dialect.refusal(&failure), failure })
        }
    };
    let response = answered.unwrap_or_else(|RefusedRequest { failure, mut response }| {
        response.extensions_mut().insert(Refused { failure, key, dialect: Some(name) });
        response
    });
    response.map(|body| Body::new(Counted { body, _token: token }))
}

/// The body of a response that counts as a stream until it is sent.
struct Counted {
    body: Body,
    _token: TaskTrackerToken,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
