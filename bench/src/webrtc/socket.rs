//! A client over WebSocket, which sends 16-bit samples.

use super::{Delays, PACKET, SECONDS, Stopwatch};
use crate::Done;
use futures_util::{SinkExt, StreamExt};
use std::time::Instant;
use tokio::time::sleep_until;
use tokio_tungstenite::{connect_async, tungstenite::Message};

/// Bytes of 20 ms at 16 kHz.
const BYTES: usize = 640;

/// Streams from `start` on. Returns the delays of the texts.
pub(super) async fn speak(address: String, start: Instant) -> Done<Delays> {
    let (socket, _) = connect_async(format!("ws://{address}/v1/stream")).await?;
    let (mut send, mut receive) = socket.split();
    send.send(Message::text(r#"{"type":"start","preset":"plain"}"#)).await?;
    let mut watch = Stopwatch::default();
    let packets = SECONDS * 50;
    let mut next = 0;
    loop {
        let due = start + PACKET * next;
        tokio::select! {
            () = sleep_until(due.into()), if next <= packets => {
                match next {
                    _ if next < packets => send.send(Message::binary(vec![next as u8; BYTES])).await?,
                    _ => send.send(Message::text(r#"{"type":"finish"}"#)).await?,
                }
                watch.sent(next);
                next += 1;
            }
            message = receive.next() => match message {
                Some(Ok(Message::Text(text))) if watch.heard(text.as_str()) => return Ok(watch.delays),
                Some(message) => drop(message?),
                None => return Err("the server closed the connection".into()),
            },
        }
    }
}
