//! The memory of an idle stream: the growth of the host's resident memory as streams are opened that send one frame and
//! then nothing.

use super::client::{Client, frame};
use crate::Done;
use auricle_plugin_test::server::Process;
use std::{thread, time::Duration};

/// Number of open streams at the end.
pub(super) const STREAMS: usize = 2_000;
const STEP: usize = 1_000;
/// Time for the host to become idle.
const REST: Duration = Duration::from_secs(1);

pub(super) fn run(host: &Process) -> Done {
    // The first stream loads everything that is shared.
    let mut clients = vec![open(host)?];
    thread::sleep(REST);
    let empty = resident(host)?;
    println!("resident memory without streams: {:.1} MiB", empty / f64::from(1 << 20));
    while clients.len() < STREAMS {
        for _ in 0..STEP {
            clients.push(open(host)?);
        }
        thread::sleep(REST);
        let streams = clients.len() - 1;
        let each = (resident(host)? - empty) / streams as f64 / 1024.0;
        println!("with {streams} idle streams: {each:.1} KiB each (aim 64)");
    }
    println!();
    Ok(())
}

fn resident(host: &Process) -> Done<f64> {
    Ok(host.memory("VmRSS").ok_or("the host has ended")? as f64)
}

fn open(host: &Process) -> Done<Client> {
    let mut client = Client::open(host.address(), "plain", "live")?;
    client.write(&frame())?;
    Ok(client)
}
