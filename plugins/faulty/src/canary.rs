//! Attempts things that a sandbox refuses, and reports the results.

use auricle_plugin_api::{Segment, Sink};
use std::{
    fs::File,
    io::{self, Read},
    net::UdpSocket,
    path::Path,
    process::{Command, Stdio},
};

/// Makes all attempts and reports a segment such as `udp: refused; file: refused; fork: allowed`, up to sample `now`.
pub(crate) fn report(file: &Path, sink: &mut Sink<'_>, now: u64) {
    let text = format!("udp: {}; file: {}; fork: {}", outcome(udp()), outcome(read(file)), outcome(fork()));
    sink.segment(&Segment::new(now.saturating_sub(400), now, text));
}

/// Any other error means that the test itself is wrong, so it does not count as a refusal.
fn outcome(result: io::Result<()>) -> String {
    match result {
        Ok(()) => "allowed".into(),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => "refused".into(),
        Err(error) => format!("failed ({error})"),
    }
}

fn udp() -> io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.send_to(b"canary", socket.local_addr()?).map(drop)
}

fn read(file: &Path) -> io::Result<()> {
    File::open(file)?.read_exact(&mut [0])
}

fn fork() -> io::Result<()> {
    let mut program = Command::new("/bin/true");
    program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().map(drop)
}
