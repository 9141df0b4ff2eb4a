//! The UDP socket of all peers: one task reads it and passes each packet on.

use super::{
    inbox::{Inbound, Packet},
    peers::Peers,
};
use axum::body::Bytes;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use str0m::{ice::StunMessage, net::Protocol};
use tokio::{net::UdpSocket, time::sleep};

/// The largest packet that WebRTC uses.
const MAX_PACKET: usize = 2_000;
/// Packets that are read before other tasks have a turn.
const BATCH: usize = 64;
/// The size that the system's buffer should have: a tenth of a second of 200 streams is 100 kB, and the task may be late.
#[cfg(unix)]
const BUFFER: usize = 4 << 20;

/// Binds the socket.
///
/// # Errors
/// The address is in use, or does not belong to this machine.
pub(super) async fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address).await?;
    #[cfg(unix)]
    if let Err(error) = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, BUFFER) {
        tracing::debug!("the system keeps its small buffer for WebRTC: {error}");
    }
    Ok(socket)
}

/// Reads packets until aborted.
pub(super) async fn read(socket: Arc<UdpSocket>, peers: Arc<Peers>) {
    let mut buffer = [0; MAX_PACKET];
    loop {
        if let Err(error) = socket.readable().await {
            tracing::warn!("cannot read packets of WebRTC: {error}");
            sleep(Duration::from_millis(100)).await;
        }
        for _ in 0..BATCH {
            match socket.try_recv_from(&mut buffer) {
                Ok((length, source)) => {
                    pass(&peers, SocketAddr::new(source.ip().to_canonical(), source.port()), &buffer[..length])
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // An answer of the network to a packet that was sent before, such as "port unreachable".
                Err(_) => {}
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Passes a packet to its peer, if it has one that is not too busy.
pub(super) fn pass(peers: &Peers, source: SocketAddr, bytes: &[u8]) {
    let packet = || {
        let bytes = Bytes::copy_from_slice(bytes);
        Inbound::Packet(Packet { protocol: Protocol::Udp, source, bytes, answers: None })
    };
    // If the inbox is full or closed, the packet is lost, as in a network.
    match user_name(bytes) {
        Some(ufrag) => {
            if let Some(inbox) = peers.by_ufrag(&ufrag) {
                let _ = inbox.try_send(packet());
            }
        }
        None => {
            peers.at(Protocol::Udp, source, |inbox| _ = inbox.try_send(packet()));
        }
    }
}

/// The receiver's user name in a STUN request. `None` for other packets.
pub(super) fn user_name(bytes: &[u8]) -> Option<String> {
    // STUN has its first two bits clear (RFC 7983).
    if bytes.first().is_none_or(|first| *first > 1) {
        return None;
    }
    let message = StunMessage::parse(bytes).ok()?;
    message.split_username().map(|(receiver, _)| receiver.to_owned())
}

/// Sends a packet. What cannot be sent at once is lost, as in a network.
pub(super) fn send(socket: &UdpSocket, target: SocketAddr, bytes: &[u8]) {
    let is_v6 = socket.local_addr().is_ok_and(|local| local.is_ipv6());
    let target = match target {
        SocketAddr::V4(address) if is_v6 => SocketAddr::new(address.ip().to_ipv6_mapped().into(), address.port()),
        other => other,
    };
    if let Err(error) = socket.try_send_to(bytes, target) {
        tracing::trace!(%target, "a packet of WebRTC was not sent: {error}");
    }
}
