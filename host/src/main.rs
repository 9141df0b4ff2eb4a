//! The `auricle` program.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    auricle::cli::main()
}
