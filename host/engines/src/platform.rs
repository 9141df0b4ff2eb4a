//! Differences between operating systems. Tested on Linux; written for macOS and Windows, too. Threads: any.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

/// Whether the file name has this system's extension of shared libraries.
pub fn is_library(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == std::env::consts::DLL_EXTENSION)
}

/// Whether the file is hidden: editors and macOS (`._NAME`) leave such files, which are not meant to be read.
pub fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// The path of the running program. On Linux it is valid even after the file was replaced.
///
/// # Errors
/// The system does not report the path.
pub fn this_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}

/// Creates a directory that only this user can access, and its parents.
///
/// # Errors
/// The directory cannot be created.
pub fn make_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// The resident memory of a process in bytes, if the system reports it.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    // proc_pid_status(5), in KiB.
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
}

/// Describes how a process ended, such as `crashed (SIGSEGV)` or `ended with status 3`.
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

/// Puts a child process in its own group, so that it does not get the terminal's signals (Ctrl-C, hangup).
pub fn own_process_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}
