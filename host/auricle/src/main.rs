//! The `auricle` program: the server, its client, and the tools around them.
#![forbid(unsafe_code)]

mod cli;
mod crash;
mod log;

fn main() -> std::process::ExitCode {
    cli::main()
}
