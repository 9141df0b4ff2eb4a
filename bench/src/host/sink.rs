//! The bare sink: only tokio-tungstenite, with the host's settings. It counts the binary messages and answers every
//! text message with the count, as the host answers `start` and `flush`.
//!
//! Threads: tokio's usual ones, as in the host; a task for each connection.

use crate::Done;
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    accept_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

/// As in the host: see `host/dialects/src/websocket.rs` and `limits.max_message_bytes`.
const READ_BUFFER_BYTES: usize = 8 << 10;
const WRITE_BUFFER_BYTES: usize = 4 << 10;
const MESSAGE_BYTES: usize = 1 << 20;

pub(crate) fn run() -> Done {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on http://{}", listener.local_addr()?);
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            // The client reports errors of a connection.
            tokio::spawn(async move { serve(socket).await.is_ok() });
        }
    })
}

async fn serve(socket: TcpStream) -> Done {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(Some(MESSAGE_BYTES))
        .max_frame_size(Some(MESSAGE_BYTES));
    let mut socket = accept_async_with_config(socket, Some(config)).await?;
    let mut frames = 0u64;
    while let Some(message) = socket.next().await {
        match message? {
            Message::Binary(_) => frames += 1,
            Message::Text(_) => socket.send(Message::text(format!(r#"{{"frames":{frames}}}"#))).await?,
            _ => {}
        }
    }
    Ok(())
}
