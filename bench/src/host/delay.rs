//! The delay of a frame from the client to the engine, with many real-time streams.
//!
//! One thread paces all streams, each at its own offset within the 20 ms, and writes the time into each frame just
//! before it sends the frame; the engine compares. The delays of the thread itself show whether the load was as
//! intended.

use super::{
    client::{Client, HEAD_BYTES, frame},
    server::cpu,
};
use crate::{Done, stats};
use auricle_engine_bench::{STAMP_BYTES, stamp};
use auricle_plugin_test::server::Process;
use serde_json::json;
use std::{
    thread,
    time::{Duration, Instant},
};

const STREAMS: usize = 1_000;
const PERIOD: Duration = Duration::from_millis(20);
const FRAMES: usize = 500;
/// Number of frames per stream that are not counted, while the server warms up.
const WARM_UP: usize = 50;

pub(super) fn run(host: &Process, sink: &Process) -> Done {
    let (mut clients, host_cpu, late) = send(host)?;
    let mut delays = Vec::with_capacity(FRAMES * STREAMS);
    for client in &mut clients {
        let segment = client.ask(&json!({"type": "finish"}))?;
        let text = segment["text"].as_str().ok_or_else(|| format!("no delays in {segment}"))?;
        let all = text.split(' ').map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        if all.len() != FRAMES {
            return Err(format!("{} of {FRAMES} frames reached the engine", all.len()).into());
        }
        delays.extend(all.iter().skip(WARM_UP).map(|micros| micros / 1e3));
    }
    drop(clients);
    let (_, sink_cpu, _) = send(sink)?;
    println!("{STREAMS} real-time streams, {FRAMES} frames of 20 ms each");
    let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| stats::quantile(&delays, share));
    println!("frame to engine: p50 {p50:.2} ms, p99 {p99:.2} ms, max {max:.1} ms (aim p99 5)");
    println!("late in sending: p50 {:.2} ms, p99 {:.2} ms", stats::median(&late), stats::quantile(&late, 0.99));
    println!("processors used: host {host_cpu:.2}, sink {sink_cpu:.2}\n");
    Ok(())
}

/// Sends all frames. Returns the clients, the average number of busy processors of the server, and the delay of each
/// frame in milliseconds.
fn send(server: &Process) -> Done<(Vec<Client>, f64, Vec<f64>)> {
    let open = |_| Client::open(server.address(), "stamped", "live");
    let mut clients = (0..STREAMS).map(open).collect::<Done<Vec<_>>>()?;
    let mut frame = frame();
    let mut late = Vec::with_capacity(FRAMES * STREAMS);
    let (before, begun) = (cpu(server.pid())?, Instant::now());
    for n in 0..FRAMES {
        for (place, client) in clients.iter_mut().enumerate() {
            let due = begun + PERIOD * n as u32 + PERIOD * place as u32 / STREAMS as u32;
            if let Some(early) = due.checked_duration_since(Instant::now()) {
                thread::sleep(early);
            }
            late.push(due.elapsed().as_secs_f64() * 1e3);
            frame[HEAD_BYTES..HEAD_BYTES + STAMP_BYTES].copy_from_slice(&stamp());
            client.write(&frame)?;
        }
    }
    let cpu = (cpu(server.pid())? - before) / begun.elapsed().as_secs_f64();
    Ok((clients, cpu, late))
}
