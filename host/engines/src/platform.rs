//! What differs between operating systems. Linux is run and tested; macOS and Windows are written for.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

/// Whether the file's name is that of a shared library here.
pub fn is_library(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == std::env::consts::DLL_EXTENSION)
}

/// The running program, also after its file was replaced.
///
/// # Errors
/// Where the system does not tell.
pub fn this_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}

/// Makes a directory that only this user can enter; parents as usual.
///
/// # Errors
/// The system's.
pub fn make_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Bytes of memory that a process has in use, where the system tells.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    // proc_pid_status(5), in KiB.
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
}

/// How a process ended, for people: `crashed (SIGSEGV)`, `ended with status 3`.
pub fn describe_exit(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        let name = match signal {
            4 => "SIGILL",
            6 => "SIGABRT",
            7 => "SIGBUS",
            8 => "SIGFPE",
            9 => "SIGKILL",
            11 => "SIGSEGV",
            15 => "SIGTERM",
            _ => return format!("crashed (signal {signal})"),
        };
        return format!("crashed ({name})");
    }
    match status.code() {
        Some(code) => format!("ended with status {code}"),
        None => "ended".into(),
    }
}

/// Keeps the signals that come to the terminal's whole foreground (Ctrl-C, its end) from a child process.
pub fn own_process_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}
