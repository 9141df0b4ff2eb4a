//! The benchmarks: each runs Auricle and what it is measured against in one run.

use crate::{
    run::{Done, cargo, run},
    stage,
};
use clap::Subcommand;

/// Which benchmark.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// A guarded call into a plugin file, against the same call in-process
    Boundary,
    /// The host on an engine that does nothing, against a bare WebSocket sink; memory, latency, time to register
    Host,
}

/// Builds in release and runs the benchmark.
pub(crate) fn bench(name: &Bench) -> Done {
    let built = stage::release()?;
    let name = match name {
        Bench::Boundary => "boundary",
        Bench::Host => "host",
    };
    let mut command = cargo(&["run", "--release", "--quiet", "--package", "auricle-bench", "--", name]);
    run(command.env("AURICLE_HOST", built.host).env("AURICLE_PLUGINS", built.plugins))
}
