//! The requests and responses of `POST /webrtc/offer`, as the original server and fastrtc have them. No I/O.

use super::{NAME, WebRtcSettings};
use crate::preset::{default_preset, named_preset};
use auricle_core::{
    AudioFormat, Failure, FailureCode, Pace,
    wording::{ParseError, from_json, from_value},
};
use auricle_session::{Admitted, SessionRequest};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::fmt::Display;

/// The longest id of a client, in bytes.
const MAX_ID: usize = 128;

/// The body of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum OfferRequest {
    /// An offer of a new connection.
    Offer(Offer),
    /// An address of the client, found after its offer.
    Candidate(Candidate),
}

/// An offer of a connection.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Offer {
    /// The session description (RFC 8866).
    pub sdp: String,
    /// The client's id of the connection.
    pub webrtc_id: String,
    /// The preset; without it the one that the client's key has loaded last, or the default one.
    #[serde(default)]
    pub preset: Option<String>,
    /// Engine options that the preset opens to clients.
    #[serde(default)]
    pub options: Map<String, Value>,
}

/// An address of a client.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Candidate {
    /// The id of the connection.
    pub webrtc_id: String,
    candidate: Line,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Line {
    /// As in a session description, without `a=`.
    #[serde(default)]
    candidate: String,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: Name,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Name {
    Offer,
    IceCandidate,
}

impl OfferRequest {
    /// Parses a body. Unknown fields are ignored, because clients of the original server send some.
    ///
    /// # Errors
    /// `bad_message`, with the problem and its place.
    pub fn parse(body: &[u8]) -> Result<Self, Failure> {
        let bad =
            |problem: &dyn Display| Failure::new(FailureCode::BadMessage, format!("not a valid offer: {problem}"));
        let text = str::from_utf8(body).map_err(|_| bad(&"it is not UTF-8"))?;
        let request = Self::read(text).map_err(|problem| bad(&problem))?;
        let (Self::Offer(Offer { webrtc_id: id, .. }) | Self::Candidate(Candidate { webrtc_id: id, .. })) = &request;
        if id.is_empty() || id.len() > MAX_ID || id.contains(char::is_control) {
            return Err(bad(&format_args!("`webrtc_id` must have 1 to {MAX_ID} bytes of text")));
        }
        Ok(request)
    }

    /// In two steps, as the native messages.
    fn read(text: &str) -> Result<Self, ParseError> {
        let fields = Value::Object(from_json::<Map<String, Value>>(text)?);
        Ok(match from_value::<Kind>(".", fields.clone())?.kind {
            Name::Offer => Self::Offer(from_value(".", fields)?),
            Name::IceCandidate => Self::Candidate(from_value(".", fields)?),
        })
    }
}

impl Offer {
    /// The session that the client asks for.
    ///
    /// # Errors
    /// There is no such preset, or the client may not use it.
    pub fn request(&self, settings: &WebRtcSettings, admitted: &Admitted) -> Result<SessionRequest, Failure> {
        let preset = match &self.preset {
            Some(name) => named_preset(name, admitted.sessions(), admitted.caller())?,
            None => {
                let advice = "name a `preset` in the offer or in the URL, or ";
                // Clients of the original server load a model first.
                let set = admitted.sessions().loaded_by(admitted.caller()).or_else(|| settings.preset.clone());
                let preset = default_preset(set.as_ref(), NAME, advice, admitted)?;
                admitted.caller().check_preset(&preset)?;
                preset
            }
        };
        // The format is that of the first packet.
        let audio = AudioFormat::default();
        Ok(SessionRequest { preset, options: self.options.clone(), audio, multichannel: false, pace: Pace::Live })
    }
}

impl Candidate {
    /// The address, as in a session description; empty after the last one.
    pub fn line(&self) -> &str {
        &self.candidate.candidate
    }
}

/// The response to an accepted candidate.
pub fn success() -> Value {
    json!({"status": "success"})
}

/// The response to a refused request: an error of the original server, or the code of a failure. `limit` is the number of streams
/// that was reached.
pub fn failed(error: &str, message: &str, limit: Option<usize>) -> Value {
    let mut meta = json!({"error": error, "message": message});
    if let Some(limit) = limit {
        meta["limit"] = limit.into();
    }
    json!({"status": "failed", "meta": meta})
}

/// The HTTP status of a failure. The refusals of the original server are 200.
pub fn status(code: FailureCode) -> u16 {
    use FailureCode as C;
    match code {
        C::Capacity | C::KeyStreams | C::Streams | C::Connections | C::AddressConnections | C::Overloaded => 200,
        C::BadMessage | C::BadAudio | C::InvalidOption => 400,
        C::Unauthorized => 401,
        C::ForbiddenField | C::ForbiddenPreset | C::NotOperator | C::Origin | C::Address | C::EndedByOperator => 403,
        C::UnknownPreset => 404,
        C::IdleTimeout | C::SlowRequest | C::SlowReader => 408,
        C::TooLarge => 413,
        C::LagExceeded => 429,
        C::ShuttingDown | C::EngineUnavailable => 503,
        C::EngineTimeout => 504,
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_and_candidates_are_read() {
        let offer = r#"{"sdp": "v=0", "type": "offer", "webrtc_id": "a", "preset": "p", "whatever": 1}"#;
        let Ok(OfferRequest::Offer(offer)) = OfferRequest::parse(offer.as_bytes()) else { panic!("no offer") };
        assert_eq!((&*offer.sdp, &*offer.webrtc_id, offer.preset.as_deref()), ("v=0", "a", Some("p")));
        let candidate = r#"{"candidate": {"candidate": "candidate:1 1 udp 1 10.0.0.1 5 typ host", "sdpMid": "0"},
            "type": "ice-candidate", "webrtc_id": "a"}"#;
        let Ok(OfferRequest::Candidate(candidate)) = OfferRequest::parse(candidate.as_bytes()) else { panic!("none") };
        assert_eq!(candidate.line(), "candidate:1 1 udp 1 10.0.0.1 5 typ host");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, problem) in [
            (&b"\xff"[..], "it is not UTF-8"),
            (b"{}", "the field `type` is missing"),
            (br#"{"type": "answer"}"#, "`type` must be one of `offer`, `ice-candidate`, not `answer`"),
            (br#"{"type": "offer", "webrtc_id": "a"}"#, "the field `sdp` is missing"),
            (br#"{"type": "offer", "webrtc_id": 1, "sdp": ""}"#, "`webrtc_id` must be "),
            (br#"{"type": "offer", "webrtc_id": "", "sdp": ""}"#, "`webrtc_id` must have 1 to 128 bytes"),
            (br#"{"type": "ice-candidate", "webrtc_id": "a"}"#, "the field `candidate` is missing"),
        ] {
            let failure = OfferRequest::parse(body).unwrap_err();
            assert!(failure.message.contains(problem), "{failure}");
        }
    }
}
