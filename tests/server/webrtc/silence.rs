//! A peer whose requests of ICE are lost, while its audio comes. No network is needed for it, and no time passes.

use auricle_server::OfflinePeer;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use str0m::{
    Candidate, Input, Output, Rtc,
    change::SdpAnswer,
    media::{Direction, MediaKind, Mid},
    net::{Protocol, Receive},
    rtp::RtpWrite,
};

const SERVER: &str = "192.0.2.1:8771";
const CLIENT: &str = "192.0.2.2:5000";
const STEP: Duration = Duration::from_millis(20);

/// A client and the server's peer for it.
struct Call {
    now: Instant,
    client: Rtc,
    mid: Mid,
    server: OfflinePeer,
    packets: u64,
    loses_requests: bool,
}

fn address(of: &str) -> SocketAddr {
    of.parse().unwrap()
}

impl Call {
    fn new() -> Self {
        let now = Instant::now();
        let mut client = Rtc::builder().set_rtp_mode(true).build(now);
        client.add_local_candidate(Candidate::host(address(CLIENT), "udp").unwrap());
        let mut change = client.sdp_api();
        let mid = change.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None);
        let (offer, pending) = change.apply().unwrap();
        let (server, answer) = OfflinePeer::answer(address(SERVER), &offer.to_sdp_string(), now).unwrap();
        client.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(&answer).unwrap()).unwrap();
        Self { now, client, mid, server, packets: 0, loses_requests: false }
    }

    /// Sends a packet of Opus.
    fn speak(&mut self) {
        let codec = self.client.media(self.mid).unwrap().remote_pts()[0];
        let (now, time) = (self.now, self.packets as u32 * 960);
        let mut direct = self.client.direct_api();
        let stream = direct.stream_tx_by_mid(self.mid, None).unwrap();
        stream.write_rtp(RtpWrite::new(codec, self.packets.into(), time, now, vec![0x48; 20]));
        self.packets += 1;
    }

    fn step(&mut self, speaks: bool) {
        self.now += STEP;
        if speaks {
            self.speak();
        }
        self.client.handle_input(Input::Timeout(self.now)).unwrap();
        let mut answers = self.server.wake(self.now);
        loop {
            match self.client.poll_output().unwrap() {
                Output::Timeout(_) if answers.is_empty() => break,
                Output::Timeout(_) => {
                    for (target, answer) in std::mem::take(&mut answers) {
                        let receive = Receive::new(Protocol::Udp, address(SERVER), target, &answer).unwrap();
                        self.client.handle_input(Input::Receive(self.now, receive)).unwrap();
                    }
                }
                Output::Event(_) => {}
                Output::Transmit(packet) => {
                    // STUN has its first two bits clear (RFC 7983).
                    let is_lost = self.loses_requests && packet.contents[0] < 2;
                    if !is_lost {
                        answers.extend(self.server.arrive(address(CLIENT), &packet.contents, self.now));
                    }
                }
            }
        }
        self.server.heard(self.now);
    }

    fn steps(&mut self, seconds: u64, speaks: bool) {
        for _ in 0..seconds * 50 {
            self.step(speaks);
        }
    }
}

#[test]
fn a_peer_is_not_gone_while_its_audio_comes() {
    let mut call = Call::new();
    call.steps(2, false);
    assert!(call.server.is_up(call.now));
    call.loses_requests = true;
    call.steps(60, true);
    assert!(call.server.is_up(call.now));
    call.steps(14, false);
    assert!(call.server.is_up(call.now));
    call.steps(2, false);
    assert!(!call.server.is_up(call.now));
}

#[test]
fn a_peer_without_audio_lives_by_its_requests() {
    let mut call = Call::new();
    call.steps(60, false);
    assert!(call.server.is_up(call.now));
    call.loses_requests = true;
    call.steps(17, false);
    assert!(!call.server.is_up(call.now));
}
