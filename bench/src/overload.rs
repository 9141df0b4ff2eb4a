//! Twice as many clients as the server can serve, with and without admission by load: the service of the admitted
//! clients, and the reasons given to the others.
//!
//! The engine is PocketSphinx on one thread. The cost of a stream is measured first, with one stream. Then real-time
//! clients connect one after another, twice as many as fit, and each sends all of its recording.

use crate::{
    Done, from_xtask,
    host::{
        client::Client,
        server::{self, cpu_with_workers},
    },
    recording, stats,
};
use auricle_plugin_test::{
    audio::{bytes, wav},
    server::{Host, Process},
};
use serde_json::json;
use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

const PERIOD: Duration = Duration::from_millis(100);
const FRAME_BYTES: usize = 3_200;
/// Time between two clients.
const APART: Duration = Duration::from_millis(1_500);
const RECORDING: &str = "fixtures/weather.wav";
const PRESET: [(&str, &str); 1] =
    [("speech", r#"{"backend": "pocketsphinx", "max_streams": 100, "host": {"preload": true}}"#)];
/// Time limit after the last frame.
const END_LIMIT: Duration = Duration::from_secs(120);

/// The result of a client.
enum Went {
    /// Refused with this code, after this many milliseconds.
    Refused(String, f64),
    /// For each segment the delay after its end in milliseconds; and how the stream ended.
    Served(Vec<f64>, String),
}

/// Prints the table.
pub(crate) fn run() -> Done {
    let (plugins, models) = (from_xtask("AURICLE_PLUGINS")?, from_xtask("AURICLE_MODELS")?);
    let (_, samples) = wav(&recording::path(RECORDING));
    let once = bytes(&samples);
    let cost = {
        let host = start("", &plugins, &models)?;
        cost(&host, &once)?
    };
    let clients = (2.0 / cost).ceil() as usize;
    // Long enough that all streams overlap.
    let longest = APART * clients as u32 + Duration::from_secs(10);
    let audio = once.repeat((longest.as_secs_f64() * recording::RATE / samples.len() as f64).ceil() as usize);
    println!("a stream keeps a thread busy for {:.0} % of the time; {clients} clients, {APART:?} apart", cost * 100.0);
    println!(
        "{:<22}{:>9}{:>9}{:>12}{:>10}{:>10}{:>10}{:>12}",
        "", "served", "refused", "told in ms", "p50 ms", "p95 ms", "max ms", "ended badly"
    );
    let settings = [("admission by load", ""), ("without", "max_load = 1000.0\nrefuse_lag_seconds = 1000.0\n")];
    for (name, limits) in settings {
        let host = start(limits, &plugins, &models)?;
        let went = offer(&host, clients, &audio)?;
        print(name, &went);
    }
    Ok(())
}

fn start(limits: &str, plugins: &Path, models: &Path) -> Done<Host> {
    let setup = server::setup(&format!("[limits]\n{limits}"), &PRESET)?;
    Ok(setup.plugins(plugins).resource(models).start())
}

/// The cost of a stream, as a share of a thread's time.
fn cost(host: &Process, audio: &[u8]) -> Done<f64> {
    let mut costs = Vec::new();
    for _ in 0..3 {
        let before = cpu_with_workers(host)?;
        let mut client = Client::open(host.address(), "speech", "file")?;
        client.send_audio(audio)?;
        client.texts_to_end()?;
        costs.push((cpu_with_workers(host)? - before) / (audio.len() as f64 / 2.0 / recording::RATE));
    }
    Ok(stats::median(&costs))
}

fn offer(host: &Process, clients: usize, audio: &[u8]) -> Done<Vec<Went>> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|_| {
                let thread = scope.spawn(|| speak(host.address(), audio));
                thread::sleep(APART);
                thread
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| "a client panicked")?).collect()
    })
}

/// Runs a client.
fn speak(address: &str, audio: &[u8]) -> Done<Went> {
    let begun = Instant::now();
    let mut client = match Client::open_with(address, "speech", "live", &json!({})) {
        Ok(client) => client,
        Err(problem) => return Ok(Went::Refused(problem.to_string(), begun.elapsed().as_secs_f64() * 1e3)),
    };
    let (begun, mut delays) = (Instant::now(), Vec::new());
    let mut receive = |client: &mut Client, until: Instant| -> Done<Option<String>> {
        while let Some(event) = client.next_before(until)? {
            match event["type"].as_str() {
                Some("segment") => {
                    let end = Duration::from_secs_f64(event["end"].as_f64().unwrap_or_default());
                    delays.push(begun.elapsed().saturating_sub(end).as_secs_f64() * 1e3);
                }
                Some("done") => return Ok(Some("done".into())),
                Some("error") => return Ok(Some(event["code"].to_string())),
                _ => {}
            }
        }
        Ok(None)
    };
    for (n, frame) in audio.chunks(FRAME_BYTES).enumerate() {
        client.send_audio(frame)?;
        if let Some(end) = receive(&mut client, begun + PERIOD * (n as u32 + 1))? {
            return Ok(Went::Served(delays, end));
        }
    }
    client.say_finish()?;
    let end = receive(&mut client, Instant::now() + END_LIMIT)?.unwrap_or_else(|| "no end".into());
    Ok(Went::Served(delays, end))
}

fn print(name: &str, went: &[Went]) {
    let (mut delays, mut refusals, mut badly, mut served) = (Vec::new(), Vec::new(), 0, 0);
    for went in went {
        match went {
            Went::Refused(_, milliseconds) => refusals.push(*milliseconds),
            Went::Served(of_one, end) => {
                served += 1;
                delays.extend(of_one);
                badly += usize::from(end != "done");
            }
        }
    }
    let [p50, p95, max] = [0.5, 0.95, 1.0].map(|share| stats::quantile(&delays, share));
    let (refused, longest) = (refusals.len(), stats::quantile(&refusals, 1.0));
    println!("{name:<22}{served:>9}{refused:>9}{longest:>12.1}{p50:>10.0}{p95:>10.0}{max:>10.0}{badly:>12}");
    let mut reasons: Vec<_> =
        went.iter().filter_map(|went| if let Went::Refused(reason, _) = went { Some(reason) } else { None }).collect();
    reasons.dedup();
    reasons.truncate(1);
    reasons.iter().for_each(|reason| println!("  refused by {reason}"));
}
