//! Reads the bodies of `POST /webrtc/offer`.
//!
//! Checks: an id is within its bounds; a refusal is one line.

use crate::assert_one_line;
use auricle_dialects::webrtc::{Offer, OfferRequest};

/// The target; see the module.
pub fn webrtc_offers(bytes: &[u8]) {
    match OfferRequest::parse(bytes) {
        Ok(OfferRequest::Offer(Offer { webrtc_id: id, .. })) => {
            assert!((1..=128).contains(&id.len()));
            assert_one_line(id);
        }
        Ok(OfferRequest::Candidate(candidate)) => {
            assert!((1..=128).contains(&candidate.webrtc_id.len()));
            let _ = candidate.line();
        }
        Err(failure) => assert_one_line(&failure.message),
    }
}
