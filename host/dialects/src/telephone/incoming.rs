//! The request for a call that comes in: the response tells the telephone service where to send the call's audio.

use super::handshake::{NAME, PATH, Telephone};
use crate::{RefusedRequest, RequestContext, RestDialect, discard, webrtc};
use auricle_core::{Failure, FailureCode};
use axum::{
    extract::Request,
    http::{Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use futures_util::future::BoxFuture;
use std::sync::Arc;

const ROUTES: &[(Method, &str)] = &[(Method::POST, "/telephone/incoming")];

impl RestDialect for Telephone {
    fn name(&self) -> &'static str {
        NAME
    }

    fn routes(&self) -> &'static [(Method, &'static str)] {
        ROUTES
    }

    fn refusal(&self, failure: &Failure) -> Response {
        refusal(failure)
    }

    fn answer(
        self: Arc<Self>,
        request: Request,
        context: RequestContext,
    ) -> BoxFuture<'static, Result<Response, RefusedRequest>> {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            // What the service says of the call is not needed.
            discard(&parts.headers, &mut body.into_data_stream(), &context.uploads).await;
            match host(&parts) {
                Ok(host) => Ok(([(header::CONTENT_TYPE, "application/xml")], instructions(&host)).into_response()),
                Err(failure) => Err(RefusedRequest { response: refusal(&failure), failure }),
            }
        })
    }
}

/// The address that the service has used for this server.
fn host(parts: &Parts) -> Result<String, Failure> {
    let of_header = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = parts.uri.authority().map(|authority| authority.as_str()).or(of_header);
    let is_part = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    let valid = host.filter(|host| !host.is_empty() && host.chars().all(is_part));
    valid.map(str::to_owned).ok_or_else(|| {
        let message = "the header `Host` must have this server's name: calls are told to connect to it";
        Failure::new(FailureCode::BadMessage, message)
    })
}

/// What the service is told to do, as TwiML.
fn instructions(host: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Connect><Stream url=\"wss://{host}{PATH}\" /></Connect></Response>"
    )
}

fn refusal(failure: &Failure) -> Response {
    let status = StatusCode::from_u16(webrtc::status(failure.code)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = webrtc::failed(&failure.code.for_clients().name(), &failure.message, None);
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_connect_to_the_address_that_was_used() {
        let of = |host: &str| {
            let request = axum::http::Request::builder().uri("/telephone/incoming").header("host", host);
            super::host(&request.body(()).unwrap().into_parts().0).map_err(|failure| failure.code)
        };
        assert_eq!(of("asr.example:8443"), Ok("asr.example:8443".to_owned()));
        assert_eq!(of("[::1]:80"), Ok("[::1]:80".to_owned()));
        assert_eq!([of(""), of("a\"/><Say>")], [Err(FailureCode::BadMessage), Err(FailureCode::BadMessage)]);
    }
}
