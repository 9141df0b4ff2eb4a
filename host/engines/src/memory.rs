//! The memory that this machine has left, within the limits of the control groups (version 2) that a container or a
//! service manager sets. Linux only; elsewhere it is unknown. Threads: any.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The bytes that new processes of this server can use without swapping, if the system reports it.
pub fn available_bytes() -> Option<u64> {
    available(Path::new("/"))
}

fn available(root: &Path) -> Option<u64> {
    // proc_meminfo(5), in KiB.
    let machine = field(&root.join("proc/meminfo"), "MemAvailable:").map(|kibibytes| kibibytes << 10);
    machine.into_iter().chain(group_dirs(root).iter().filter_map(|dir| left_in_group(dir))).min()
}

/// The directories of this process's control group and of the groups above it. Each may have a limit.
fn group_dirs(root: &Path) -> Vec<PathBuf> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let Some(own) = groups.lines().find_map(|line| line.strip_prefix("0::/")) else { return Vec::new() };
    let top = root.join("sys/fs/cgroup");
    top.join(own).ancestors().take_while(|dir| dir.starts_with(&top)).map(Path::to_owned).collect()
}

/// What a group may still use. Its cached files count as free, because the system drops them when memory is short.
fn left_in_group(dir: &Path) -> Option<u64> {
    let number = |name| fs::read_to_string(dir.join(name)).ok()?.trim().parse::<u64>().ok();
    // The limit is the word `max` if there is none.
    let (limit, used) = (number("memory.max")?, number("memory.current")?);
    let cached = field(&dir.join("memory.stat"), "inactive_file").unwrap_or_default();
    Some(limit.saturating_sub(used.saturating_sub(cached)))
}

fn field(file: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tightest_of_machine_and_groups_decides() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = root.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        let left = || available(root.path());
        assert_eq!(left(), None);
        write("proc/meminfo", "MemTotal:       9000 kB\nMemAvailable:   1000 kB\n");
        assert_eq!(left(), Some(1000 << 10));
        write("proc/self/cgroup", "0::/service/auricle\n");
        write("sys/fs/cgroup/service/auricle/memory.max", "max\n");
        write("sys/fs/cgroup/service/auricle/memory.current", "70000\n");
        assert_eq!(left(), Some(1000 << 10));
        write("sys/fs/cgroup/service/memory.max", "100000\n");
        write("sys/fs/cgroup/service/memory.current", "80000\n");
        write("sys/fs/cgroup/service/memory.stat", "anon 1\ninactive_file 30000\n");
        assert_eq!(left(), Some(50_000));
        write("sys/fs/cgroup/service/memory.current", "200000\n");
        assert_eq!(left(), Some(0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_has_memory() {
        assert!(available_bytes().unwrap() > 0);
    }
}
