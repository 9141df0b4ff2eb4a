//! The socket of a WebSocket, plain or with TLS.
//!
//! Invariant: the end of the input does not end the socket. A client may close its sending half and still read (`nc
//! -N`, Node's `allowHalfOpen`), but a WebSocket that reads the end stops writing. So the end is hidden from the
//! WebSocket, as if no data had arrived, and reported by a flag.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_tungstenite::WebSocketStream;

/// A WebSocket after the handshake.
pub type WebSocket = WebSocketStream<Socket>;

/// A byte stream in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// The socket of a client.
pub struct Socket {
    io: Io,
    end: Arc<AtomicBool>,
    hides_end: bool,
}

enum Io {
    /// Without dynamic dispatch, for the common case.
    Tcp(TcpStream),
    Other(Box<dyn Duplex>),
}

impl Socket {
    /// A plain TCP connection.
    pub fn tcp(socket: TcpStream) -> Self {
        Self { io: Io::Tcp(socket), end: Arc::default(), hides_end: true }
    }

    /// Any other connection.
    pub fn other(socket: impl Duplex + 'static) -> Self {
        Self { io: Io::Other(Box::new(socket)), end: Arc::default(), hides_end: true }
    }

    /// A flag that a read sets when it reaches the end of the input.
    pub(super) fn end_of_input(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.end)
    }

    /// From now on a read reports the end of the input.
    pub(super) fn show_end(&mut self) {
        self.hides_end = false;
    }

    fn io(self: Pin<&mut Self>) -> Pin<&mut dyn Duplex> {
        match &mut self.get_mut().io {
            Io::Tcp(socket) => Pin::new(socket),
            Io::Other(socket) => Pin::new(&mut **socket),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = self.as_mut().io().poll_read(context, buffer);
        let is_end = matches!(read, Poll::Ready(Ok(()))) && buffer.filled().len() == before && buffer.remaining() > 0;
        if is_end && self.hides_end {
            self.end.store(true, Ordering::Relaxed);
            return Poll::Pending;
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.io().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_shutdown(context)
    }
}
