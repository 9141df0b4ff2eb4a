//! The HTTP requests: offers and candidates of the original server's clients, transcripts, and WHIP.
//!
//! The refusals that the original server knows have its form and its status, 200. All others have the same form and a status of
//! their own.

use super::{
    Transport,
    inbox::Inbound,
    peers::PeerId,
    sdp::{Address, address},
    transport::Refusal,
    whip,
};
use auricle_core::{Failure, FailureCode};
use auricle_dialects::{
    RefusedRequest, RequestContext, RestDialect, Visitor,
    webrtc::{Candidate, NAME, Offer, OfferRequest, failed, status, success, transcript_response},
};
use auricle_session::{Caller, Codes, Protocol};
use axum::{
    Json,
    body::{Body, to_bytes},
    extract::Request,
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use futures_util::future::BoxFuture;
use serde_json::json;
use std::sync::Arc;

const OFFER: &str = "/webrtc/offer";
/// Whether there is WebRTC.
const STATE: &str = "/webrtc";
const TRANSCRIPT: &str = "/transcript";
const RESET: &str = "/reset_handler";
const ROUTES: &[(Method, &str)] = &[
    (Method::POST, OFFER),
    (Method::GET, STATE),
    (Method::GET, TRANSCRIPT),
    (Method::POST, RESET),
    (Method::POST, whip::ENDPOINT),
    (Method::PATCH, whip::RESOURCE),
    (Method::DELETE, whip::RESOURCE),
];
/// The largest body, in bytes. Offers have a few kilobytes.
const MAX_BODY: usize = 64 << 10;

/// The requests of WebRTC.
#[derive(Debug)]
pub(crate) struct WebRtcRoutes {
    /// `None` if the settings have no address for media.
    pub(crate) transport: Option<Arc<Transport>>,
}

impl RestDialect for WebRtcRoutes {
    fn name(&self) -> &'static str {
        NAME
    }

    fn routes(&self) -> &'static [(Method, &'static str)] {
        ROUTES
    }

    fn refusal(&self, failure: &Failure) -> Response {
        refusal(failure, None)
    }

    fn answer(
        self: Arc<Self>,
        request: Request,
        context: RequestContext,
    ) -> BoxFuture<'static, Result<Response, RefusedRequest>> {
        Box::pin(async move {
            if request.uri().path() == STATE {
                return Ok(Json(json!({"enabled": self.transport.is_some()})).into_response());
            }
            if request.uri().path() == RESET && query(&request, "webrtc_id").is_none() {
                return Ok(Json(nothing_to_reset()).into_response());
            }
            let Some(transport) = &self.transport else {
                let message = "WebRTC is off: set `listen` under [webrtc] in auricle.toml";
                return Ok((StatusCode::NOT_FOUND, Json(failed("webrtc_is_off", message, None))).into_response());
            };
            let (caller, limit) = (context.caller.clone(), context.sessions.max_streams());
            let of_key = caller.key.as_ref().and_then(|key| key.max_streams());
            let limit = of_key.map_or(limit, |of_key| of_key.min(limit));
            let visitor = Visitor { sessions: context.sessions, caller, protocol: protocol() };
            let (path, method) = (request.uri().path().to_owned(), request.method().clone());
            let answered = match (&*path, method) {
                (OFFER, _) => offer(transport, request, visitor).await,
                (TRANSCRIPT, _) => Ok(transcript(transport, &request, &visitor.caller)),
                (RESET, _) => {
                    let id = query(&request, "webrtc_id").unwrap_or_default();
                    drop(request);
                    Ok(reset(transport, peer_id(&visitor.caller, id)).await)
                }
                (whip::ENDPOINT, _) => whip::offer(transport, request, visitor).await,
                (_, Method::PATCH) => whip::candidates(transport, request, &visitor.caller).await,
                (path, _) => {
                    let peer = whip::find(transport, path, &visitor.caller);
                    drop(request);
                    Ok(whip::end(peer).await)
                }
            };
            answered.map_err(|failure| RefusedRequest { response: refusal(&failure, Some(limit)), failure })
        })
    }
}

/// The protocol, for the log.
fn protocol() -> Protocol {
    Protocol { name: NAME, codes: Codes::Status(status) }
}

/// Answers an offer or a candidate.
async fn offer(transport: &Transport, request: Request, visitor: Visitor) -> Result<Response, Failure> {
    let preset = query(&request, "preset");
    match OfferRequest::parse(&body(request).await?)? {
        OfferRequest::Candidate(candidate) => Ok(trickle(transport, &candidate, &visitor.caller).await),
        OfferRequest::Offer(mut offer) => {
            offer.preset = offer.preset.or(preset);
            let id = peer_id(&visitor.caller, offer.webrtc_id.clone());
            match transport.accept(id, &offer, visitor) {
                Ok(answer) => Ok(Json(json!({"sdp": answer.sdp, "type": "answer"})).into_response()),
                Err(Refusal::Exists) => {
                    Ok(as_original("connection_already_exists", "there is a connection with this `webrtc_id`"))
                }
                Err(Refusal::Failure(failure)) => Err(failure),
            }
        }
    }
}

/// Passes an address of the client on to its peer.
async fn trickle(transport: &Transport, candidate: &Candidate, caller: &Caller) -> Response {
    let Some(peer) = transport.find(&peer_id(caller, candidate.webrtc_id.clone())) else {
        return as_original("unknown_connection", "there is no connection with this `webrtc_id`");
    };
    match address(candidate.line()) {
        Address::Known(candidate) => {
            // If the peer has ended meanwhile, it needs no addresses.
            let _ = peer.inbox.send(Inbound::Candidate(candidate)).await;
        }
        Address::Unused => {}
        Address::Invalid => {
            let message = "`candidate.candidate` must be a line such as `candidate:1 1 udp 1 192.0.2.1 5000 typ host`";
            return as_original("invalid_candidate_format", message);
        }
    }
    Json(success()).into_response()
}

/// Sends the text of a connection as it comes.
fn transcript(transport: &Transport, request: &Request, caller: &Caller) -> Response {
    let id = query(request, "webrtc_id").unwrap_or_default();
    match transport.find(&peer_id(caller, id)) {
        Some(peer) => transcript_response(peer.transcripts),
        None => not_found(),
    }
}

/// Discards what a connection's stream has no text of yet.
async fn reset(transport: &Transport, id: PeerId) -> Response {
    let Some(peer) = transport.find(&id) else { return not_found() };
    // If the peer has ended meanwhile, there is nothing to discard.
    let _ = peer.inbox.send(Inbound::Reset).await;
    Json(json!({"status": "success", "message": "ASR handler reset."})).into_response()
}

/// The response to a client that names no connection. In the original server all clients had one state; here each stream has its
/// own, and begins with a new one.
fn nothing_to_reset() -> serde_json::Value {
    let message = "each connection has a state of its own: name one with ?webrtc_id=ID to reset it";
    json!({"status": "no-op", "message": message})
}

/// The id of a caller's connection.
pub(super) fn peer_id(caller: &Caller, id: String) -> PeerId {
    PeerId { key: caller.key_name().map(str::to_owned), id }
}

/// A field of the query.
pub(super) fn query(request: &Request, name: &str) -> Option<String> {
    let query = request.uri().query()?;
    form_urlencoded::parse(query.as_bytes()).find(|(field, _)| field == name).map(|(_, value)| value.into_owned())
}

/// Reads a body.
///
/// # Errors
/// It is too long, or the client is gone.
pub(super) async fn body(request: Request) -> Result<Vec<u8>, Failure> {
    let body: Body = request.into_body();
    let read = to_bytes(body, MAX_BODY).await.map_err(|error| {
        let message = format!("the body cannot be read; it may have {MAX_BODY} bytes at most");
        Failure::new(FailureCode::TooLarge, message).with_detail(error)
    });
    Ok(read?.into())
}

/// An offer in a body of its own, with the preset of the query.
pub(super) fn plain_offer(sdp: String, webrtc_id: String, preset: Option<String>) -> Offer {
    Offer { sdp, webrtc_id, preset, options: serde_json::Map::new() }
}

/// The response to a request for a connection that does not exist.
pub(super) fn not_found() -> Response {
    let message = "there is no connection with this id";
    (StatusCode::NOT_FOUND, Json(failed("unknown_connection", message, None))).into_response()
}

/// A refusal of the original server.
fn as_original(error: &str, message: &str) -> Response {
    Json(failed(error, message, None)).into_response()
}

/// The response to a refused request.
fn refusal(failure: &Failure, limit: Option<usize>) -> Response {
    let status_code = status(failure.code);
    let body = match status_code {
        200 => failed("concurrency_limit_reached", &failure.message, limit),
        _ => failed(&failure.code.for_clients().name(), &failure.message, None),
    };
    (StatusCode::from_u16(status_code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Json(body)).into_response()
}
