//! Passes open sockets between processes (`SCM_RIGHTS`, unix(7)), so that there is no path that others could open.
//! Threads: any.

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
};

/// Sends a socket. The caller's copy stays open.
///
/// # Errors
/// The system's error.
pub(super) fn send(through: &UnixStream, socket: &UnixStream) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let sockets = [socket.as_fd()];
    control.push(SendAncillaryMessage::ScmRights(&sockets));
    sendmsg(through, &[IoSlice::new(&[0])], &mut control, SendFlags::empty())?;
    Ok(())
}

/// Receives a socket sent by [`send`]. Nothing else may arrive before it.
///
/// # Errors
/// Something else arrived, or the socket was closed.
pub(super) fn receive(through: &UnixStream) -> io::Result<UnixStream> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    recvmsg(through, &mut [IoSliceMut::new(&mut [0])], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let received: Option<OwnedFd> = control
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(sockets) => Some(sockets),
            _ => None,
        })
        .flatten()
        .next();
    received.map(UnixStream::from).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no socket was received"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn a_socket_goes_through_another() {
        let (near, far) = UnixStream::pair().unwrap();
        let (mut kept, given) = UnixStream::pair().unwrap();
        send(&near, &given).unwrap();
        drop(given);
        receive(&far).unwrap().write_all(b"hello").unwrap();
        let mut received = String::new();
        kept.read_to_string(&mut received).unwrap();
        assert_eq!(received, "hello");
    }
}
