//! Whole datagrams to a peer of WebRTC, from a stranger's address and from the client's: STUN, DTLS, RTP, and anything else. A real
//! client is at the other end, so inputs also reach what is behind the encryption.
//!
//! Checks: what is sent goes to the client only. If only packets came that nobody could have made without the connection's keys, the
//! client is still heard.

use crate::input::Input;
use auricle_server::OfflinePeer;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use str0m::{
    Candidate, Event, Input as RtcInput, Output, Rtc,
    change::SdpAnswer,
    channel::ChannelId,
    media::{Direction, MediaKind, Mid},
    net::{Protocol, Receive},
    rtp::RtpWrite,
};

const SERVER: &str = "192.0.2.1:8771";
const CLIENT: &str = "192.0.2.2:5000";
const STRANGER: &str = "192.0.2.3:5000";
/// Rounds in which the client connects, and in which its text arrives.
const ROUNDS: usize = 400;
const STEP: Duration = Duration::from_millis(5);
const LONGEST: usize = 1_500;
const TEXT: &str = "still here";

/// A client and the server's peer for it, on a network without loss.
struct Call {
    now: Instant,
    client: Rtc,
    mid: Mid,
    channel: Option<ChannelId>,
    server: OfflinePeer,
    said: Vec<String>,
    /// The client's datagrams on their way.
    sent: Vec<Vec<u8>>,
}

impl Call {
    fn new() -> Self {
        let now = Instant::now();
        let mut client = Rtc::builder().set_rtp_mode(true).build(now);
        client.add_local_candidate(Candidate::host(address(CLIENT), "udp").expect("an address"));
        let mut change = client.sdp_api();
        let mid = change.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None);
        change.add_channel("text".to_owned());
        let (offer, pending) = change.apply().expect("something to offer");
        let (server, answer) =
            OfflinePeer::answer(address(SERVER), &offer.to_sdp_string(), now).expect("the offer has audio");
        let answer = SdpAnswer::from_sdp_string(&answer).expect("the answer is one");
        client.sdp_api().accept_answer(pending, answer).expect("the answer fits");
        Self { now, client, mid, channel: None, server, said: Vec::new(), sent: Vec::new() }
    }

    /// Takes the client's output.
    fn drain(&mut self) {
        while let Ok(output) = self.client.poll_output() {
            match output {
                Output::Timeout(_) => return,
                Output::Transmit(packet) => self.sent.push(packet.contents.to_vec()),
                Output::Event(Event::ChannelOpen(id, _)) => self.channel = Some(id),
                Output::Event(_) => {}
            }
        }
    }

    /// A datagram reaches the server; its answers reach the client.
    fn deliver(&mut self, source: &str, datagram: &[u8]) {
        let answers = self.server.arrive(address(source), datagram, self.now);
        self.answered(answers);
    }

    fn answered(&mut self, answers: Vec<(SocketAddr, Vec<u8>)>) {
        for (target, answer) in answers {
            assert_eq!(target, address(CLIENT), "a stranger gets nothing");
            if let Ok(receive) = Receive::new(Protocol::Udp, address(SERVER), target, &answer) {
                // The client is the library's own; the server is what is tested.
                let _ = self.client.handle_input(RtcInput::Receive(self.now, receive));
                self.drain();
            }
        }
        self.said.extend(self.server.said());
        self.server.heard(self.now);
    }

    /// Some time passes, and everything on its way arrives.
    fn step(&mut self) {
        self.now += STEP;
        let _ = self.client.handle_input(RtcInput::Timeout(self.now));
        self.drain();
        for datagram in std::mem::take(&mut self.sent) {
            self.deliver(CLIENT, &datagram);
        }
        let answers = self.server.wake(self.now);
        self.answered(answers);
    }

    /// Goes on until something is true, though not for ever.
    fn until(&mut self, is_true: impl Fn(&Self) -> bool) -> bool {
        for _ in 0..ROUNDS {
            if is_true(self) {
                return true;
            }
            self.step();
        }
        false
    }

    fn is_open(&self) -> bool {
        self.server.is_up(self.now) && self.channel.is_some()
    }

    /// The client sends a message. (The library does not send empty ones as RFC 8831 has them, and then sends none any more.)
    fn say(&mut self, is_binary: bool, text: &[u8]) {
        let channel = self.channel.and_then(|id| self.client.channel(id));
        if let Some(mut channel) = channel.filter(|_| !text.is_empty()) {
            let _ = channel.write(is_binary, text);
        }
        self.drain();
    }

    /// The client sends a packet of Opus, of any content.
    fn speak(&mut self, sequence: u64, time: u32, payload: &[u8]) {
        let (mid, now) = (self.mid, self.now);
        let codec = self.client.media(mid).and_then(|media| media.remote_pts().first().copied());
        let mut direct = self.client.direct_api();
        if let (Some(codec), Some(stream)) = (codec, direct.stream_tx_by_mid(mid, None)) {
            stream.write_rtp(RtpWrite::new(codec, sequence.into(), time, now, payload.to_vec()));
        }
        let _ = self.client.handle_input(RtcInput::Timeout(now));
        self.drain();
    }
}

fn address(of: &str) -> SocketAddr {
    of.parse().expect("an address")
}

/// Changes some bytes of a datagram, or its length. Returns whether it is another one now.
fn change(datagram: &mut Vec<u8>, input: &mut Input<'_>) -> bool {
    let before = datagram.clone();
    for _ in 0..input.u8() % 4 {
        let (at, mask) = (usize::from(input.u16()), input.u8());
        let length = datagram.len();
        if length > 0 {
            datagram[at % length] ^= mask;
        }
    }
    if input.u8().is_multiple_of(4) {
        datagram.truncate(usize::from(input.u16()) % (before.len() + 1));
    }
    *datagram != before
}

/// The target; see the module.
pub fn webrtc_datagrams(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mut call = Call::new();
    let is_open_first = input.u8() % 4 > 0;
    if is_open_first {
        assert!(call.until(Call::is_open), "the client connects");
    }
    while !input.0.is_empty() {
        match input.u8() % 6 {
            0 => call.step(),
            kind @ 1..=2 => {
                let length = usize::from(input.u16()) % LONGEST;
                let datagram = input.bytes(length);
                call.deliver(if kind == 1 { STRANGER } else { CLIENT }, datagram);
            }
            3 => {
                call.now += STEP;
                let _ = call.client.handle_input(RtcInput::Timeout(call.now));
                call.drain();
                let Some(mut datagram) = call.sent.pop() else { continue };
                let genuine = datagram.clone();
                if change(&mut datagram, &mut input) {
                    call.deliver(CLIENT, &datagram);
                }
                call.deliver(CLIENT, &genuine);
            }
            4 => {
                let (sequence, time, length) = (input.u16(), input.u24(), usize::from(input.u8()));
                call.speak(sequence.into(), time, input.bytes(length));
            }
            _ => {
                let (is_binary, length) = (input.u8() % 2 == 1, usize::from(input.u8()));
                call.say(is_binary, input.bytes(length));
            }
        }
    }
    // Without the connection's keys nobody can disturb it, once it is open.
    if is_open_first {
        call.say(false, TEXT.as_bytes());
        assert!(call.until(|call| call.said.iter().any(|text| text == TEXT)), "the client is still heard");
    }
}
