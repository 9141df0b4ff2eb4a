//! The connection of one peer: packets in and out, audio, and texts. It knows no socket, no session and no task.
//!
//! Invariant: each change of the connection is followed by all its output ([`PeerConnection::drain`]).

use super::{
    identity::Identity,
    media::{self, Media},
    sdp::{has_channel, receives_audio},
    texts::Texts,
};
use auricle_core::{Failure, FailureCode};
use std::{
    fmt::Display,
    net::SocketAddr,
    time::{Duration, Instant},
};
use str0m::{
    Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcError,
    change::{SdpAnswer, SdpOffer},
    net::{Protocol, Receive, Transmit},
    rtp::RtpPacket,
};

/// How long a peer that ICE does not hear of may send no audio. Some clients send a request only every five seconds, and not again if it
/// is lost, so two lost ones are enough for ICE, which waits as long.
const SILENCE: Duration = Duration::from_secs(15);

/// The answer to an offer.
#[derive(Debug)]
pub(super) struct Answer {
    /// The session description.
    pub(super) sdp: String,
    /// The peer's ICE user name at this server.
    pub(super) ufrag: String,
}

/// Where a packet comes from and goes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub(super) protocol: Protocol,
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
}

/// The connection of one peer.
pub(super) struct PeerConnection {
    rtc: Rtc,
    pub(super) texts: Texts,
    pub(super) media: Media,
    /// Messages of the peer that were not read yet.
    pub(super) said: Vec<String>,
    pub(super) is_connected: bool,
    pub(super) has_hung_up: bool,
    /// Whether ICE hears nothing of the peer.
    is_silent: bool,
    /// When the last packet with audio came.
    spoke: Instant,
}

impl PeerConnection {
    /// Makes the connection for an offer. `candidates`: this server's addresses. `write_limit`: how long the peer may take none of
    /// its texts.
    ///
    /// # Errors
    /// The offer is invalid, or has no audio that can be heard.
    pub(super) fn answer(
        identity: &Identity,
        candidates: &[Candidate],
        offer: &str,
        write_limit: Duration,
        now: Instant,
    ) -> Result<(Self, Answer), Failure> {
        let wrong = |problem: &dyn Display| {
            Failure::new(FailureCode::BadMessage, format!("the session description cannot be answered: {problem}"))
        };
        let offer = SdpOffer::from_sdp_string(offer).map_err(|error| wrong(&error))?;
        let (config, ufrag) = identity.config().map_err(|error| wrong(&error))?;
        let mut rtc = config.build(now);
        for candidate in candidates {
            rtc.add_local_candidate(candidate.clone());
        }
        let answer: SdpAnswer = rtc.sdp_api().accept_offer(offer).map_err(|error| wrong(&error))?;
        let sdp = answer.to_sdp_string();
        if !receives_audio(&sdp) {
            return Err(wrong(&"it has no audio in Opus or G.711 that the client sends"));
        }
        let connection = Self {
            rtc,
            texts: Texts::new(has_channel(&sdp), write_limit),
            media: Media::default(),
            said: Vec::new(),
            is_connected: false,
            has_hung_up: false,
            is_silent: false,
            spoke: now,
        };
        Ok((connection, Answer { sdp, ufrag }))
    }

    /// Takes a packet. Returns whether it is for this peer.
    pub(super) fn packet(&mut self, way: Way, bytes: &[u8], now: Instant) -> bool {
        let Way { protocol, source, destination } = way;
        // A packet that is none of WebRTC's is dropped.
        let Ok(receive) = Receive::new(protocol, source, destination, bytes) else { return false };
        let input = Input::Receive(now, receive);
        if !self.rtc.accepts(&input) {
            return false;
        }
        // Somebody may forge the peer's address, so an invalid packet is no reason to end.
        if let Err(error) = self.rtc.handle_input(input) {
            tracing::debug!(%source, "a packet of WebRTC is not valid: {error}");
        }
        true
    }

    /// The peer has this address, too.
    pub(super) fn candidate(&mut self, candidate: Candidate) {
        self.rtc.add_remote_candidate(candidate);
    }

    /// It is as late as [`drain`](Self::drain) said.
    ///
    /// # Errors
    /// The connection is broken.
    pub(super) fn timeout(&mut self, now: Instant) -> Result<(), RtcError> {
        self.rtc.handle_input(Input::Timeout(now))
    }

    /// Takes all output. Returns when the connection wants to be woken.
    ///
    /// # Errors
    /// The connection is broken.
    pub(super) fn drain(&mut self, mut send: impl FnMut(&Transmit)) -> Result<Instant, RtcError> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => return Ok(at),
                Output::Transmit(packet) => send(&packet),
                Output::Event(event) => self.event(event),
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Connected => self.is_connected = true,
            Event::IceConnectionStateChange(state) => self.is_silent = state == IceConnectionState::Disconnected,
            Event::Closed => self.has_hung_up = true,
            Event::ChannelOpen(id, _) => self.texts.opened(id),
            Event::ChannelClose(id) => self.texts.closed(id),
            Event::ChannelData(data) if !data.binary => self.said.extend(String::from_utf8(data.data)),
            Event::RtpPacket(packet) => self.rtp(&packet),
            _ => {}
        }
    }

    /// When the peer is gone if nothing comes until then. `None`: it is heard of, or is not connected yet.
    pub(super) fn gone_at(&self) -> Option<Instant> {
        (self.is_connected && self.is_silent).then(|| self.spoke + SILENCE)
    }

    /// Whether the peer has hung up, or is not heard of any more.
    pub(super) fn is_gone(&self, now: Instant) -> bool {
        self.has_hung_up || self.gone_at().is_some_and(|at| now >= at)
    }

    fn rtp(&mut self, packet: &RtpPacket) {
        self.spoke = packet.timestamp;
        let codec = media::codec(self.rtc.codec_config(), packet.header.payload_type);
        let mid = self.rtc.direct_api().stream_rx(&packet.header.ssrc).map(|stream| stream.mid());
        if let (Some(codec), Some(mid)) = (codec, mid) {
            self.media.receive(packet, mid, codec, packet.timestamp);
        }
    }

    /// Sends texts that the channel takes. Returns whether it took any.
    pub(super) fn send_texts(&mut self, now: Instant) -> bool {
        self.texts.send(&mut self.rtc, now)
    }

    /// Whether the peer has received all texts.
    pub(super) fn has_received_texts(&mut self) -> bool {
        self.texts.are_received(&mut self.rtc)
    }

    /// Tells the peer that this is the end.
    ///
    /// # Errors
    /// The connection is broken.
    pub(super) fn close(&mut self) -> Result<(), RtcError> {
        self.rtc.close()
    }

    /// Ends the connection without telling the peer.
    pub(super) fn disconnect(&mut self) {
        self.rtc.disconnect();
    }
}
