//! A server under load for a long time: real clients that connect, speak in real time, disconnect, and sometimes cause
//! faults.
//!
//! Every stream that should end normally is compared with the result of the same audio on the idle server at the start:
//! lost and changed finals are counted. Workers are killed from time to time. The report at the end has the growth of
//! memory and open files, the delays of finals, and the losses; there is also a plot.
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
/// Streams fail on purpose, so no plugin may be quarantined for it.
const SETTINGS: &str = "[limits]\nquarantine_streams = 1000000\n[timeouts]\ncall_seconds = 3.0\n";

/// The clients' results so far.
#[derive(Default)]
struct Harvest {
    streams: u64,
    /// Length of the audio, in seconds.
    audio: f64,
    /// Delays from the end of the speech to its segment in milliseconds, since the last measurement.
    delays: Vec<f64>,
    all_delays: Vec<f64>,
    lost: u64,
    changed: u64,
    /// Number of streams refused because the model was behind.
    refused: u64,
    /// Streams that ended differently than expected, by their ending.
    wrong: BTreeMap<String, u64>,
}

/// Runs the load and prints the report; the plot is written to `plot`.
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

/// Runs talks, one after another, until it is asked to stop.
fn client(n: usize, host: &Process, talks: &[Talk], harvest: &Mutex<Harvest>, stop: &AtomicBool) {
    let mut random = fastrand::Rng::with_seed(n as u64);
    // Not all clients start at once.
    thread::sleep(Duration::from_millis(random.u64(0..5_000)));
    while !stop.load(Ordering::Relaxed) {
        let talk = talk::choose(talks, &mut random);
        let result = stream::talk(host.address(), talk, &mut random, stop);
        let mut harvest = harvest.lock().unwrap_or_else(PoisonError::into_inner);
        harvest.streams += 1;
        match result {
            Ok(result) if result.cut_short => {}
            Ok(result) => {
                harvest.audio += result.seconds;
                harvest.delays.extend(result.delays);
                let (lost, changed) = talk.compare(&result.texts);
                harvest.lost += lost;
                harvest.changed += changed;
                if let Some(problem) = talk.judge(&result.end) {
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

/// Measures until `time` is over; prints a line each minute.
fn measure(host: &Process, harvest: &Mutex<Harvest>, begun: Instant, time: Duration) -> Done<Vec<Vitals>> {
    let mut all = Vec::new();
    let mut printed = 0;
    while begun.elapsed() < time {
        thread::sleep(MEASURE_EVERY.min(time.saturating_sub(begun.elapsed())));
        let mut vitals = Vitals::of(host, begun.elapsed())?;
        let minute = begun.elapsed().as_secs() / 60;
        let mut harvest = harvest.lock().unwrap_or_else(PoisonError::into_inner);
        let delays = std::mem::take(&mut harvest.delays);
        (vitals.p50, vitals.p99) = (stats::median(&delays), stats::quantile(&delays, 0.99));
        harvest.all_delays.extend(delays);
        if minute > printed {
            printed = minute;
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
    // Memory that is allocated at the beginning is not growth.
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
