//! `cargo xtask`: everything a person or a machine does with this repository.

#![forbid(unsafe_code)]

mod alone;
mod bench;
mod convert;
mod cycles;
mod demo;
mod faults;
mod fetch;
mod fuzz;
mod parity;
mod run;
mod sanitize;
mod stage;
mod test;
mod train;
mod windows;
mod words;

use clap::Parser;
use std::process::ExitCode;

/// Build, show, test and measure Auricle. What is needed from the registries is fetched, and said.
#[derive(Parser)]
#[command(name = "cargo xtask")]
enum Xtask {
    /// Build the host (target/release/auricle) and the engines (target/plugins)
    Build,
    /// Build, start the host on the engines, and stream a recording to it at its own pace
    Demo {
        /// Leave the host running and say how to connect
        #[arg(long)]
        serve: bool,
    },
    /// Build everything and run all tests
    Test {
        /// Full counts: what takes minutes as well
        #[arg(long)]
        long: bool,
        /// Passed on to `cargo test`, for example `-- --test server streams`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Write docs/faults.md: what goes wrong and what comes of it, of the table that the tests have happen
    Faults,
    /// Run a benchmark; the last line is its ratio
    Bench {
        #[command(subcommand)]
        name: bench::Bench,
    },
    /// Leave a server running with clients that come, go and go wrong; the report, and a plot in docs/soak.svg
    Soak {
        /// For how long
        #[arg(long, default_value_t = 60.0)]
        minutes: f64,
        /// At the same time
        #[arg(long, default_value_t = 100)]
        streams: usize,
    },
    /// Hold an engine against its reference, word for word
    Parity {
        #[command(subcommand)]
        engine: parity::Parity,
    },
    /// Run the fuzz targets; fails on a finding
    Fuzz(fuzz::Fuzz),
    /// Train a model that comes with the repository; the environment is made under target/
    Train {
        #[command(subcommand)]
        model: train::Train,
    },
    /// Convert a published model into a layout that an engine runs faster
    Convert {
        #[command(subcommand)]
        engine: convert::Convert,
    },
    /// Run hosts and engines with AddressSanitizer, which finds what memory errors the tests cause; Linux
    Sanitize {
        /// Under valgrind instead, which sees uninitialised memory too; slow, and it must be installed
        #[arg(long)]
        valgrind: bool,
    },
    /// Format, lints, the host's crates alone, documents, the fault page, licences: what CI checks besides the tests
    Check,
    /// Look for files under host/ that need one another; fails where more than two do
    Cycles,
    /// Look for names and phrases that were replaced; fails where one is back
    Words,
}

fn main() -> ExitCode {
    let done = match Xtask::parse() {
        Xtask::Build => stage::release().map(drop),
        Xtask::Demo { serve } => demo::demo(serve),
        Xtask::Test { long, args } => test::test(long, &args),
        Xtask::Faults => faults::write(),
        Xtask::Bench { name } => bench::bench(&name),
        Xtask::Soak { minutes, streams } => bench::soak(minutes, streams),
        Xtask::Parity { engine } => parity::parity(&engine),
        Xtask::Fuzz(options) => fuzz::fuzz(&options),
        Xtask::Train { model } => train::train(&model),
        Xtask::Convert { engine } => convert::convert(&engine),
        Xtask::Sanitize { valgrind } => sanitize::sanitize(valgrind),
        Xtask::Check => test::check(),
        Xtask::Cycles => cycles::cycles(),
        Xtask::Words => words::words(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}
