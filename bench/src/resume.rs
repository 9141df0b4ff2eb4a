//! The cost of resume: the memory of a stream that waits for its client, and the processor time of acknowledgements and of stored
//! points.
//!
//! The engine does nothing. Live streams that ask for resume take turns with streams that do not, on one server; then on a server
//! that stores points. One thread sends for all clients.

use crate::{
    Done, bench_engine,
    host::{
        client::{Client, frame},
        raise_file_limit, server,
    },
    stats,
};
use auricle_plugin_test::server::Host;
use serde_json::json;
use std::{
    thread,
    time::{Duration, Instant},
};

const PRESET: [(&str, &str); 1] =
    [("plain", r#"{"backend": "null", "host": {"preload": true, "isolation": "in-process"}}"#)];
/// Streams that wait.
const WAITING: usize = 1_000;
/// Streams that send.
const STREAMS: usize = 200;
const FRAME: Duration = Duration::from_millis(20);
const FRAMES: u32 = 500;
const ROUNDS: usize = 5;
/// Time for the host to become idle.
const REST: Duration = Duration::from_secs(1);

pub(crate) fn run() -> Done {
    raise_file_limit()?;
    let start = |resume: &str| -> Done<Host> {
        let settings = format!("{resume}\n{}", server::SETTINGS);
        Ok(server::setup(&settings, &PRESET)?.plugin(&bench_engine()?).start())
    };
    memory(&start("[resume]\nmax_streams = 2000\nseconds = 600")?)?;
    let host = start("")?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without.push(cost(&host, false)?);
        with.push(cost(&host, true)?);
    }
    let storing = start("[resume]\ndir = \"../resume\"")?;
    let stored = (0..ROUNDS).map(|_| cost(&storing, true)).collect::<Done<Vec<_>>>()?;
    let [without, with, stored] = [without, with, stored].map(|rounds| stats::median(&rounds));
    println!(
        "{STREAMS} live streams, {ROUNDS} rounds in turns, medians; processor time of the server in µs per frame of 20 ms:"
    );
    println!("without resume {without:.2}, with {with:.2}, with stored points {stored:.2}");
    println!("ratio {:.3} of streams that ask for resume to others", with / without);
    Ok(())
}

/// Prints the memory of streams that are open and then wait.
fn memory(host: &Host) -> Done {
    let resident = || -> Done<f64> { Ok(host.memory("VmRSS").ok_or("the host has ended")? as f64 / 1024.0) };
    // The first stream loads everything that is shared.
    let _first = open(host, true)?;
    thread::sleep(REST);
    let empty = resident()?;
    let clients = (0..WAITING).map(|_| open(host, true)).collect::<Done<Vec<_>>>()?;
    thread::sleep(REST);
    let each = |memory: f64| (memory - empty) / WAITING as f64;
    let connected = each(resident()?);
    drop(clients);
    let waiting = || {
        host.json("/v1/streams")["streams"]
            .as_array()
            .map_or(0, |all| all.iter().filter(|stream| stream["waiting"] == true).count())
    };
    host.wait_for("the streams to wait", || waiting() == WAITING);
    thread::sleep(REST);
    println!(
        "{WAITING} streams: {connected:.1} KiB each with a connection, {:.1} KiB each that wait",
        each(resident()?)
    );
    Ok(())
}

/// Sends live audio to all streams. Returns the server's processor time per frame, in microseconds.
fn cost(host: &Host, resumes: bool) -> Done<f64> {
    let mut clients = (0..STREAMS).map(|_| open(host, resumes)).collect::<Done<Vec<_>>>()?;
    thread::sleep(REST);
    let (before, begun, frame) = (server::cpu_nanoseconds(host.pid())?, Instant::now(), frame());
    for number in 0..FRAMES {
        for client in &mut clients {
            client.write(&frame)?;
        }
        thread::sleep((begun + FRAME * (number + 1)).saturating_duration_since(Instant::now()));
    }
    let used = server::cpu_nanoseconds(host.pid())? - before;
    for client in &mut clients {
        client.until("done", &json!({"type": "finish"}))?;
    }
    Ok(used as f64 / 1_000.0 / f64::from(FRAMES) / STREAMS as f64)
}

fn open(host: &Host, resumes: bool) -> Done<Client> {
    let mut client = match resumes {
        true => Client::open_resumable(host.address(), "plain")?,
        false => Client::open(host.address(), "plain", "live")?,
    };
    client.write(&frame())?;
    Ok(client)
}
