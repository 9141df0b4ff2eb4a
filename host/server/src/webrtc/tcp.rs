//! Media over TCP (ICE-TCP, RFC 6544): each packet follows its length in two bytes (RFC 4571).
//!
//! Invariant: a connection lives while its peer does. It must begin with a STUN request for a known peer, soon, and the peer checks
//! the password. Tasks: one accepts, and each connection has one that reads and one that writes.

use super::{
    inbox::{Inbound, Inbox, Packet},
    peers::Peers,
    udp::user_name,
};
use crate::connections::{Connection, Connections};
use axum::body::Bytes;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use str0m::net::Protocol;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    time::{sleep, timeout},
};

/// Packets that may wait to be written.
const UNWRITTEN: usize = 64;

/// Accepts connections until aborted.
pub(super) async fn accept(
    listener: TcpListener,
    peers: Arc<Peers>,
    connections: Arc<Connections>,
    start_limit: Duration,
) {
    loop {
        let (socket, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("cannot accept a connection for WebRTC: {error}");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // There is no form in which a peer could be told why.
        let Some(connection) = connections.admit(address.ip(), true).filter(|admitted| admitted.refusal().is_none())
        else {
            continue;
        };
        let source = SocketAddr::new(address.ip().to_canonical(), address.port());
        tokio::spawn(serve(socket, source, Arc::clone(&peers), connection, start_limit));
    }
}

async fn serve(
    socket: TcpStream,
    source: SocketAddr,
    peers: Arc<Peers>,
    connection: Connection,
    start_limit: Duration,
) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!("cannot switch off Nagle's algorithm: {error}");
    }
    let (read, write) = socket.into_split();
    let mut read = BufReader::new(read);
    let Ok(Ok(first)) = timeout(start_limit, packet(&mut read)).await else { return };
    let Some(inbox) = user_name(&first).and_then(|ufrag| peers.by_ufrag(&ufrag)) else { return };
    let (answers, unwritten) = mpsc::channel(UNWRITTEN);
    let writing = tokio::spawn(write_all(write, unwritten, start_limit));
    // Ends with the peer, whose inbox closes then.
    pass_all(read, first, source, &inbox, answers).await;
    writing.abort();
    drop(connection);
}

/// Passes packets to the peer until one of them is gone.
async fn pass_all(
    mut read: BufReader<OwnedReadHalf>,
    first: Bytes,
    source: SocketAddr,
    inbox: &Inbox,
    answers: mpsc::Sender<Bytes>,
) {
    let mut bytes = first;
    loop {
        let packet_of = Packet { protocol: Protocol::Tcp, source, bytes, answers: Some(answers.clone()) };
        if inbox.send(Inbound::Packet(packet_of)).await.is_err() {
            return;
        }
        tokio::select! {
            next = packet(&mut read) => match next {
                Ok(next) => bytes = next,
                Err(_) => return,
            },
            () = inbox.closed() => return,
        }
    }
}

/// Reads a packet.
async fn packet(read: &mut BufReader<OwnedReadHalf>) -> io::Result<Bytes> {
    let mut bytes = vec![0; usize::from(read.read_u16().await?)];
    read.read_exact(&mut bytes).await?;
    Ok(bytes.into())
}

/// Writes packets until the peer or the connection is gone, or takes nothing for too long.
async fn write_all(mut write: OwnedWriteHalf, mut unwritten: mpsc::Receiver<Bytes>, limit: Duration) {
    while let Some(bytes) = unwritten.recv().await {
        let Ok(length) = u16::try_from(bytes.len()) else { continue };
        let framed = [&length.to_be_bytes()[..], &bytes].concat();
        if !matches!(timeout(limit, write.write_all(&framed)).await, Ok(Ok(()))) {
            return;
        }
    }
}
