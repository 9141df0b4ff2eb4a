//! `cargo xtask`: all tasks of this repository.

#![forbid(unsafe_code)]

mod alone;
mod bench;
mod book;
mod conformance;
mod convert;
mod cycles;
mod demo;
mod faults;
mod fetch;
mod fuzz;
mod parity;
mod process;
mod publish;
mod run;
mod sanitize;
mod semver;
mod stage;
mod test;
mod tools;
mod train;
mod windows;
mod words;

use clap::Parser;
use std::process::ExitCode;

/// Build, demonstrate, test and measure Auricle. Downloads from package registries are logged.
#[derive(Parser)]
#[command(name = "cargo xtask")]
enum Xtask {
    /// Build the host (target/release/auricle) and the engines (target/plugins)
    Build,
    /// Build, start the host with the engines, and stream recordings to it in real time
    Demo {
        /// Download nothing: shows the model that comes with the repository
        #[arg(long)]
        offline: bool,
        /// Leave the host running and print how to connect
        #[arg(long)]
        serve: bool,
    },
    /// Build everything and run all tests
    Test {
        /// Include the slow tests, which take minutes
        #[arg(long)]
        long: bool,
        /// Include the tests that need further tools
        #[arg(long, value_enum, value_name = "TOOLS")]
        with: Vec<test::Tools>,
        /// Passed on to `cargo test`, for example `-- --test server streams`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Build the authors' book, target/book/index.html
    Book(book::Book),
    /// Write the table of what each dialect can do, in docs/dialects.md, from runs of their clients
    Conformance,
    /// Write docs/faults.md, the table of faults and their consequences, from the fault matrix of the tests
    Faults,
    /// Run a benchmark; the last line is the ratio of the results
    Bench {
        #[command(subcommand)]
        name: bench::Bench,
    },
    /// Run a server with clients that connect, disconnect and cause faults; writes a report, and a plot to
    /// docs/soak.svg
    Soak {
        /// Duration in minutes
        #[arg(long, default_value_t = 60.0)]
        minutes: f64,
        /// Number of concurrent clients
        #[arg(long, default_value_t = 100)]
        streams: usize,
    },
    /// Compare an engine with its reference, word for word
    Parity {
        #[command(subcommand)]
        engine: parity::Parity,
    },
    /// Run the fuzz targets; fails on a finding
    Fuzz(fuzz::Fuzz),
    /// Train a model of this repository, in an environment under target/
    Train {
        #[command(subcommand)]
        model: train::Train,
    },
    /// Convert a published model into a layout that an engine runs faster
    Convert {
        #[command(subcommand)]
        engine: convert::Convert,
    },
    /// Run hosts and engines with AddressSanitizer, which detects memory errors in the tests; Linux only
    Sanitize {
        /// Use valgrind instead, which also detects uses of uninitialised memory; slow, and must be installed
        #[arg(long)]
        valgrind: bool,
    },
    /// Compare the public interfaces of the crates for authors with the released ones
    Semver,
    /// Format, lints, the host's crates on their own, documentation, the fault page, the crates to publish, licences: the
    /// checks of CI besides the tests
    Check,
    /// Look for cycles of files under host/; fails if one has more than two files
    Cycles,
    /// Look for names and phrases that were replaced; fails if it finds one
    Words,
}

fn main() -> ExitCode {
    let done = match Xtask::parse() {
        Xtask::Build => stage::release().map(drop),
        Xtask::Demo { offline, serve } => demo::demo(offline, serve),
        Xtask::Test { long, with, args } => test::test(long, &with, &args),
        Xtask::Book(options) => book::book(&options),
        Xtask::Conformance => conformance::write(),
        Xtask::Faults => faults::write(),
        Xtask::Bench { name } => bench::bench(&name),
        Xtask::Soak { minutes, streams } => bench::soak(minutes, streams),
        Xtask::Parity { engine } => parity::parity(&engine),
        Xtask::Fuzz(options) => fuzz::fuzz(&options),
        Xtask::Train { model } => train::train(&model),
        Xtask::Convert { engine } => convert::convert(&engine),
        Xtask::Sanitize { valgrind } => sanitize::sanitize(valgrind),
        Xtask::Semver => semver::check(),
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
