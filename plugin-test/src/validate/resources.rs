//! What the engine uses: time, memory, descriptors, threads, files, and the process's output.

use super::{Subject, Verdict, case::Checked, ensure, process};
use crate::TestModel;
use auricle_plugin_api::host::LogLevel;
use serde_json::{Value, json};
use std::{
    env,
    time::{Duration, Instant},
};

/// Seconds that a call may take on a server, unless it is set otherwise.
const CALL_LIMIT: f64 = 30.0;
/// Growth of memory, in MiB: per hour of audio, and per thousand streams.
const GROWTH: f64 = 64.0;
/// Lines of log at level `info` in a stream.
const LINES: usize = 50;

/// A whole life: a model, streams that end and one that does not, and the drops.
fn life(subject: &Subject) -> Result<(), Verdict> {
    let (model, audio, _) = subject.heard()?;
    let mut stream = model.try_stream(json!({}))?;
    stream.push(&audio[..audio.len() / 2])?;
    Ok(())
}

pub(super) fn prints(subject: &Subject) -> Checked {
    life(subject)?;
    Ok(String::new())
}

pub(super) fn sandbox(subject: &Subject) -> Checked {
    let allowed = |verdict: Verdict| Verdict { reason: format!("in the sandbox, {}", verdict.reason), ..verdict };
    life(subject).map_err(allowed)?;
    Ok(String::new())
}

pub(super) fn directory(subject: &Subject) -> Checked {
    let (before, after) = (env::current_dir(), env::set_current_dir("/"));
    after.map_err(|error| Verdict::skipped(format!("cannot change the working directory: {error}")))?;
    drop(before);
    life(subject).map_err(|verdict| Verdict::warning(format!("with another working directory, {}", verdict.reason)))?;
    Ok(String::new())
}

pub(super) fn log(subject: &Subject) -> Checked {
    let host = subject.host().log_level(LogLevel::Info);
    let model = subject.engine_for(&host)?.try_load(Value::Object(subject.fields.clone()))?;
    let audio = subject.audio(&model)?;
    host.take_log();
    model.try_run(&audio)?;
    let lines = host.take_log();
    let count = lines.len();
    ensure!(count <= LINES, warning, "{count} lines for one stream, such as: {}", lines[0].message);
    let loud = lines.iter().find(|line| line.level <= LogLevel::Warn);
    ensure!(loud.is_none(), warning, "a sound stream logs a problem: {}", loud.map_or("", |line| &line.message));
    Ok(format!("{count} lines"))
}

/// Feeds audio chunk by chunk; returns the whole time and the longest call.
fn timed(model: &TestModel, audio: &[f32]) -> Result<(Duration, Duration), Verdict> {
    let mut stream = model.try_stream(json!({}))?;
    let (begun, mut longest, mut rest) = (Instant::now(), Duration::ZERO, audio);
    while !rest.is_empty() {
        let (chunk, tail) = rest.split_at(stream.until_chunk_is_full().min(rest.len()));
        let call = Instant::now();
        stream.push(chunk)?;
        longest = longest.max(call.elapsed());
        rest = tail;
    }
    let call = Instant::now();
    stream.finish()?;
    Ok((begun.elapsed(), longest.max(call.elapsed())))
}

pub(super) fn cost(subject: &Subject) -> Checked {
    let (model, audio, _) = subject.heard()?;
    let (took, _) = timed(&model, &audio)?;
    let cost = took.as_secs_f64() * f64::from(model.metadata().sample_rate) / audio.len() as f64;
    ensure!(cost < 1.0, warning, "a second of audio takes {cost:.2} s: live streams fall behind");
    Ok(format!("{cost:.4} s per second of audio, alone on this machine"))
}

pub(super) fn call_time(subject: &Subject) -> Checked {
    let (model, audio, _) = subject.heard()?;
    let longest = timed(&model, &audio)?.1.as_secs_f64();
    ensure!(longest < CALL_LIMIT, fail, "a call took {longest:.1} s: servers end the stream after {CALL_LIMIT} s");
    ensure!(longest < CALL_LIMIT / 10.0, warning, "a call took {longest:.1} s: other streams of the model wait for it");
    Ok(format!("{:.0} ms at most", longest * 1000.0))
}

pub(super) fn hour(subject: &Subject) -> Checked {
    let begun = Instant::now();
    let model = subject.model()?;
    let audio = subject.audio(&model)?;
    let rate = f64::from(model.metadata().sample_rate);
    let mut stream = model.try_stream(json!({}))?;
    let mut fed = 0.0;
    // The memory after each piece.
    let mut memory = Vec::new();
    while fed < 3_600.0 && begun.elapsed() < subject.limit.mul_f64(0.7) {
        stream.push(&audio)?;
        stream.recording_mut().take();
        fed += audio.len() as f64 / rate;
        memory.push((fed, process::resident_bytes().unwrap_or_default()));
    }
    ensure!(memory.len() >= 12, skipped, "only {fed:.0} s of audio fit into the time; raise --timeout");
    let (middle, last) = (memory[memory.len() / 2], memory[memory.len() - 1]);
    let grown = process::mebibytes(last.1.saturating_sub(middle.1));
    let hourly = grown * 3_600.0 / (last.0 - middle.0);
    ensure!(grown < 8.0 || hourly < GROWTH, fail, "a stream takes {hourly:.0} MiB more for each hour of audio");
    Ok(format!("{:.0} min of audio in {:.0} s", fed / 60.0, begun.elapsed().as_secs_f64()))
}

/// Many short streams, one after another, and what is left of them.
struct Streams {
    count: usize,
    memory: f64,
    descriptors: usize,
    threads: usize,
}

fn streams(subject: &Subject) -> Result<Streams, Verdict> {
    let now = || {
        let memory = process::resident_bytes()?;
        Some((memory, process::descriptors()?, process::threads()?))
    };
    now().ok_or_else(|| Verdict::skipped("the system does not report what a process uses"))?;
    let full = || Verdict::fail("after some streams the process cannot open files any more");
    let model = subject.model()?;
    let audio = subject.audio(&model)?;
    let second = &audio[..audio.len().min(model.metadata().sample_rate as usize)];
    for _ in 0..3 {
        model.try_run(second)?;
    }
    let (memory, descriptors, threads) = now().ok_or_else(full)?;
    let begun = Instant::now();
    let mut count = 0;
    while count < 300 && begun.elapsed() < subject.limit / 2 {
        model.try_run(second)?;
        count += 1;
    }
    let after = now().ok_or_else(full)?;
    Ok(Streams {
        count,
        memory: process::mebibytes(after.0.saturating_sub(memory)),
        descriptors: after.1.saturating_sub(descriptors),
        threads: after.2.saturating_sub(threads),
    })
}

pub(super) fn memory(subject: &Subject) -> Checked {
    let Streams { count, memory, .. } = streams(subject)?;
    let thousand = memory * 1_000.0 / count as f64;
    ensure!(memory < 8.0 || thousand < GROWTH, fail, "{count} streams that ended leave {memory:.0} MiB behind");
    Ok(format!("{count} streams"))
}

pub(super) fn descriptors(subject: &Subject) -> Checked {
    let Streams { count, descriptors, .. } = streams(subject)?;
    ensure!(descriptors < 5, fail, "{count} streams that ended leave {descriptors} open files behind");
    Ok(format!("{count} streams"))
}

pub(super) fn threads(subject: &Subject) -> Checked {
    let Streams { count, threads, .. } = streams(subject)?;
    ensure!(threads < 5, fail, "{count} streams that ended leave {threads} threads behind");
    Ok(format!("{count} streams"))
}
