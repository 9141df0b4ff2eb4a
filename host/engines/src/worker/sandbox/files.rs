//! Landlock: restricts the files that a worker can open.
//!
//! Invariant: every right that landlock knows is handled, so all rights that are not granted here are refused. Nothing
//! may be executed; loading a library needs only the right to read. A rule applies to the folder as it was when the
//! rule was made, and `/proc/self` is this process. Threads: the main thread of the worker.

use super::{Allowed, error::SandboxError};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    Scope, make_bitflags, path_beneath_rules,
};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The landlock version whose rights are used here: files, devices, TCP, signals, abstract sockets. A kernel with an
/// older version enforces the rights that it knows. Seccomp covers the network and signals, too.
const KNOWN: ABI = ABI::V6;

/// The first version that prevents truncating a readable file.
const SUFFICIENT: ABI = ABI::V3;

/// Paths that may be read on every system.
const SYSTEM: &[&str] = &[
    // The dynamic linker's cache, and the directories of libraries.
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
    // Runtimes read these to choose kernels, thread counts and page sizes.
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/version",
    "/proc/sys/kernel",
    "/proc/sys/vm",
    "/sys/devices/system",
    "/sys/fs/cgroup",
    "/sys/kernel/mm",
    // This process: its memory map, limits, threads, and its program for the names in a backtrace.
    "/proc/self",
    "/proc/self/exe",
];

/// Devices that only provide or discard data.
const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"];

/// What is read to find and verify other machines.
const NETWORK: &[&str] = &[
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/ssl",
    "/etc/pki",
    "/usr/share/ca-certificates",
];

/// What drivers of graphics processors read.
const GPU: &[&str] = &[
    "/etc/OpenCL",
    "/etc/vulkan",
    "/usr/share/nvidia",
    "/usr/share/vulkan",
    "/proc/devices",
    "/proc/driver/nvidia",
    "/sys/bus/pci",
    "/sys/class/drm",
    "/sys/class/kfd",
    "/sys/devices",
    "/sys/module",
];

/// How many levels below a readable folder are searched for links, such as `MODELS/NAME/onnx/FILE`.
const LINK_DEPTH: u32 = 3;

/// Restricts the calling thread. Returns a text if this kernel lacks a part.
pub(super) fn restrict(allowed: &Allowed) -> Result<Option<&'static str>, SandboxError> {
    match try_restrict(allowed).map_err(SandboxError::Landlock)? {
        LandlockStatus::NotImplemented => {
            Ok(Some("this kernel has no landlock (Linux 5.13), the engine can read and write what the server could"))
        }
        LandlockStatus::NotEnabled => Ok(Some(
            "landlock is not enabled in this kernel (`lsm=`), the engine can read and write what the server could",
        )),
        LandlockStatus::Available { effective_abi, .. } if effective_abi < SUFFICIENT => Ok(Some(
            "this kernel's landlock is too old (needs Linux 6.2), the engine can truncate files that it may read",
        )),
        LandlockStatus::Available { .. } => Ok(None),
    }
}

fn try_restrict(allowed: &Allowed) -> Result<LandlockStatus, RulesetError> {
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let mut readable: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
    readable.extend(library_path());
    if allowed.network {
        readable.extend(NETWORK.iter().map(PathBuf::from));
    }
    if allowed.gpu {
        readable.extend(GPU.iter().map(PathBuf::from));
    }
    for path in &allowed.read {
        readable.push(path.clone());
        links_below(path, LINK_DEPTH, &mut readable);
    }
    let gpus = if allowed.gpu { gpu_devices(Path::new("/dev")) } else { Vec::new() };
    let mut rules = Ruleset::default().handle_access(AccessFs::from_all(KNOWN))?;
    if !allowed.network {
        rules = rules.handle_access(AccessNet::from_all(KNOWN))?;
    }
    let status = rules
        .scope(Scope::from_all(KNOWN))?
        .create()?
        .add_rules(path_beneath_rules(readable, read))?
        .add_rules(path_beneath_rules(DEVICES, read | AccessFs::WriteFile | AccessFs::Truncate))?
        .add_rules(path_beneath_rules(gpus, read | AccessFs::WriteFile | AccessFs::IoctlDev))?
        .add_rules(path_beneath_rules(&allowed.scratch, scratch()))?
        .restrict_self()?;
    Ok(status.landlock)
}

/// The devices of graphics processors in this folder.
fn gpu_devices(folder: &Path) -> Vec<PathBuf> {
    let is_gpu = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        matches!(&*name, "dri" | "kfd") || name.starts_with("nvidia")
    };
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).filter(is_gpu).collect()
}

/// The rights in the folder for temporary files. They do not allow programs, devices or sockets.
fn scratch() -> BitFlags<AccessFs> {
    make_bitflags!(AccessFs::{
        ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | MakeSym | RemoveFile | RemoveDir | Refer
    })
}

/// The absolute folders in `LD_LIBRARY_PATH`. The dynamic linker takes an empty entry for the working directory, which
/// is not added.
fn library_path() -> Vec<PathBuf> {
    let path = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    env::split_paths(&path).filter(|folder| folder.is_absolute()).collect()
}

/// Adds the links in a folder, whose targets then become readable. A model's folder may consist of links to a store of
/// files.
fn links_below(folder: &Path, depth: u32, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_symlink() => found.push(entry.path()),
            Ok(kind) if kind.is_dir() && depth > 1 => links_below(&entry.path(), depth - 1, found),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_devices_of_graphics_processors_are_opened_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let gpus = ["dri", "kfd", "nvidia-caps", "nvidia-uvm", "nvidia0", "nvidiactl"];
        for name in gpus.iter().chain(&["fuse", "kmsg", "mem", "nvme0", "null", "sda", "snd", "tty", "video0", "xdri"])
        {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let mut found = gpu_devices(folder.path());
        found.sort();
        assert_eq!(found, gpus.map(|name| folder.path().join(name)));
    }
}
