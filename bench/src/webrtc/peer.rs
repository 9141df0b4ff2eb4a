//! A client over WebRTC, which sends Opus.

use super::{Delays, PACKET, SECONDS, Stopwatch};
use crate::Done;
use opus_rs::{Application, OpusEncoder};
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Instant};
use str0m::{
    Candidate, Event, Input, Output, Rtc,
    change::{SdpAnswer, SdpPendingOffer},
    channel::ChannelId,
    media::{Direction, Frequency, MediaKind, MediaTime, Mid},
    net::{Protocol, Receive},
};
use tokio::{net::UdpSocket, time::sleep_until};

/// Frames of a packet, at 48 kHz.
const FRAMES: u64 = 960;

/// Streams from `start` on. Returns the delays of the texts.
pub(super) async fn speak(address: String, number: usize, start: Instant) -> Done<Delays> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    let own = socket.local_addr()?;
    let mut rtc = Rtc::new(Instant::now());
    rtc.add_local_candidate(Candidate::host(own, "udp")?);
    let mut change = rtc.sdp_api();
    let mid = change.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None);
    change.add_channel("text".to_owned());
    let (offer, pending) = change.apply().ok_or("no offer")?;
    let body = json!({"sdp": offer.to_sdp_string(), "type": "offer", "webrtc_id": format!("{number}-{own}"), "preset": "plain"});
    let answer = tokio::task::spawn_blocking(move || post(&address, &body)).await??;
    let peer = Peer { rtc, socket, own, mid, channel: None, watch: Stopwatch::default(), is_done: false };
    peer.run(pending, &answer, start).await
}

/// Sends the offer. Returns the session description of the answer.
fn post(address: &str, body: &Value) -> Done<String> {
    let url = format!("http://{address}/webrtc/offer");
    let text = ureq::post(&url).send(body.to_string())?.body_mut().read_to_string()?;
    let answer: Value = serde_json::from_str(&text)?;
    Ok(answer["sdp"].as_str().ok_or(text)?.to_owned())
}

struct Peer {
    rtc: Rtc,
    socket: UdpSocket,
    own: SocketAddr,
    mid: Mid,
    channel: Option<ChannelId>,
    watch: Stopwatch,
    is_done: bool,
}

impl Peer {
    async fn run(mut self, pending: SdpPendingOffer, answer: &str, start: Instant) -> Done<Delays> {
        self.rtc.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(answer)?)?;
        let audio = packets()?;
        let (count, mut next, mut buffer) = (SECONDS * 50, 0, vec![0; 2_000]);
        loop {
            let wake = self.drain().await?;
            if self.is_done {
                return Ok(self.watch.delays);
            }
            // Nothing is sent before both are open.
            let may_send = self.channel.is_some() && next <= count;
            tokio::select! {
                () = sleep_until((start + PACKET * next).into()), if may_send => {
                    match self.channel {
                        Some(id) if next == count => {
                            let mut channel = self.rtc.channel(id).ok_or("no data channel")?;
                            if !channel.write(false, br#"{"type":"finish"}"#)? {
                                return Err("the data channel takes nothing".into());
                            }
                        }
                        _ => self.send(&audio[next as usize % audio.len()], next)?,
                    }
                    self.watch.sent(next);
                    next += 1;
                }
                received = self.socket.recv_from(&mut buffer) => {
                    let (length, source) = received?;
                    let receive = Receive::new(Protocol::Udp, source, self.own, &buffer[..length])?;
                    self.rtc.handle_input(Input::Receive(Instant::now(), receive))?;
                }
                () = sleep_until(wake.into()) => self.rtc.handle_input(Input::Timeout(Instant::now()))?,
            }
        }
    }

    fn send(&mut self, packet: &[u8], number: u32) -> Done {
        let writer = self.rtc.writer(self.mid).ok_or("no audio line")?;
        let payload_type = writer.payload_params().next().ok_or("no codec")?.pt();
        let time = MediaTime::new(u64::from(number) * FRAMES, Frequency::FORTY_EIGHT_KHZ);
        Ok(writer.write(payload_type, Instant::now(), time, packet)?)
    }

    async fn drain(&mut self) -> Done<Instant> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => return Ok(at),
                Output::Transmit(packet) => _ = self.socket.send_to(&packet.contents, packet.destination).await?,
                Output::Event(Event::ChannelOpen(id, _)) => self.channel = Some(id),
                Output::Event(Event::ChannelData(data)) => {
                    self.is_done |= self.watch.heard(&String::from_utf8_lossy(&data.data));
                }
                Output::Event(Event::Closed) if !self.is_done => return Err("the server closed the connection".into()),
                Output::Event(_) => {}
            }
        }
    }
}

/// A second of noise as packets.
fn packets() -> Done<Vec<Vec<u8>>> {
    let mut encoder = OpusEncoder::new(16_000, 1, Application::Voip)?;
    encoder.bitrate_bps = 24_000;
    let mut random = fastrand::Rng::with_seed(1);
    let packet = |_| {
        let samples: Vec<f32> = (0..320).map(|_| random.f32() - 0.5).collect();
        let mut bytes = vec![0; 1_275];
        let length = encoder.encode(&samples, 320, &mut bytes)?;
        bytes.truncate(length);
        Ok(bytes)
    };
    (0..50).map(packet).collect()
}
