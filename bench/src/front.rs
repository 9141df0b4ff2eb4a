//! The cost of a front: the same live streams on one server, and on a front with an engine host, in turns.
//!
//! Measured are the processor time of all servers for a second of audio, with engine `tone`, whose own work is small; and
//! the delay from the client's frame to the engine, with the null engine, whose chunks are frames. One thread sends for all
//! streams, each at its own offset within the 20 ms. Everything is on one machine, so the network adds nothing.

use crate::{
    Done, bench_engine, from_xtask,
    host::{
        client::{Client, HEAD_BYTES, frame},
        server::{self, cpu_nanoseconds},
    },
    stats,
};
use auricle_engine_bench::{STAMP_BYTES, stamp};
use auricle_plugin_test::server::{Host, Process, Setup};
use std::{
    fs, thread,
    time::{Duration, Instant},
};

const STREAMS: usize = 50;
const ROUNDS: usize = 5;
const PERIOD: Duration = Duration::from_millis(20);
const FRAMES: usize = 300;
/// Number of frames of a stream that are not counted.
const WARM_UP: usize = 50;
const KEY: &str = "the key of the cluster in this benchmark";
const TONE: &str = r#"{"backend": "tone", "host": {"preload": true, "isolation": "in-process"}}"#;
const STAMPED: &str = r#"{"backend": "null", "chunk_samples": 320, "stamped": true, "host": {"preload": true, "isolation": "in-process"}}"#;

/// The servers that streams pass through; clients connect to the first.
struct Path<'a>(&'a [&'a Process]);

pub(crate) fn run() -> Done {
    let presets = [("tone", TONE), ("stamped", STAMPED)];
    let with_engines = |more: &str| -> Done<Setup> {
        let setup = server::setup(&format!("{}\n{more}", server::SETTINGS), &presets)?;
        fs::write(setup.path("configs/cluster.key"), KEY)?;
        Ok(setup.plugin(&bench_engine()?).plugins(&from_xtask("AURICLE_PLUGINS")?))
    };
    let direct = with_engines("")?.start();
    let listen = "[cluster]\nlisten = \"127.0.0.1:0\"\nkey = \"cluster.key\"\n";
    let engine = with_engines(listen)?.role("engine").start();
    let front = start_front(&engine)?;
    let (direct, through) = ([&*direct], [&*front, &*engine]);
    let (direct, through) = (Path(&direct), Path(&through));
    let seconds = PERIOD.as_secs_f64() * (FRAMES - WARM_UP) as f64;
    println!("{STREAMS} live streams, frames of 20 ms, {ROUNDS} rounds of {seconds} s, in turns");
    let [mut cpu, mut delays] = [[Vec::new(), Vec::new()], [Vec::new(), Vec::new()]];
    for round in 0..ROUNDS {
        let mut order = [(0, &direct), (1, &through)];
        if round % 2 == 1 {
            order.reverse();
        }
        for (side, path) in order {
            let (spent, _) = live(path, "tone")?;
            cpu[side].push(spent as f64 / 1e6 / (STREAMS as f64 * seconds));
            delays[side].extend(live(path, "stamped")?.1);
        }
    }
    let [mine, other] = &cpu;
    let ratio = stats::ratio(other, mine);
    println!(
        "CPU for a second of audio: direct {:.3} ms, through a front {:.3} ms",
        stats::median(mine),
        stats::median(other)
    );
    let at = |share| [&delays[0], &delays[1]].map(|delays| stats::quantile(delays, share));
    let ([one50, two50], [one99, two99]) = (at(0.5), at(0.99));
    println!(
        "frame to engine: direct p50 {one50:.2} ms, p99 {one99:.2} ms; through a front p50 {two50:.2} ms, p99 {two99:.2} ms"
    );
    println!("added delay: p50 {:.2} ms, p99 {:.2} ms (aim 3)", two50 - one50, two99 - one99);
    println!("ratio {ratio:.3} (aim 1.3)");
    Ok(())
}

fn start_front(engine: &Host) -> Done<Host> {
    let cluster = format!("[cluster]\nengines = [\"{}\"]\nkey = \"cluster.key\"\n", engine.listener(1));
    let setup = server::setup(&format!("{}\n{cluster}", server::SETTINGS), &[])?.role("front");
    fs::write(setup.path("configs/cluster.key"), KEY)?;
    let front = setup.start();
    front.wait_for("the presets", || front.preset_report("stamped").is_some());
    Ok(front)
}

/// Runs live streams. Returns the processor time of the servers in nanoseconds, and the delays that the engine reports, in
/// milliseconds, both after the warm-up.
fn live(Path(servers): &Path<'_>, preset: &str) -> Done<(u64, Vec<f64>)> {
    let used = || servers.iter().map(|server| cpu_nanoseconds(server.pid())).sum::<Done<u64>>();
    let open = |_| Client::open(servers[0].address(), preset, "live");
    let mut clients = (0..STREAMS).map(open).collect::<Done<Vec<_>>>()?;
    let mut frame = frame();
    let (begun, mut before) = (Instant::now(), 0);
    for n in 0..FRAMES {
        if n == WARM_UP {
            before = used()?;
        }
        for (place, client) in clients.iter_mut().enumerate() {
            let due = PERIOD * n as u32 + PERIOD * place as u32 / STREAMS as u32;
            thread::sleep(due.saturating_sub(begun.elapsed()));
            frame[HEAD_BYTES..HEAD_BYTES + STAMP_BYTES].copy_from_slice(&stamp());
            client.write(&frame)?;
        }
    }
    // The last frames are heard, too.
    thread::sleep((PERIOD * (FRAMES as u32 + 1)).saturating_sub(begun.elapsed()));
    let spent = used()?.saturating_sub(before);
    let mut delays = Vec::new();
    for client in &mut clients {
        let texts = client.texts_to_end()?.join(" ");
        if preset == "stamped" {
            let all = texts.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
            if all.len() != FRAMES {
                return Err(format!("{} of {FRAMES} frames reached the engine", all.len()).into());
            }
            delays.extend(all.iter().skip(WARM_UP).map(|micros| micros / 1e3));
        }
    }
    Ok((spent, delays))
}
