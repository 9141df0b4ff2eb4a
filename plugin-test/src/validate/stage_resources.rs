//! What a stage uses: time, memory, descriptors, threads, files, and the process's output.

use super::{
    Subject, Verdict,
    case::Checked,
    ensure, process,
    stage_run::{Heard, make, run, script},
};
use crate::TestStage;
use auricle_plugin_api::host::LogLevel;
use serde_json::{Value, json};
use std::time::Instant;

/// Growth of memory, in MiB: per hour of audio, and per thousand streams.
const GROWTH: f64 = 64.0;
/// Lines of log at level `info` in a stream.
const LINES: usize = 50;

/// Streams that end and one that does not, and the drops.
fn life(subject: &Subject) -> Result<(), Verdict> {
    let Heard { stage, steps, .. } = subject.stage_heard()?;
    let mut stream = stage.try_stream(json!({}))?;
    steps[..steps.len() / 2].iter().try_for_each(|step| make(&mut stream, step))?;
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

pub(super) fn log(subject: &Subject) -> Checked {
    let host = subject.host().log_level(LogLevel::Info);
    let stage = TestStage::try_load(&subject.stage_loader(&host)?, Value::Object(subject.fields.clone()))?;
    let (audio, rate) = subject.stage_audio(&stage)?;
    host.take_log();
    run(&mut stage.try_stream(json!({}))?, &script(&audio, rate, rate as usize / 10, 0))?;
    let lines = host.take_log();
    let count = lines.len();
    ensure!(count <= LINES, warning, "{count} lines for one stream, such as: {}", lines[0].message);
    let loud = lines.iter().find(|line| line.level <= LogLevel::Warn);
    ensure!(loud.is_none(), warning, "a sound stream logs a problem: {}", loud.map_or("", |line| &line.message));
    Ok(format!("{count} lines"))
}

pub(super) fn cost(subject: &Subject) -> Checked {
    let Heard { stage, steps, audio, rate, .. } = subject.stage_heard()?;
    let mut stream = stage.try_stream(json!({}))?;
    let begun = Instant::now();
    run(&mut stream, &steps)?;
    let cost = begun.elapsed().as_secs_f64() * f64::from(rate) / audio.len() as f64;
    ensure!(cost < 1.0, fail, "a second of audio takes {cost:.2} s: live streams fall behind");
    ensure!(cost < 0.1, warning, "a second of audio takes {cost:.2} s, besides what the engine takes");
    Ok(format!("{:.3} ms per second of audio, alone on this machine", cost * 1_000.0))
}

pub(super) fn hour(subject: &Subject) -> Checked {
    let begun = Instant::now();
    let stage = subject.stage()?;
    let (audio, rate) = subject.stage_audio(&stage)?;
    let mut stream = stage.try_stream(json!({}))?;
    let mut fed = 0;
    // The memory after each piece.
    let mut memory = Vec::new();
    while fed < 3_600 * u64::from(rate) && begun.elapsed() < subject.limit.mul_f64(0.7) {
        script(&audio, rate, rate as usize / 10, fed).iter().try_for_each(|step| make(&mut stream, step))?;
        stream.take();
        fed += audio.len() as u64;
        memory.push((fed as f64 / f64::from(rate), process::resident_bytes().unwrap_or_default()));
    }
    let seconds = fed as f64 / f64::from(rate);
    ensure!(memory.len() >= 12, skipped, "only {seconds:.0} s of audio fit into the time; raise --timeout");
    let (middle, last) = (memory[memory.len() / 2], memory[memory.len() - 1]);
    let grown = process::mebibytes(last.1.saturating_sub(middle.1));
    let hourly = grown * 3_600.0 / (last.0 - middle.0);
    ensure!(grown < 8.0 || hourly < GROWTH, fail, "a stream takes {hourly:.0} MiB more for each hour of audio");
    Ok(format!("{:.0} min of audio in {:.0} s", seconds / 60.0, begun.elapsed().as_secs_f64()))
}

pub(super) fn leaves_nothing(subject: &Subject) -> Checked {
    let now = || Some((process::resident_bytes()?, process::descriptors()?, process::threads()?));
    let unknown = || Verdict::skipped("the system does not report what a process uses");
    let Heard { stage, steps, .. } = subject.stage_heard()?;
    let steps = &steps[..steps.len() / 5];
    for _ in 0..3 {
        run(&mut stage.try_stream(json!({}))?, steps)?;
    }
    let before = now().ok_or_else(unknown)?;
    let (begun, mut count) = (Instant::now(), 0);
    while count < 300 && begun.elapsed() < subject.limit / 2 {
        run(&mut stage.try_stream(json!({}))?, steps)?;
        count += 1;
    }
    let after = now().ok_or_else(|| Verdict::fail("after some streams the process cannot open files any more"))?;
    let memory = process::mebibytes(after.0.saturating_sub(before.0));
    let thousand = memory * 1_000.0 / f64::from(count);
    ensure!(memory < 8.0 || thousand < GROWTH, fail, "{count} streams that ended leave {memory:.0} MiB behind");
    let (files, threads) = (after.1.saturating_sub(before.1), after.2.saturating_sub(before.2));
    ensure!(files < 5, fail, "{count} streams that ended leave {files} open files behind");
    ensure!(threads < 5, fail, "{count} streams that ended leave {threads} threads behind");
    Ok(format!("{count} streams"))
}
