//! A server left running: real clients that come and go, speak in real time, and in part go wrong, for as long as is asked.
//!
//! Every stream that is to end well is compared with what the same audio gave on the quiet server at the beginning: lost
//! and changed finals are counted. Workers are killed from outside now and then. What is told at the end: how memory and
//! open files went, how late finals were, and what was lost; and a plot of it.
//!
//! Threads: one for each client, one that kills, and this one, which measures every few seconds.

mod plot;
mod stream;
mod talk;
mod vitals;

use crate::{Done, from_xtask, host::server, stats};
use auricle_plugin_test::server::Process;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use talk::{Talk, talks};
use vitals::Vitals;

const MEASURE_EVERY: Duration = Duration::from_secs(5);
const KILL_EVERY: Duration = Duration::from_secs(45);
/// Streams end badly on purpose: no plugin is to be put away for it.
const SETTINGS: &str = "[limits]\nquarantine_streams = 1000000\n[timeouts]\ncall_seconds = 3.0\n";

/// What clients have brought home so far.
#[derive(Default)]
struct Harvest {
    streams: u64,
    /// Seconds of audio.
    audio: f64,
    /// From the end of the speech to its segment, in milliseconds, since the last look.
    delays: Vec<f64>,
    all_delays: Vec<f64>,
    lost: u64,
    changed: u64,
    /// Streams that a model which was behind did not take.
    refused: u64,
    /// Streams that ended otherwise than they should, by what was said.
    wrong: BTreeMap<String, u64>,
}

/// Runs it and prints the report; the plot goes to `plot`.
pub(crate) fn run(minutes: f64, streams: usize, plot: &Path) -> Done {
    let presets: Vec<(&str, &str)> = talk::PRESETS.to_vec();
    let setup = server::setup(SETTINGS, &presets)?;
    let (plugins, runtime, models) =
        (from_xtask("AURICLE_PLUGINS")?, from_xtask("AURICLE_RUNTIME")?, from_xtask("AURICLE_MODELS")?);
    let setup = setup.plugins(&plugins).plugin(&from_xtask("AURICLE_FAULTY")?);
    let host = setup.resource(&runtime).resource(&models).start();
    let talks = talks(host.address())?;
    println!("{streams} streams for {minutes} minutes; {} kinds of talks", talks.len());
    println!(
        "{:>7}{:>9}{:>9}{:>8}{:>9}{:>8}{:>7}{:>9}{:>9}{:>7}{:>9}",
        "minute", "streams", "audio h", "host", "workers", "files", "procs", "p50 ms", "p99 ms", "lost", "changed"
    );
    let (harvest, stop) = (Mutex::new(Harvest::default()), AtomicBool::new(false));
    let begun = Instant::now();
    let all = thread::scope(|scope| {
        for n in 0..streams {
            let (host, talks, harvest, stop) = (&host, &talks, &harvest, &stop);
            scope.spawn(move || client(n, host, talks, harvest, stop));
        }
        scope.spawn(|| kill_now_and_then(&host, &stop));
        let all = measure(&host, &harvest, begun, Duration::from_secs_f64(minutes * 60.0));
        stop.store(true, Ordering::Relaxed);
        all
    })?;
    let harvest = harvest.into_inner().unwrap_or_else(PoisonError::into_inner);
    report(&all, &harvest);
    plot::write(plot, &all)?;
    println!("plot: {}", plot.display());
    let bad = harvest.lost + harvest.changed + harvest.wrong.values().sum::<u64>();
    if bad == 0 { Ok(()) } else { Err(format!("{bad} streams or finals were not as they should be").into()) }
}

/// One talk after the other, until it is enough.
fn client(n: usize, host: &Process, talks: &[Talk], harvest: &Mutex<Harvest>, stop: &AtomicBool) {
    let mut random = fastrand::Rng::with_seed(n as u64);
    // Not all at once.
    thread::sleep(Duration::from_millis(random.u64(0..5_000)));
    while !stop.load(Ordering::Relaxed) {
        let talk = talk::choose(talks, &mut random);
        let heard = stream::talk(host.address(), talk, &mut random, stop);
        let mut harvest = harvest.lock().unwrap_or_else(PoisonError::into_inner);
        harvest.streams += 1;
        match heard {
            Ok(heard) if heard.cut_short => {}
            Ok(heard) => {
                harvest.audio += heard.seconds;
                harvest.delays.extend(heard.delays);
                let (lost, changed) = talk.compare(&heard.texts);
                harvest.lost += lost;
                harvest.changed += changed;
                if let Some(problem) = talk.judge(&heard.end) {
                    *harvest.wrong.entry(format!("{}: {problem}", talk.name)).or_default() += 1;
                }
            }
            Err(problem) if problem.to_string().contains("\"overloaded\"") => harvest.refused += 1,
            Err(problem) => *harvest.wrong.entry(format!("{}: {problem}", talk.name)).or_default() += 1,
        }
    }
}

fn kill_now_and_then(host: &Process, stop: &AtomicBool) {
    let mut random = fastrand::Rng::with_seed(1);
    let mut last = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(200));
        if last.elapsed() > KILL_EVERY {
            last = Instant::now();
            if let Some(worker) = random.choice(host.workers()) {
                vitals::kill(worker);
            }
        }
    }
}

/// Until `time` is over; a line each minute.
fn measure(host: &Process, harvest: &Mutex<Harvest>, begun: Instant, time: Duration) -> Done<Vec<Vitals>> {
    let mut all = Vec::new();
    let mut told = 0;
    while begun.elapsed() < time {
        thread::sleep(MEASURE_EVERY.min(time.saturating_sub(begun.elapsed())));
        let mut vitals = Vitals::of(host, begun.elapsed())?;
        let minute = begun.elapsed().as_secs() / 60;
        let mut harvest = harvest.lock().unwrap_or_else(PoisonError::into_inner);
        let delays = std::mem::take(&mut harvest.delays);
        (vitals.p50, vitals.p99) = (stats::median(&delays), stats::quantile(&delays, 0.99));
        harvest.all_delays.extend(delays);
        if minute > told {
            told = minute;
            let Vitals { host, workers, files, processes, p50, p99, .. } = vitals;
            let Harvest { streams, audio, lost, changed, .. } = &*harvest;
            println!(
                "{minute:>7}{streams:>9}{:>9.2}{host:>8.1}{workers:>9.1}{files:>8}{processes:>7}{p50:>9.1}{p99:>9.1}{lost:>7}{changed:>9}",
                audio / 3_600.0
            );
        }
        drop(harvest);
        all.push(vitals);
    }
    Ok(all)
}

fn report(all: &[Vitals], harvest: &Harvest) {
    // What is loaded at the beginning is not growth.
    let settled = &all[all.len() / 4..];
    let slope = |value: fn(&Vitals) -> f64| vitals::slope(settled, value);
    println!("\n{} streams, {:.1} hours of audio", harvest.streams, harvest.audio / 3_600.0);
    println!("memory: host {:+.2} MiB an hour, workers {:+.2}", slope(|v| v.host), slope(|v| v.workers));
    println!("open files of the host: {:+.2} an hour", slope(|v| f64::from(v.files)));
    let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| stats::quantile(&harvest.all_delays, share));
    println!("end of speech to its segment: p50 {p50:.1} ms, p95 {p95:.1} ms, p99 {p99:.1} ms");
    println!("finals lost: {}, changed: {}", harvest.lost, harvest.changed);
    println!("streams refused by a model that was behind: {}", harvest.refused);
    for (what, count) in &harvest.wrong {
        println!("ended wrong: {count} x {what}");
    }
}
