//! The cost of the host itself: everything between the socket and an engine that does nothing.

pub(crate) mod client;
mod delay;
mod memory;
mod register;
pub(crate) mod server;
pub(crate) mod sink;
mod throughput;

use crate::{Done, bench_engine};
use auricle_plugin_test::server::Process;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::process::Command;

/// Usual chunks of engines.
const PLAIN: &str = r#"{"backend": "null", "host": {"preload": true, "isolation": "in-process"}}"#;
/// A chunk is a frame, so that no frame waits for others.
const STAMPED: &str = r#"{"backend": "null", "chunk_samples": 320, "stamped": true, "host": {"preload": true, "isolation": "in-process"}}"#;

/// Number of files that a process needs: a socket for each stream, and some more.
const FILES: u64 = memory::STREAMS as u64 + 100;

pub(crate) fn run() -> Done {
    raise_file_limit()?;
    let setup = server::setup(server::SETTINGS, &[("plain", PLAIN), ("stamped", STAMPED)])?.plugin(&bench_engine()?);
    let host = setup.clone().start();
    let sink = start_sink()?;
    let ratio = throughput::run(&host, &sink)?;
    drop(host);
    delay::run(&setup.clone().start(), &sink)?;
    drop(sink);
    memory::run(&setup.start())?;
    register::run()?;
    println!("ratio {ratio:.3} (aim 0.8)");
    Ok(())
}

fn start_sink() -> Done<Process> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("sink");
    Ok(Process::start(command))
}

/// The limit of this process and its children.
pub(crate) fn raise_file_limit() -> Done {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|files| files >= FILES) {
        return Ok(());
    }
    if maximum.is_some_and(|files| files < FILES) {
        return Err(
            format!("this benchmark opens {FILES} files in a process: raise the hard limit (ulimit -Hn)").into()
        );
    }
    Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(FILES), maximum })?)
}
