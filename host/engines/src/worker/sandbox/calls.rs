//! Seccomp: restricts the system calls that a worker can make.
//!
//! All calls are allowed except those listed, because engines bring their own runtimes, whose calls cannot be listed. A
//! refused call fails with `EPERM`, which libraries handle, instead of ending the process. The numbers are those of the
//! target processor. A call by another numbering ends the process (32 bits) or fails as if it did not exist (x32).
//! Threads: the main thread of the worker.

use super::error::SandboxError;
use libc::{EINVAL, ENOSYS, EPERM, c_long};
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};
use std::{collections::BTreeMap, env::consts::ARCH, process};

/// Not in `libc` yet. These numbers are the same on all processors.
const SYS_FCHMODAT2: c_long = 452;
const SYS_SETXATTRAT: c_long = 463;
const SYS_REMOVEXATTRAT: c_long = 466;
const SYS_FILE_SETATTR: c_long = 469;
/// Not in `libc`. The same on all processors that have a filter.
const FS_IOC_FSSETXATTR: u32 = 0x401c_5820;

/// In `libc` it is deprecated.
const SOCK_PACKET: libc::c_int = 10;

/// Calls that are always refused.
const REFUSED: &[c_long] = &[
    // Network and all other sockets, so that no data can leave; `NETWORK` has the rest. Sending and receiving stay allowed,
    // because the worker uses its socket to the host.
    libc::SYS_socketpair,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    // Programs. New processes are below.
    libc::SYS_execve,
    libc::SYS_execveat,
    // Other processes of this user: their memory, files, messages. Landlock refuses some of it again.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_process_mrelease,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_tkill,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    // File attributes, which landlock does not cover, and truncating, which old versions of it do not cover.
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    SYS_FCHMODAT2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    SYS_SETXATTRAT,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    SYS_REMOVEXATTRAT,
    SYS_FILE_SETATTR,
    libc::SYS_truncate,
    // Ways around the filters: io_uring makes calls that no filter sees, and a handle opens a file without a path.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_open_by_handle_at,
    // Parts of the kernel that engines do not need and that attacks often use.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_unshare,
    libc::SYS_setns,
    // Administration of the machine, because a worker may be root, for instance in a container.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_fanotify_init,
    libc::SYS_syslog,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_vhangup,
];

/// Calls that are refused unless the engine may use the network. Then only sockets for it can be created: see [`refused_sometimes`].
const NETWORK: &[c_long] = &[libc::SYS_socket, libc::SYS_connect, libc::SYS_bind];

/// The older variants of these calls, which only x86 has.
#[cfg(target_arch = "x86_64")]
const REFUSED_ON_X86: &[c_long] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_ON_X86: &[c_long] = &[];

/// Restricts the calling thread, with or without the network. Returns a text if this system lacks a part.
pub(super) fn restrict(network: bool) -> Result<Option<&'static str>, SandboxError> {
    let Ok(arch) = TargetArch::try_from(ARCH) else {
        return Ok(Some(
            "there is no seccomp filter for this processor, the engine can use the network and start programs",
        ));
    };
    let programs = programs(arch, network).map_err(SandboxError::Filter)?;
    for program in &programs {
        match apply_filter(program) {
            Ok(()) => {}
            Err(Error::Seccomp(error)) if matches!(error.raw_os_error(), Some(EINVAL | ENOSYS)) => {
                return Ok(Some("this kernel has no seccomp, the engine can use the network and start programs"));
            }
            Err(error) => return Err(SandboxError::Seccomp(error)),
        }
    }
    Ok(None)
}

fn programs(arch: TargetArch, network: bool) -> Result<Vec<BpfProgram>, BackendError> {
    let calls = REFUSED.iter().chain(REFUSED_ON_X86).chain(NETWORK);
    let mut refused: Rules = calls.map(|call| (*call, Vec::new())).collect();
    if network {
        NETWORK.iter().for_each(|call| drop(refused.remove(call)));
    }
    refused.extend(refused_sometimes(network)?);
    let programs = vec![
        program(refused, EPERM, arch)?,
        // The C library prefers this call for threads, but a filter cannot see its flags. Without it, it uses `clone`.
        program(Rules::from([(libc::SYS_clone3, Vec::new())]), ENOSYS, arch)?,
        #[cfg(target_arch = "x86_64")]
        no_x32(),
    ];
    Ok(programs)
}

/// Refused calls, each with the cases in which it is refused. No cases means always.
type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

fn program(rules: Rules, errno: i32, arch: TargetArch) -> Result<BpfProgram, BackendError> {
    SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno.unsigned_abs()), arch)?.try_into()
}

fn refused_sometimes(network: bool) -> Result<Rules, BackendError> {
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    // The kernel uses only the lower half of these arguments.
    let when = |argument, operation, value| SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operation, value);
    let case = |conditions: Vec<SeccompCondition>| SeccompRule::new(conditions);
    let own = u64::from(process::id());
    let mut rules = Rules::new();
    if network {
        // Sockets other than for IP, and those for packets that the engine would make itself, if the worker is root.
        const KIND: u64 = 0xf;
        let [ip, ip6] = [libc::AF_INET, libc::AF_INET6].map(|family| when(0, Ne, family.unsigned_abs().into()));
        let mut cases = vec![case(vec![ip?, ip6?])?];
        for kind in [libc::SOCK_RAW, libc::SOCK_RDM, libc::SOCK_SEQPACKET, libc::SOCK_DCCP, SOCK_PACKET] {
            cases.push(case(vec![when(1, MaskedEq(KIND), kind.unsigned_abs().into())?])?);
        }
        rules.insert(libc::SYS_socket, cases);
    }
    // New processes, but not new threads.
    let thread = libc::CLONE_THREAD.unsigned_abs().into();
    rules.insert(libc::SYS_clone, vec![case(vec![when(0, MaskedEq(thread), 0)?])?]);
    // Signals to other processes. `abort` sends one to its own process.
    for call in [libc::SYS_kill, libc::SYS_tgkill, libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo] {
        rules.insert(call, vec![case(vec![when(0, Ne, own)?])?]);
    }
    // Limits of other processes; 0 is the caller.
    rules.insert(libc::SYS_prlimit64, vec![case(vec![when(0, Ne, own)?, when(0, Ne, 0)?])?]);
    // Simulated input on the server's terminal, and file flags.
    let mut cases = Vec::new();
    for request in [libc::TIOCSTI as u32, libc::TIOCLINUX as u32, libc::FS_IOC_SETFLAGS as u32, FS_IOC_FSSETXATTR] {
        cases.push(case(vec![when(1, Eq, request.into())?])?);
    }
    rules.insert(libc::SYS_ioctl, cases);
    Ok(rules)
}

/// Refuses the x32 numbering, by which each refused call could be made under another number.
#[cfg(target_arch = "x86_64")]
fn no_x32() -> BpfProgram {
    use libc::{BPF_ABS, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO};
    use seccompiler::sock_filter;
    const X32: u32 = 1 << 30;
    let step = |code: u32, k: u32, otherwise: u8| sock_filter { code: code as u16, jt: 0, jf: otherwise, k };
    vec![
        // The call's number is the first field of a filter's input.
        step(BPF_LD | BPF_W | BPF_ABS, 0, 0),
        step(BPF_JMP | BPF_JGE | BPF_K, X32, 1),
        step(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS.unsigned_abs(), 0),
        step(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0),
    ]
}
