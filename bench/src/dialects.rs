//! The cost of a dialect: the host's processor time for a frame of audio, compared with the native protocol.
//!
//! Connections of one protocol send 20 ms frames at the speed of speech to an engine that does nothing; the dialect and
//! the native protocol take turns. What connections cost when they open and end is not counted. This process has one
//! thread that sends, and one for each connection that reads and drops the answers.

mod connection;
mod protocols;

use crate::{
    Done, bench_engine,
    host::server::{self, cpu_nanoseconds},
    stats,
};
use auricle_plugin_test::server::Process;
use connection::Connection;
use protocols::{Protocol, native, others};
use std::{
    thread,
    time::{Duration, Instant},
};

const CONNECTIONS: usize = 200;
const ROUNDS: usize = 6;
const FRAME: Duration = Duration::from_millis(20);
/// Frames of a connection in a round, and before it.
const FRAMES: u32 = 200;
const WARM_UP_FRAMES: u32 = 25;
const PRESET: &str = r#"{"backend": "null", "host": {"preload": true, "isolation": "in-process"}}"#;
const LISTENERS: &str = r#"
[[listeners]]
address = "127.0.0.1:0"
[[listeners]]
address = "127.0.0.1:0"
dialects = ["wyoming"]
"#;

pub(crate) fn run() -> Done {
    let settings = format!("{}\n{LISTENERS}", server::SETTINGS);
    let host = server::setup(&settings, &[("plain", PRESET)])?.plugin(&bench_engine()?).start();
    let seconds = FRAME.as_secs_f64() * f64::from(FRAMES);
    println!(
        "{CONNECTIONS} connections, 20 ms frames at the speed of speech, {ROUNDS} rounds of {seconds} s, in turns"
    );
    println!("{:<18}{:>13}{:>14}{:>10}{:>8}", "", "bytes/frame", "CPU us/frame", "native", "ratio");
    let native = native()?;
    let mut worst: f64 = 0.0;
    for protocol in &others()? {
        let (mut own, mut of_native) = (Vec::new(), Vec::new());
        for n in 0..ROUNDS {
            if n % 2 == 0 {
                own.push(round(&host, protocol)?);
                of_native.push(round(&host, &native)?);
            } else {
                of_native.push(round(&host, &native)?);
                own.push(round(&host, protocol)?);
            }
        }
        let ratio = stats::ratio(&own, &of_native);
        let [cpu, of_native] = [&own, &of_native].map(|times| stats::median(times));
        let Protocol { name, frame, apart, .. } = protocol;
        let note = apart.map(|why| format!("  apart: {why}")).unwrap_or_default();
        println!("{name:<18}{:>13}{cpu:>14.2}{of_native:>10.2}{ratio:>8.3}{note}", frame.len());
        if apart.is_none() {
            worst = worst.max(ratio);
        }
    }
    println!("ratio {worst:.3} (aim 1.1), the highest without those apart");
    Ok(())
}

/// The host's processor time for a frame, in microseconds.
fn round(host: &Process, protocol: &Protocol) -> Done<f64> {
    let opened = (0..CONNECTIONS).map(|_| Connection::open(host, protocol));
    let mut connections = opened.collect::<Done<Vec<_>>>()?;
    send(&mut connections, &protocol.frame, WARM_UP_FRAMES)?;
    let before = cpu_nanoseconds(host.pid())?;
    send(&mut connections, &protocol.frame, FRAMES)?;
    let spent = cpu_nanoseconds(host.pid())? - before;
    for connection in &mut connections {
        connection.write(&protocol.ending)?;
    }
    connections.into_iter().try_for_each(Connection::wait)?;
    Ok(spent as f64 / 1e3 / (CONNECTIONS as f64 * f64::from(FRAMES)))
}

/// Sends that many frames over each connection. The connections' frames are spread over the 20 ms.
fn send(connections: &mut [Connection], frame: &[u8], frames: u32) -> Done {
    let (begun, parts) = (Instant::now(), connections.len() as u32);
    for n in 0..frames {
        for (part, connection) in (0..).zip(&mut *connections) {
            let due = FRAME * n + FRAME * part / parts;
            thread::sleep(due.saturating_sub(begun.elapsed()));
            connection.write(frame)?;
        }
    }
    // The last frames are heard, too.
    thread::sleep((FRAME * (frames + 1)).saturating_sub(begun.elapsed()));
    Ok(())
}
