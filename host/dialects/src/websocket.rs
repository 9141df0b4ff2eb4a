//! What dialects over WebSocket share: the socket, reading with its ways to end, writing with its limit, and the close.

mod receiver;
mod sender;
mod socket;

pub use receiver::{Incoming, Receiver};
pub use sender::{Sender, Unsent, close};
pub use socket::{Duplex, Socket, WebSocket};

use std::time::Duration;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::protocol::{Role, WebSocketConfig},
};

/// Small: an idle stream should cost little, and a frame of live audio is less than this.
const READ_BUFFER_BYTES: usize = 8 << 10;
const WRITE_BUFFER_BYTES: usize = 4 << 10;
/// Bounds of a WebSocket connection.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    /// From the handshake to the message that opens a session.
    pub start_limit: Duration,
    /// Without any sign of life from the client.
    pub idle_limit: Duration,
    /// For the client to take what is sent to it.
    pub write_limit: Duration,
    /// Bytes of one message.
    pub max_message_bytes: usize,
}

/// The server's end of a WebSocket on a socket, of which `read` has been read already.
pub async fn accept(socket: Socket, read: Vec<u8>, max_message_bytes: usize) -> WebSocket {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(Some(max_message_bytes))
        .max_frame_size(Some(max_message_bytes));
    WebSocketStream::from_partially_read(socket, read, Role::Server, Some(config)).await
}

/// Takes a WebSocket apart, so that one task may read and another write.
pub fn split(socket: WebSocket, settings: &ConnectionSettings) -> (Receiver, Sender) {
    let end = socket.get_ref().end_of_input();
    let (sink, source) = futures_util::StreamExt::split(socket);
    (Receiver::new(source, end), Sender::new(sink, settings.write_limit))
}
