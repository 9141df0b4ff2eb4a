//! The time from adding a plugin file to a watched directory to the registration of its engine.

use super::server;
use crate::{Done, from_xtask, stats};
use std::{
    fs, thread,
    time::{Duration, Instant},
};

const RUNS: usize = 9;
const LIMIT: Duration = Duration::from_secs(30);

pub(super) fn run() -> Done {
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let name = format!("{prefix}auricle_engine_tone{suffix}");
    let plugin = from_xtask("AURICLE_PLUGINS")?.join(&name);
    let mut waits = Vec::new();
    for run in 0..RUNS {
        // Each run has its own host, because a library that was opened once stays known.
        let host = server::setup(server::SETTINGS, &[])?.start();
        // At varying times within the host's scan interval.
        thread::sleep(Duration::from_millis(20 * run as u64));
        fs::copy(&plugin, host.path("plugins").join(&name))?;
        let dropped = Instant::now();
        while !host.get("/v1/engines").1.contains(r#""backends":["tone"]"#) {
            if dropped.elapsed() > LIMIT {
                return Err(format!("{name} was not registered within {LIMIT:?}").into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        waits.push(dropped.elapsed().as_secs_f64());
    }
    let [median, max] = [0.5, 1.0].map(|share| stats::quantile(&waits, share));
    println!("dropped file to registered engine, {RUNS} runs: median {median:.2} s, max {max:.2} s (aim 1)\n");
    Ok(())
}
