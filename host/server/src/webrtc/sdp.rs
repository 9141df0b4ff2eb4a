//! What is read in session descriptions: the addresses that clients send after their offer, and what an answer accepts.

use str0m::Candidate;

/// An address that a client sends.
#[derive(Debug)]
pub(super) enum Address {
    /// One that can be used.
    Known(Candidate),
    /// One that needs no attention: the end of the list, or a name that only the client's network knows (mDNS). An ICE-lite server
    /// learns addresses from what arrives.
    Unused,
    /// None at all.
    Invalid,
}

/// Reads a line `candidate:...`, with or without `a=`.
pub(super) fn address(line: &str) -> Address {
    let line = line.trim().trim_start_matches("a=");
    if line.is_empty() || line == "end-of-candidates" {
        return Address::Unused;
    }
    let fields: Vec<_> = line.split_whitespace().collect();
    let is_named = |host: &&str| host.ends_with(".local");
    match Candidate::from_sdp_string(line) {
        Ok(candidate) => Address::Known(candidate),
        Err(_) if fields[0].starts_with("candidate:") && fields.get(4).is_some_and(is_named) => Address::Unused,
        Err(_) => Address::Invalid,
    }
}

/// The addresses in a fragment of a session description (RFC 8840); `None` if a line is invalid.
pub(super) fn fragment(text: &str) -> Option<Vec<Candidate>> {
    let mut candidates = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("a=candidate:")) {
        match address(line) {
            Address::Known(candidate) => candidates.push(candidate),
            Address::Unused => {}
            Address::Invalid => return None,
        }
    }
    Some(candidates)
}

/// Whether an answer accepts audio from the client.
pub(super) fn receives_audio(answer: &str) -> bool {
    accepted(answer, "audio").any(|section| {
        section.lines().any(|line| matches!(line.trim_end(), "a=recvonly" | "a=sendrecv"))
            && section.contains("a=rtpmap:")
    })
}

/// Whether an answer accepts data channels.
pub(super) fn has_channel(answer: &str) -> bool {
    accepted(answer, "application").next().is_some()
}

/// The sections of a kind, without those that are rejected, which have port 0.
fn accepted<'a>(answer: &'a str, kind: &str) -> impl Iterator<Item = &'a str> {
    let sections = answer.split("\nm=").skip(1);
    sections.filter(move |section| {
        let mut fields = section.split_whitespace();
        fields.next() == Some(kind) && fields.next().is_some_and(|port| port != "0")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_names_of_other_networks_are_not_needed() {
        let known = "candidate:1 1 udp 2122260223 192.0.2.1 63692 typ host generation 0 ufrag LkZb network-id 1";
        assert!(matches!(address(known), Address::Known(candidate) if candidate.addr().port() == 63_692));
        for unused in ["", "end-of-candidates", "candidate:1 1 udp 1 3f2a.local 5 typ host"] {
            assert!(matches!(address(unused), Address::Unused), "{unused}");
        }
        for invalid in ["x", "candidate:", "candidate:1 1 udp 1 nowhere 5 typ host"] {
            assert!(matches!(address(invalid), Address::Invalid), "{invalid}");
        }
    }

    #[test]
    fn a_fragment_has_several_addresses() {
        let text = "a=ice-ufrag:abcd\r\na=ice-pwd:x\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n\
            a=candidate:1 1 udp 1 192.0.2.1 5 typ host\r\na=candidate:2 1 udp 1 x.local 5 typ host\r\na=end-of-candidates\r\n";
        assert_eq!(fragment(text).unwrap().len(), 1);
        assert!(fragment("a=candidate:1 1 udp\n").is_none());
    }

    #[test]
    fn what_an_answer_accepts_is_found() {
        let answer = |direction: &str, port: &str| {
            format!(
                "v=0\r\nm=audio {port} UDP/TLS/RTP/SAVPF 0\r\na=rtpmap:0 PCMU/8000\r\na={direction}\r\nm=application {port} X\r\n"
            )
        };
        for (direction, port, audio, channel) in [
            ("recvonly", "9", true, true),
            ("sendrecv", "9", true, true),
            ("inactive", "9", false, true),
            ("recvonly", "0", false, false),
        ] {
            let answer = answer(direction, port);
            assert_eq!((receives_audio(&answer), has_channel(&answer)), (audio, channel), "{answer}");
        }
    }
}
