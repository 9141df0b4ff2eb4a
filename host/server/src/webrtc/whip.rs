//! WHIP (RFC 9725): an offer as the body of `POST /whip`, and the connection as a resource at `/whip/ID`.
//!
//! Results go over the data channel, if the client offers one, and to `GET /transcript?webrtc_id=ID`. ICE restarts are refused: an
//! ICE-lite server finds a client that moves by what arrives.

use super::{
    Transport,
    inbox::Inbound,
    peers::Handle,
    routes::{body, not_found, peer_id, plain_offer, query},
    sdp::fragment,
    transport::Refusal,
};
use auricle_core::{Failure, FailureCode};
use auricle_dialects::Visitor;
use auricle_session::Caller;
use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

/// Where offers go.
pub(super) const ENDPOINT: &str = "/whip";
/// A connection.
pub(super) const RESOURCE: &str = "/whip/{id}";

const OFFER_TYPE: &str = "application/sdp";
const FRAGMENT_TYPE: &str = "application/trickle-ice-sdpfrag";

/// Answers an offer: 201 with the place of the connection.
pub(super) async fn offer(transport: &Transport, request: Request, visitor: Visitor) -> Result<Response, Failure> {
    if let Some(response) = wrong_type(request.headers(), OFFER_TYPE) {
        return Ok(response);
    }
    let preset = query(&request, "preset");
    let key = query(&request, "key");
    let sdp = text(request).await?;
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Failure::new(FailureCode::EngineUnavailable, error))?;
    let id = hex::encode(random);
    let offer = plain_offer(sdp, id.clone(), preset);
    let answer = match transport.accept(peer_id(&visitor.caller, id.clone()), &offer, visitor) {
        Ok(answer) => answer,
        // Ids do not repeat.
        Err(Refusal::Exists) => return Ok(StatusCode::CONFLICT.into_response()),
        Err(Refusal::Failure(failure)) => return Err(failure),
    };
    // A client that can send its key in the URL only has it in this one, too.
    let key = key.map(|key| form_urlencoded::Serializer::new("?".to_owned()).append_pair("key", &key).finish());
    let place = format!("{ENDPOINT}/{id}{}", key.unwrap_or_default());
    let known =
        [(header::CONTENT_TYPE, OFFER_TYPE.to_owned()), (header::LOCATION, place), (header::ETAG, etag(&answer.ufrag))];
    Ok((StatusCode::CREATED, known, answer.sdp).into_response())
}

/// Accepts addresses of the client.
pub(super) async fn candidates(transport: &Transport, request: Request, caller: &Caller) -> Result<Response, Failure> {
    let Some(peer) = find(transport, request.uri().path(), caller) else { return Ok(not_found()) };
    if let Some(response) = wrong_type(request.headers(), FRAGMENT_TYPE) {
        return Ok(response);
    }
    let matched = request.headers().get(header::IF_MATCH).and_then(|matched| matched.to_str().ok()).map(str::to_owned);
    match matched.as_deref() {
        None => return Ok(problem(StatusCode::PRECONDITION_REQUIRED, "send the ETag of the answer in `If-Match`")),
        Some("*") => return Ok(problem(StatusCode::UNPROCESSABLE_ENTITY, "ICE cannot be restarted: make a new offer")),
        Some(tag) if tag != etag(&peer.ufrag) => {
            return Ok(problem(StatusCode::PRECONDITION_FAILED, "`If-Match` is not the ETag of the answer"));
        }
        Some(_) => {}
    }
    let text = text(request).await?;
    let Some(candidates) = fragment(&text) else {
        return Ok(problem(StatusCode::BAD_REQUEST, "a line `a=candidate:` is not valid"));
    };
    for candidate in candidates {
        // If the peer has ended meanwhile, it needs no addresses.
        let _ = peer.inbox.send(Inbound::Candidate(candidate)).await;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Ends a connection, after its last words.
pub(super) async fn end(peer: Option<Handle>) -> Response {
    match peer {
        Some(peer) => {
            // If it has ended already, that is what the client wants.
            let _ = peer.inbox.send(Inbound::End).await;
            StatusCode::OK.into_response()
        }
        None => not_found(),
    }
}

/// The peer of a resource.
pub(super) fn find(transport: &Transport, path: &str, caller: &Caller) -> Option<Handle> {
    let id = path.strip_prefix(ENDPOINT)?.trim_start_matches('/');
    transport.find(&peer_id(caller, id.to_owned()))
}

/// The tag of a connection's ICE session.
fn etag(ufrag: &str) -> String {
    format!("\"{ufrag}\"")
}

async fn text(request: Request) -> Result<String, Failure> {
    let not_text = |_| Failure::new(FailureCode::BadMessage, "the body is not UTF-8");
    String::from_utf8(body(request).await?).map_err(not_text)
}

/// The response to a body of another type.
fn wrong_type(headers: &HeaderMap, wanted: &'static str) -> Option<Response> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_wanted = content_type.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted));
    let accepted = [("accept-post", OFFER_TYPE), ("accept-patch", FRAGMENT_TYPE)];
    let message = format!("`Content-Type` must be `{wanted}`\n");
    (!is_wanted).then(|| (StatusCode::UNSUPPORTED_MEDIA_TYPE, accepted, message).into_response())
}

fn problem(status: StatusCode, message: &'static str) -> Response {
    (status, format!("{message}\n")).into_response()
}
