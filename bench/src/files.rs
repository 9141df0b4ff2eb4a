//! Live streams beside recordings: the delay of their partial texts, and the audio that is transcribed beside them.
//!
//! The engine is `onnx` with the model of digits. Clients upload recordings to `/v1/listen` one after another, as fast
//! as the server answers. Levels with and without them take turns.
//!
//! Threads: one for each client that uploads; the load test runs in this one.

use crate::{Done, from_xtask, host::server, recording, stats};
use auricle_client::Server;
use auricle_loadtest::{Amount, Level, Load, Protocol};
use auricle_plugin_test::{audio::wav, server::Host};
use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

const RECORDING: &str = "fixtures/digits.wav";
const PRESET: [(&str, &str); 1] =
    [("digits", r#"{"backend": "onnx", "model": "digits", "lan": "en", "host": {"preload": true, "concurrency": 2}}"#)];
const STREAMS: usize = 50;
const UPLOADS: usize = 4;
/// Length of an uploaded recording.
const UPLOADED_SECONDS: usize = 300;
const SECONDS: Duration = Duration::from_secs(20);
const ROUNDS: usize = 4;

/// The delays of a level in milliseconds, and the seconds of uploaded audio that were transcribed in a second.
struct Round {
    p50: f64,
    p95: f64,
    p99: f64,
    transcribed: f64,
}

pub(crate) fn run() -> Done {
    let [plugins, models, runtime] =
        [from_xtask("AURICLE_PLUGINS")?, from_xtask("AURICLE_MODELS")?, from_xtask("AURICLE_RUNTIME")?];
    let setup = server::setup(server::SETTINGS, &PRESET)?;
    let host = setup.plugins(&plugins).resource(&models).resource(&runtime).start();
    let recording = uploaded(&recording::path(RECORDING))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let load = load(&host)?;
    let known = runtime.block_on(load.learn())?;
    let level = |uploads: usize| -> Done<Round> {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let begun = Instant::now();
            let clients: Vec<_> =
                (0..uploads).map(|_| scope.spawn(|| upload(host.address(), &recording, &stop))).collect();
            let report = runtime.block_on(load.run_with(&known, |_| ()));
            stop.store(true, Ordering::Relaxed);
            let mut seconds = 0;
            for client in clients {
                seconds += client.join().map_err(|_| "a client panicked")??;
            }
            let report = report?;
            let level = report.levels.first().ok_or("no level")?;
            check(level)?;
            let transcribed = seconds as f64 / begun.elapsed().as_secs_f64();
            Ok(Round { p50: level.partial.p50_ms, p95: level.partial.p95_ms, p99: level.partial.p99_ms, transcribed })
        })
    };
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(level(0)?);
        beside.push(level(UPLOADS)?);
    }
    println!("{STREAMS} live streams of {SECONDS:?}, {ROUNDS} rounds in turns; medians of the rounds");
    println!("{:<42}{:>8}{:>8}{:>8}{:>24}", "delay of partial texts, ms", "p50", "p95", "p99", "uploaded audio, s/s");
    let mut p95 = Vec::new();
    for (name, rounds) in [("alone".to_owned(), &alone), (format!("beside {UPLOADS} clients that upload"), &beside)] {
        let median = |of: fn(&Round) -> f64| stats::median(&rounds.iter().map(of).collect::<Vec<_>>());
        let [p50, of_95, p99] = [median(|round| round.p50), median(|round| round.p95), median(|round| round.p99)];
        println!("{name:<42}{p50:>8.1}{of_95:>8.1}{p99:>8.1}{:>24.0}", median(|round| round.transcribed));
        p95.push(of_95);
    }
    if let [alone, beside] = p95[..] {
        println!("beside recordings the 95th percentile is {:.1} ms later", beside - alone);
    }
    Ok(())
}

fn load(host: &Host) -> Done<Load> {
    Ok(Load {
        server: Server::at(host.address().parse()?),
        protocol: Protocol::Auricle,
        preset: Some("digits".into()),
        resume: false,
        audio: vec![recording::path(RECORDING)],
        labels: Vec::new(),
        seconds: SECONDS,
        frame: Duration::from_millis(100),
        stagger: Duration::from_secs(1),
        patience: Duration::from_secs(6),
        bound_ms: f64::INFINITY,
        tolerance: 0.0,
        pid: None,
        amount: Amount::Levels(vec![STREAMS]),
    })
}

/// Every stream got its text.
fn check(level: &Level) -> Done {
    if level.held { Ok(()) } else { Err(format!("live streams were disturbed: {}", level.reasons.join("; ")).into()) }
}

/// The audio of a long recording, as `s16le`.
fn uploaded(path: &Path) -> Done<Vec<u8>> {
    let (_, samples) = wav(path);
    let needed = UPLOADED_SECONDS * recording::RATE as usize;
    Ok(auricle_plugin_test::audio::bytes(&samples.into_iter().cycle().take(needed).collect::<Vec<_>>()))
}

/// Uploads the recording again and again. Returns the seconds of audio that were transcribed.
fn upload(address: &str, recording: &[u8], stop: &AtomicBool) -> Done<usize> {
    let url = format!("http://{address}/v1/listen?model=digits&encoding=linear16&sample_rate=16000");
    let mut seconds = 0;
    while !stop.load(Ordering::Relaxed) {
        let answer = ureq::post(&url).content_type("application/octet-stream").send(recording)?;
        let text = answer.into_body().read_to_string()?;
        if !text.contains("transcript") {
            return Err(format!("no transcript: {text}").into());
        }
        seconds += UPLOADED_SECONDS;
    }
    Ok(seconds)
}
