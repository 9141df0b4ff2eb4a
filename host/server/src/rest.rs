//! Requests to a dialect over plain HTTP: authenticates them, and counts them as streams until the client has the response.

use super::{answer::Refused, app::App, caller::Customs, connections::Connection, held_body::HeldBody};
use auricle_dialects::{RefusedRequest, RequestContext, RestDialect, discard};
use axum::{body::Body, extract::Request, http::Version, response::Response};
use std::sync::Arc;

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
            let limits = Arc::clone(&app.connection);
            dialect.answer(request, RequestContext { caller, sessions, uploads, limits }).await
        }
        Err(failure) => {
            let (parts, body) = request.into_parts();
            // Over HTTP/2 a client reads the response while it sends.
            if parts.version < Version::HTTP_2 {
                discard(&parts.headers, &mut body.into_data_stream(), &app.uploads).await;
            }
            Err(RefusedRequest { response: dialect.refusal(&failure), failure })
        }
    };
    let response = answered.unwrap_or_else(|RefusedRequest { failure, mut response }| {
        response.extensions_mut().insert(Refused { failure, key, dialect: Some(name) });
        response
    });
    response.map(|body| Body::new(HeldBody::new(body, token)))
}
