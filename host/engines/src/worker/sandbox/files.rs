//! Landlock: which files a worker can open.
//!
//! Invariant: every right that landlock knows is handled, so that what is not granted here is refused. Nothing may be
//! executed; loading a library takes reading only. A rule holds for the folder that was found at the time, and
//! `/proc/self` is this process's own.

use super::{Files, error::SandboxError};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    Scope, make_bitflags, path_beneath_rules,
};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The version whose rights are known here: files, devices, TCP, signals, abstract sockets. A kernel with an older one
/// enforces what it has; seccomp covers the network and signals again.
const KNOWN: ABI = ABI::V6;

/// The first version that keeps a file that may be read from being truncated.
const SUFFICIENT: ABI = ABI::V3;

/// What may be read on any system.
const SYSTEM: &[&str] = &[
    // The dynamic linker's list, and where libraries are.
    "/etc/ld.so.cache",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/nix/store",
    "/gnu/store",
    // The C library's time zones and messages.
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/usr/share/locale",
    // What runtimes look at to choose kernels, thread counts and sizes of pages.
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/version",
    "/proc/sys/kernel",
    "/proc/sys/vm",
    "/sys/devices/system",
    "/sys/fs/cgroup",
    "/sys/kernel/mm",
    // This process: its memory map, limits, threads and program (for the names in a backtrace).
    "/proc/self",
    "/proc/self/exe",
];

/// Devices that are data only.
const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"];

/// How deep links are looked for below a folder that may be read: `MODELS/NAME/onnx/FILE`.
const LINK_DEPTH: u32 = 3;

/// Binds the calling thread. Says what this kernel does not have.
pub(super) fn restrict(files: &Files) -> Result<Option<&'static str>, SandboxError> {
    match try_restrict(files).map_err(SandboxError::Landlock)? {
        LandlockStatus::NotImplemented => {
            Ok(Some("this kernel has no landlock (Linux 5.13), the engine can read and write what the server could"))
        }
        LandlockStatus::NotEnabled => Ok(Some(
            "landlock is not enabled in this kernel (`lsm=`), the engine can read and write what the server could",
        )),
        LandlockStatus::Available { effective_abi, .. } if effective_abi < SUFFICIENT => Ok(Some(
            "this kernel's landlock is old (Linux 6.2 has what it takes), the engine can empty files it may read",
        )),
        LandlockStatus::Available { .. } => Ok(None),
    }
}

fn try_restrict(files: &Files) -> Result<LandlockStatus, RulesetError> {
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let mut readable: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
    readable.extend(library_path());
    for path in &files.read {
        readable.push(path.clone());
        links_below(path, LINK_DEPTH, &mut readable);
    }
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()?
        .add_rules(path_beneath_rules(readable, read))?
        .add_rules(path_beneath_rules(DEVICES, read | AccessFs::WriteFile | AccessFs::Truncate))?
        .add_rules(path_beneath_rules(&files.scratch, scratch()))?
        .restrict_self()?;
    Ok(status.landlock)
}

/// What may be done in the folder for temporary files: no program, device or socket is made there.
fn scratch() -> BitFlags<AccessFs> {
    make_bitflags!(AccessFs::{
        ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | MakeSym | RemoveFile | RemoveDir | Refer
    })
}

/// The folders that the operator tells the dynamic linker of. It takes an empty entry for the working directory.
fn library_path() -> Vec<PathBuf> {
    let path = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    env::split_paths(&path).filter(|folder| folder.is_absolute()).collect()
}

/// Adds where the links in a folder lead: a model's folder may consist of links to a store of files.
fn links_below(folder: &Path, depth: u32, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_symlink() => found.push(entry.path()),
            Ok(kind) if kind.is_dir() && depth > 1 => links_below(&entry.path(), depth - 1, found),
            _ => {}
        }
    }
}
