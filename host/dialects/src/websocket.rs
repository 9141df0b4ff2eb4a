//! Shared by the dialects over WebSocket: the socket, reading, writing with a time limit, and closing.

mod clock;
mod close_codes;
pub(crate) mod dialogue;
mod receiver;
mod sender;
pub(crate) mod side;
mod socket;
mod subprotocols;
pub(crate) mod unpack;

pub use close_codes::{close_failed, registered_close_code};
pub use receiver::{Incoming, Receiver};
pub use sender::{Sender, Unsent, close};
pub use socket::{Duplex, Socket, WebSocket};
pub use subprotocols::offered_subprotocols;

use std::time::Duration;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::protocol::{Role, WebSocketConfig},
};

/// Small, because idle streams should use little memory, and a frame of live audio is smaller than this.
const READ_BUFFER_BYTES: usize = 8 << 10;
const WRITE_BUFFER_BYTES: usize = 4 << 10;

/// Limits of a WebSocket connection.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    /// Time from the handshake to the message that opens a session.
    pub start_limit: Duration,
    /// Time without any frame from the client, pongs included.
    pub idle_limit: Duration,
    /// Time for the client to read what is sent to it.
    pub write_limit: Duration,
    /// Maximum size of a message, in bytes.
    pub max_message_bytes: usize,
}

/// Creates the server's end of a WebSocket. `read` contains the bytes that were read from the socket already.
pub async fn accept(socket: Socket, read: Vec<u8>, max_message_bytes: usize) -> WebSocket {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(Some(max_message_bytes))
        .max_frame_size(Some(max_message_bytes));
    WebSocketStream::from_partially_read(socket, read, Role::Server, Some(config)).await
}

/// Splits a WebSocket so that one task can read and another can write.
pub fn split(socket: WebSocket, settings: &ConnectionSettings) -> (Receiver, Sender) {
    let end = socket.get_ref().end_of_input();
    let (sink, source) = futures_util::StreamExt::split(socket);
    (Receiver::new(source, end), Sender::new(sink, settings.write_limit))
}
