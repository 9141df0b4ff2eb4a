//! The handler of fatal signals, and the thread that reports them; also signals that are ignored.
//!
//! The first thread that crashes describes the crash on its own stack, publishes that in [`CRASH`], wakes the reporter
//! through a pipe, walks its stack, and waits. It never returns from the handler, so the description stays valid. Apart
//! from the walk, the handler is async-signal-safe. A further crash has no effect on the report: in the same thread it
//! ends the walk; other threads stop where they are.

use super::{CALL, Crash, frames, stack};
use std::{
    ffi::{c_int, c_void},
    fmt::{self, Write as _},
    io::{self, Read},
    mem,
    os::fd::AsRawFd,
    ptr,
    sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

const SIGNALS: [(c_int, &str); 7] = [
    (libc::SIGSEGV, "SIGSEGV"),
    (libc::SIGBUS, "SIGBUS"),
    (libc::SIGILL, "SIGILL"),
    (libc::SIGFPE, "SIGFPE"),
    (libc::SIGTRAP, "SIGTRAP"),
    (libc::SIGSYS, "SIGSYS"),
    (libc::SIGABRT, "SIGABRT"),
];

/// How a crashed thread waits for its report: number of waits, and milliseconds of each. Two seconds in total.
const WAITS: (u32, c_int) = (200, 10);
/// Time limit for each write of the line on standard error, in milliseconds.
const PATIENCE: c_int = 200;
/// Time for the crashed thread to end the process after the report.
const GRACE: Duration = Duration::from_secs(1);
/// Largest distance between the stack pointer and the address of a fault that counts as stack overflow.
const STACK_STEP: usize = 64 << 10;

static INSTALLED: AtomicBool = AtomicBool::new(false);
/// The write end of the pipe.
static BELL: AtomicI32 = AtomicI32::new(-1);
/// The thread that crashed first; 0 if none did.
static CRASHED: AtomicUsize = AtomicUsize::new(0);
static CRASH: AtomicPtr<(c_int, Crash)> = AtomicPtr::new(ptr::null_mut());
static REPORTED: AtomicBool = AtomicBool::new(false);

pub(super) fn install(report: impl Fn(&Crash) + Send + 'static) -> io::Result<()> {
    if INSTALLED.swap(true, Ordering::Relaxed) {
        return Err(io::Error::other("crashes are reported already"));
    }
    let (waiting, bell) = io::pipe()?;
    thread::Builder::new().name("crash-reporter".into()).spawn(move || report_by(waiting, &report))?;
    BELL.store(bell.as_raw_fd(), Ordering::Relaxed);
    // Stays open as long as there are handlers.
    mem::forget(bell);
    stack::need();
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = handler;
    for (signal, _) in SIGNALS {
        // SA_NODEFER: a crash during the walk must reach the handler again.
        act(signal, handler as usize, libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER)?;
    }
    Ok(())
}

pub(super) fn ignore_requests_to_stop() -> io::Result<()> {
    [libc::SIGINT, libc::SIGTERM, libc::SIGHUP].into_iter().try_for_each(|signal| act(signal, libc::SIG_IGN, 0))
}

/// Sets the action for a signal.
fn act(signal: c_int, handler: libc::sighandler_t, flags: c_int) -> io::Result<()> {
    // SAFETY: a `sigaction` of zeros is a valid one: the default action, no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    // SAFETY: `action` is valid, and its handler is one of the system's or this room's, which fits its flags.
    if unsafe { libc::sigaction(signal, &action, ptr::null_mut()) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The reporter: waits for a crash and reports it.
fn report_by(mut waiting: io::PipeReader, report: &impl Fn(&Crash)) {
    while waiting.read_exact(&mut [0]).is_ok() {
        // SAFETY: null, or a description that is complete and whose thread never leaves the handler.
        let Some((signal, crash)) = (unsafe { CRASH.load(Ordering::Acquire).as_ref() }) else {
            continue; // A child of this process crashed before it executed another program.
        };
        report(crash);
        REPORTED.store(true, Ordering::Release);
        thread::sleep(GRACE);
        die(*signal); // The crashed thread hangs in its walk.
    }
}

extern "C" fn handler(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: always allowed.
    let this = unsafe { libc::pthread_self() } as usize;
    match CRASHED.compare_exchange(0, this, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => {}
        Err(crashed) if crashed == this => end(signal),
        Err(_) => loop {
            // SAFETY: always allowed.
            unsafe { libc::pause() };
        },
    }
    // SAFETY: the system gives a handler with SA_SIGINFO both, valid as long as it runs.
    let (info, (pc, sp)) = unsafe { (&*info, registers(context)) };
    let address = address(info);
    let overflown = |(address, sp): (usize, usize)| address.abs_diff(sp) < STACK_STEP;
    let crash = Crash {
        signal: SIGNALS.iter().find(|(number, _)| *number == signal).map_or("signal", |(_, name)| name),
        address,
        stack_overflow: matches!(signal, libc::SIGSEGV | libc::SIGBUS) && address.zip(sp).is_some_and(overflown),
        call: CALL.get(),
        thread: thread_name(),
    };
    let mut described = (signal, crash);
    CRASH.store(&mut described, Ordering::Release);
    // SAFETY: one byte of a live array. A pipe that cannot be written to leaves the crash to `end`.
    unsafe { libc::write(BELL.load(Ordering::Relaxed), [0u8].as_ptr().cast(), 1) };
    frames::collect(pc, has_room());
    end(signal)
}

/// Waits for the report, and ends the process with the signal of the crash.
fn end(signal: c_int) -> ! {
    frames::done();
    let (times, each) = WAITS;
    for _ in 0..times {
        if REPORTED.load(Ordering::Acquire) {
            break;
        }
        // SAFETY: no descriptors to look at, so it only waits.
        unsafe { libc::poll(ptr::null_mut(), 0, each) };
    }
    // SAFETY: null, or this thread's own, further out on its stack.
    match unsafe { CRASH.load(Ordering::Relaxed).as_ref() } {
        Some((signal, crash)) => {
            if !REPORTED.load(Ordering::Acquire) {
                let _ = writeln!(Stderr, "{crash}");
            }
            die(*signal)
        }
        None => die(signal),
    }
}

fn die(signal: c_int) -> ! {
    let _ = act(signal, libc::SIG_DFL, 0);
    // SAFETY: always allowed.
    unsafe {
        libc::raise(signal);
        libc::_exit(128 + signal) // The thread has the signal blocked.
    }
}

/// Standard error without a buffer or a lock. Gives up if nobody reads, because the process must end.
struct Stderr;

impl fmt::Write for Stderr {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut stderr = libc::pollfd { fd: 2, events: libc::POLLOUT, revents: 0 };
        // SAFETY: one descriptor to look at, which lives as long as the call.
        if unsafe { libc::poll(&mut stderr, 1, PATIENCE) } != 1 {
            return Err(fmt::Error);
        }
        // SAFETY: the bytes are those of `text`.
        let written = unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
        if written == text.len() as isize { Ok(()) } else { Err(fmt::Error) }
    }
}

/// Whether there is room for a walk, which needs about 5 KiB in addition to the system's frame for a handler.
fn has_room() -> bool {
    // SAFETY: a `stack_t` of zeros is a valid one, for the system to write to.
    let stack = unsafe {
        let mut stack: libc::stack_t = mem::zeroed();
        libc::sigaltstack(ptr::null(), &mut stack);
        stack
    };
    stack.ss_flags & libc::SS_ONSTACK == 0 || stack.ss_size >= stack::SIZE
}

/// The address that a signal caused by the processor refers to.
fn address(info: &libc::siginfo_t) -> Option<usize> {
    // A signal sent by a process has a code that is not positive. The kernel also gives no address for one that is not
    // canonical (x86-64).
    let caused = info.si_code > 0;
    #[cfg(target_os = "linux")]
    let caused = caused && info.si_code != libc::SI_KERNEL;
    // SAFETY: signals with such a code carry an address.
    caused.then(|| unsafe { info.si_addr() } as usize)
}

/// Program counter and stack pointer at the signal, on systems where they can be found.
///
/// # Safety
/// `context` must be the argument of a signal handler.
unsafe fn registers(context: *mut c_void) -> (Option<usize>, Option<usize>) {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    {
        // SAFETY: as promised.
        let general = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
        (Some(general[libc::REG_RIP as usize] as usize), Some(general[libc::REG_RSP as usize] as usize))
    }
    #[cfg(all(target_os = "linux", target_arch = "aarch64"))]
    {
        // SAFETY: as promised.
        let machine = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext };
        (Some(machine.pc as usize), Some(machine.sp as usize))
    }
    #[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
    {
        let _ = context;
        (None, None)
    }
}

fn thread_name() -> [u8; 64] {
    let mut name = [0; 64];
    // SAFETY: of the running thread, into an array of that length. A thread can read its own name without a lock.
    unsafe { libc::pthread_getname_np(libc::pthread_self(), name.as_mut_ptr().cast(), name.len()) };
    name
}
