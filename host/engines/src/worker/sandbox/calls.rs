//! Seccomp: which system calls a worker can make.
//!
//! All are allowed but those listed: engines bring runtimes of their own, whose calls nobody could list. A refused call
//! fails with `EPERM`, which every library can take, rather than end the process. Numbers are those of the processor
//! that this was compiled for; a call by another numbering (32 bits) ends the process, or does not exist (x32).

use super::error::SandboxError;
use libc::{EINVAL, ENOSYS, EPERM, c_long};
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};
use std::{collections::BTreeMap, env::consts::ARCH, process};

/// Newer than the names in `libc`; these numbers are the same on all processors.
const SYS_FCHMODAT2: c_long = 452;
const SYS_SETXATTRAT: c_long = 463;
const SYS_REMOVEXATTRAT: c_long = 466;
const SYS_FILE_SETATTR: c_long = 469;
/// Not in `libc`; the same on all processors that are filtered for.
const FS_IOC_FSSETXATTR: u32 = 0x401c_5820;

/// Refused whatever the arguments.
const REFUSED: &[c_long] = &[
    // Network, and sockets of any other kind: nothing is to be told to anybody. (Not sending and receiving: the worker
    // has its socket to the host.)
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    // Programs. (New processes: below.)
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
    // Attributes of files, and emptying them: landlock has no say in the former, an old one none in the latter.
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
    // Ways around a filter: the ring makes calls that no filter sees, a handle opens a file by no path.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_open_by_handle_at,
    // Parts of the kernel that engines have no use for and attacks on it like.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_unshare,
    libc::SYS_setns,
    // Running the machine: a worker may be root, in a container for instance.
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

/// The same by the older calls that only x86 has.
#[cfg(target_arch = "x86_64")]
const REFUSED_OF_OLD: &[c_long] = &[
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
const REFUSED_OF_OLD: &[c_long] = &[];

/// Binds the calling thread. Says what this system does not have.
pub(super) fn restrict() -> Result<Option<&'static str>, SandboxError> {
    let Ok(arch) = TargetArch::try_from(ARCH) else {
        return Ok(Some(
            "there is no seccomp filter for this processor, the engine can use the network and start programs",
        ));
    };
    let programs = programs(arch).map_err(SandboxError::Filter)?;
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

fn programs(arch: TargetArch) -> Result<Vec<BpfProgram>, BackendError> {
    let mut refused: Rules = REFUSED.iter().chain(REFUSED_OF_OLD).map(|call| (*call, Vec::new())).collect();
    refused.extend(refused_sometimes()?);
    let programs = vec![
        program(refused, EPERM, arch)?,
        // The C library's first choice for a thread, whose flags a filter cannot see: without it, it takes `clone`.
        program(Rules::from([(libc::SYS_clone3, Vec::new())]), ENOSYS, arch)?,
        #[cfg(target_arch = "x86_64")]
        no_x32(),
    ];
    Ok(programs)
}

/// Refused calls, each with the cases in which it is; always, where there are none.
type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

fn program(rules: Rules, errno: i32, arch: TargetArch) -> Result<BpfProgram, BackendError> {
    SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno.unsigned_abs()), arch)?.try_into()
}

fn refused_sometimes() -> Result<Rules, BackendError> {
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    // The kernel takes the lower half of each of these arguments, whatever the upper one holds.
    let when = |argument, operation, value| SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operation, value);
    let case = |conditions: Vec<SeccompCondition>| SeccompRule::new(conditions);
    let own = u64::from(process::id());
    let mut rules = Rules::new();
    // A process, but not a thread.
    let thread = libc::CLONE_THREAD.unsigned_abs().into();
    rules.insert(libc::SYS_clone, vec![case(vec![when(0, MaskedEq(thread), 0)?])?]);
    // Signals to others. `abort` sends one to its own process.
    for call in [libc::SYS_kill, libc::SYS_tgkill, libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo] {
        rules.insert(call, vec![case(vec![when(0, Ne, own)?])?]);
    }
    // Limits of others; 0 is the caller.
    rules.insert(libc::SYS_prlimit64, vec![case(vec![when(0, Ne, own)?, when(0, Ne, 0)?])?]);
    // Typing into the terminal that the server was started from, and the flags of files.
    let mut cases = Vec::new();
    for request in [libc::TIOCSTI as u32, libc::TIOCLINUX as u32, libc::FS_IOC_SETFLAGS as u32, FS_IOC_FSSETXATTR] {
        cases.push(case(vec![when(1, Eq, request.into())?])?);
    }
    rules.insert(libc::SYS_ioctl, cases);
    Ok(rules)
}

/// Refuses the numbering of x32, through which each call listed above could be made by another number.
#[cfg(target_arch = "x86_64")]
fn no_x32() -> BpfProgram {
    use libc::{BPF_ABS, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO};
    use seccompiler::sock_filter;
    const X32: u32 = 1 << 30;
    let step = |code: u32, k: u32, otherwise: u8| sock_filter { code: code as u16, jt: 0, jf: otherwise, k };
    vec![
        // The call's number is the first of what a filter sees.
        step(BPF_LD | BPF_W | BPF_ABS, 0, 0),
        step(BPF_JMP | BPF_JGE | BPF_K, X32, 1),
        step(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS.unsigned_abs(), 0),
        step(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0),
    ]
}
