//! The `auricle` program.

fn main() -> std::process::ExitCode {
    auricle::cli::main()
}
