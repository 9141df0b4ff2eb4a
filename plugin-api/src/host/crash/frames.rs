//! The frames of a crashed thread: its signal handler collects the addresses, another thread resolves them.
//!
//! Invariant: the first [`COUNT`] entries of [`FRAMES`] are written. The handler writes them, and then calls [`done`].

use std::{
    ffi::{CStr, c_void},
    mem::MaybeUninit,
    path::Path,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// The collected frames. Static, because a handler cannot allocate.
static FRAMES: [AtomicUsize; 64] = [const { AtomicUsize::new(0) }; 64];
static COUNT: AtomicUsize = AtomicUsize::new(0);
static DONE: AtomicBool = AtomicBool::new(false);

/// Time limit for walking a stack.
const LIMIT: Duration = Duration::from_secs(1);

/// Walks the stack of this thread, best effort: a damaged stack may crash the walk. For a signal handler. `pc` is the
/// interrupted instruction, if known; frames further in belong to the handler itself. Without `walk`, `pc` is the only
/// frame.
pub(super) fn collect(pc: Option<usize>, walk: bool) {
    let mut inside = pc.is_some();
    if let Some(pc) = pc {
        keep(pc);
    }
    if !walk {
        return;
    }
    // SAFETY: one thread at a time gets here (the first that crashes), and nothing else in the process uses this crate
    // to walk.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            let ip = frame.ip() as usize;
            // The outermost frame is followed by 0.
            let go_on = inside || (ip != 0 && keep(ip));
            inside &= Some(ip) != pc;
            go_on
        });
    }
}

/// Adds a frame. Returns whether there is room for more.
fn keep(ip: usize) -> bool {
    let count = COUNT.load(Ordering::Relaxed);
    if let Some(place) = FRAMES.get(count) {
        place.store(ip, Ordering::Relaxed);
        COUNT.store(count + 1, Ordering::Release);
    }
    count + 1 < FRAMES.len()
}

/// Marks the collection as complete.
pub(super) fn done() {
    DONE.store(true, Ordering::Release);
}

/// Resolves the collected frames to text.
pub(super) fn resolve() -> Vec<String> {
    let begun = Instant::now();
    while !DONE.load(Ordering::Acquire) && begun.elapsed() < LIMIT {
        thread::sleep(Duration::from_millis(1));
    }
    let frames = &FRAMES[..COUNT.load(Ordering::Acquire)];
    let mut lines = Vec::new();
    for (depth, frame) in frames.iter().enumerate() {
        let ip = frame.load(Ordering::Relaxed);
        // All but the first are return addresses, perhaps after the end of their function; the call itself is before
        // that.
        describe(if depth == 0 { ip } else { ip - 1 }, &mut lines);
    }
    lines
}

/// Adds a line for the function, and one for each function that it was inlined into.
fn describe(ip: usize, lines: &mut Vec<String>) {
    let before = lines.len();
    let place = place(ip);
    // The crate treats every address as a return address.
    backtrace::resolve(ip.wrapping_add(1) as *mut c_void, |symbol| {
        let Some(name) = symbol.name() else { return };
        let source = match (symbol.filename(), symbol.lineno()) {
            (Some(file), Some(line)) => format!(" at {}:{line}", file.display()),
            _ => String::new(),
        };
        lines.push(format!("{name:#}{source} ({place})"));
    });
    if lines.len() == before {
        lines.push(place);
    }
}

/// The file that is mapped at the address, and the offset in it.
fn place(ip: usize) -> String {
    let mut info = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: any address is allowed; if the result is not 0, `info` was written.
    let info = unsafe { (libc::dladdr(ip as *const c_void, info.as_mut_ptr()) != 0).then(|| info.assume_init()) };
    let Some(info) = info.filter(|info| !info.dli_fname.is_null()) else { return format!("{ip:#x}") };
    // SAFETY: not null, so it is the loader's own string, which lives as long as the file is mapped.
    let file = unsafe { CStr::from_ptr(info.dli_fname) }.to_string_lossy();
    let name = Path::new(&*file).file_name().unwrap_or_default().to_string_lossy();
    format!("{name}+{:#x}", ip.wrapping_sub(info.dli_fbase as usize))
}
