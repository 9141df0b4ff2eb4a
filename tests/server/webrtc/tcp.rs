//! Media over TCP, with a client that has no UDP.

use super::{knock, setup};
use auricle_tests::limit;
use serde_json::{Value, json};
use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};
use str0m::{
    Candidate, Event, Input, Output, Rtc,
    change::SdpAnswer,
    channel::ChannelId,
    media::{Direction, MediaKind},
    net::{Protocol, Receive, TcpType},
};

struct Client {
    rtc: Rtc,
    stream: TcpStream,
    own: SocketAddr,
    server: SocketAddr,
    read: Vec<u8>,
    channel: Option<ChannelId>,
    heard: Vec<Value>,
}

impl Client {
    /// Takes all output. Returns when it wants to be woken.
    fn drain(&mut self) -> Instant {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(at) => return at,
                Output::Transmit(packet) => {
                    assert_eq!((packet.proto, packet.destination), (Protocol::Tcp, self.server));
                    let length = (packet.contents.len() as u16).to_be_bytes();
                    self.stream.write_all(&[&length[..], &packet.contents].concat()).unwrap();
                }
                Output::Event(Event::ChannelOpen(id, _)) => self.channel = Some(id),
                Output::Event(Event::ChannelData(data)) => self.heard.push(serde_json::from_slice(&data.data).unwrap()),
                Output::Event(_) => {}
            }
        }
    }

    /// Waits for a packet or the time.
    fn turn(&mut self) {
        let wake = self.drain();
        let wait =
            wake.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), Duration::from_millis(50));
        self.stream.set_read_timeout(Some(wait)).unwrap();
        let mut buffer = [0; 4_096];
        match self.stream.read(&mut buffer) {
            Ok(length) => self.read.extend_from_slice(&buffer[..length]),
            Err(error) => assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}"),
        }
        while let Some((length, rest)) = self.read.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*length));
            if rest.len() < length {
                break;
            }
            let packet: Vec<u8> = self.read.drain(..length + 2).skip(2).collect();
            let receive = Receive::new(Protocol::Tcp, self.server, self.own, &packet).unwrap();
            self.rtc.handle_input(Input::Receive(Instant::now(), receive)).unwrap();
            self.drain();
        }
        self.rtc.handle_input(Input::Timeout(Instant::now())).unwrap();
    }

    /// Goes on until a message of this type came.
    fn until(&mut self, kind: &str) {
        let begun = Instant::now();
        while !self.heard.iter().any(|message| message["type"] == kind) {
            assert!(begun.elapsed() < limit(), "no `{kind}`, only {:?}", self.heard);
            self.turn();
        }
    }
}

#[test]
fn a_client_without_udp_is_heard_over_tcp() {
    let setup = setup("");
    let file = setup.path("configs/auricle.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, settings.replace("[webrtc]\n", "[webrtc]\ntcp = true\n")).unwrap();
    let host = setup.start();
    let server: SocketAddr = host.listener(2).parse().unwrap();
    assert_eq!(host.line(2), format!("listening on tcp://{server} (webrtc)"));
    let stream = TcpStream::connect(server).unwrap();
    let own = stream.local_addr().unwrap();
    let mut rtc = Rtc::new(Instant::now());
    rtc.add_local_candidate(Candidate::builder().tcp().host(own).tcptype(TcpType::Active).build().unwrap()).unwrap();
    let mut change = rtc.sdp_api();
    change.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None);
    change.add_channel("text".to_owned());
    let (offer, pending) = change.apply().unwrap();
    let (status, answer) = knock(&host, "tcp", json!({"sdp": offer.to_sdp_string()}));
    let sdp = answer["sdp"].as_str().unwrap_or_default();
    assert!(status == 200 && sdp.contains(" tcptype passive"), "{answer}");
    rtc.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(sdp).unwrap()).unwrap();
    let mut client = Client { rtc, stream, own, server, read: Vec::new(), channel: None, heard: Vec::new() };
    client.until("ready");
    let channel = client.channel.unwrap();
    assert!(client.rtc.channel(channel).unwrap().write(false, br#"{"type":"finish"}"#).unwrap());
    client.until("done");
    host.wait_for_log(&["stream ended", "outcome=\"done\"", "dialect=\"webrtc\""], 1);
    // The connection over TCP ends with its peer.
    host.wait_for("the end of both", || host.get("/metrics").1.contains("auricle_connections 1\n"));
}
