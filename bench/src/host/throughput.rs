//! Frames per second, as fast as possible: the host and the bare sink in turns, under two loads. Live clients write
//! each frame separately; files are sent in large pieces.
//!
//! This process generates the load, with a thread for each connection, and shares the processors with the server. The
//! frames are created in advance, so that it needs little time, which is reported. A round is over once the server has
//! answered for every frame.

use super::{
    client::{Client, frame},
    server::cpu,
};
use crate::{Done, stats};
use auricle_plugin_test::server::Process;
use serde_json::json;
use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

const CONNECTIONS: usize = 8;
const ROUNDS: usize = 10;
const SENDING: Duration = Duration::from_secs(2);

/// A load.
struct Load {
    pace: &'static str,
    frames_per_write: usize,
}

const LOADS: [Load; 2] = [Load { pace: "live", frames_per_write: 1 }, Load { pace: "file", frames_per_write: 32 }];

#[derive(Default)]
struct Figures {
    frames_per_second: Vec<f64>,
    /// Processor time per frame in microseconds: of the server and of the load.
    server: Vec<f64>,
    load: Vec<f64>,
}

/// Prints the table and returns the ratio of live streams.
pub(super) fn run(host: &Process, sink: &Process) -> Done<f64> {
    println!("{CONNECTIONS} connections, 20 ms frames as fast as they go, {ROUNDS} rounds of {SENDING:?} each");
    println!(
        "{:<34}{:>12}{:>12}{:>12}{:>14}{:>12}",
        "", "frames/s min", "median", "max", "CPU us/frame", "of the load"
    );
    let mut ratios = Vec::new();
    for load in &LOADS {
        let [mut of_host, mut of_sink] = [Figures::default(), Figures::default()];
        round(host, load, &mut Figures::default())?; // Warms up.
        round(sink, load, &mut Figures::default())?;
        for n in 0..ROUNDS {
            if n % 2 == 0 {
                round(host, load, &mut of_host)?;
                round(sink, load, &mut of_sink)?;
            } else {
                round(sink, load, &mut of_sink)?;
                round(host, load, &mut of_host)?;
            }
        }
        let Load { pace, frames_per_write } = load;
        for (name, figures) in [("host", &of_host), ("sink", &of_sink)] {
            let [min, median, max] = [0.0, 0.5, 1.0].map(|share| stats::quantile(&figures.frames_per_second, share));
            let [server, load] = [&figures.server, &figures.load].map(|times| stats::median(times));
            let what = format!("{name}, {pace}, frames a write: {frames_per_write}");
            println!("{what:<34}{min:>12.0}{median:>12.0}{max:>12.0}{server:>14.2}{load:>12.2}");
        }
        let ratio = stats::ratio(&of_host.frames_per_second, &of_sink.frames_per_second);
        println!("host / sink, {pace}: {ratio:.3}");
        ratios.push(ratio);
    }
    println!();
    ratios.first().copied().ok_or_else(|| "no load".into())
}

fn round(server: &Process, load: &Load, figures: &mut Figures) -> Done {
    let (by_server, by_load) = (cpu(server.pid())?, cpu(std::process::id())?);
    let barrier = Barrier::new(CONNECTIONS);
    let send = || -> Done<(usize, Instant, Instant)> {
        let client = Client::open(server.address(), "plain", load.pace);
        // Before any `?`, because the others wait for all.
        barrier.wait();
        let (mut client, frames, begun) = (client?, frame().repeat(load.frames_per_write), Instant::now());
        let mut sent = 0;
        while begun.elapsed() < SENDING {
            client.write(&frames)?;
            sent += load.frames_per_write;
        }
        client.ask(&json!({"type": "flush"}))?;
        Ok((sent, begun, Instant::now()))
    };
    let sent = thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(send)).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Done<_>>| thread.join().map_err(|_| "a sender panicked")?;
        threads.into_iter().map(join).collect::<Done<Vec<_>>>()
    })?;
    let frames = sent.iter().map(|(frames, ..)| frames).sum::<usize>() as f64;
    let begun = sent.iter().map(|(_, begun, _)| begun).min().ok_or("nothing was sent")?;
    let ended = sent.iter().map(|(.., ended)| ended).max().ok_or("nothing was sent")?;
    figures.frames_per_second.push(frames / (*ended - *begun).as_secs_f64());
    figures.server.push((cpu(server.pid())? - by_server) / frames * 1e6);
    figures.load.push((cpu(std::process::id())? - by_load) / frames * 1e6);
    Ok(())
}
