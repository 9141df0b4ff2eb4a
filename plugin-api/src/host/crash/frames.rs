//! The frames of a crashed thread: collected in its signal handler as bare addresses, made readable by another thread.
//!
//! Invariant: of [`FRAMES`], the first [`COUNT`] are written. The handler writes, and says when it is [`done`].

use std::{
    ffi::{CStr, c_void},
    mem::MaybeUninit,
    path::Path,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Where the frames are kept: a handler can allocate nothing.
static FRAMES: [AtomicUsize; 64] = [const { AtomicUsize::new(0) }; 64];
static COUNT: AtomicUsize = AtomicUsize::new(0);
static DONE: AtomicBool = AtomicBool::new(false);

/// How long a stack may take to be walked.
const LIMIT: Duration = Duration::from_secs(1);

/// Walks the stack of this thread, best effort: a damaged one may crash the walk. For a signal handler; `pc` is the
/// instruction that was interrupted, if known: what is further in is the handler's own. Without `walk`, it is all there is.
pub(super) fn collect(pc: Option<usize>, walk: bool) {
    let mut inside = pc.is_some();
    if let Some(pc) = pc {
        keep(pc);
    }
    if !walk {
        return;
    }
    // SAFETY: one thread at a time gets here (the first that crashes), and nobody else in the process walks by this crate.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            let ip = frame.ip() as usize;
            // 0 is behind the outermost.
            let go_on = inside || (ip != 0 && keep(ip));
            inside &= Some(ip) != pc;
            go_on
        });
    }
}

/// Returns whether there is room for more.
fn keep(ip: usize) -> bool {
    let count = COUNT.load(Ordering::Relaxed);
    if let Some(place) = FRAMES.get(count) {
        place.store(ip, Ordering::Relaxed);
        COUNT.store(count + 1, Ordering::Release);
    }
    count + 1 < FRAMES.len()
}

/// No more frames come.
pub(super) fn done() {
    DONE.store(true, Ordering::Release);
}

/// The frames that were collected, in words.
pub(super) fn resolve() -> Vec<String> {
    let begun = Instant::now();
    while !DONE.load(Ordering::Acquire) && begun.elapsed() < LIMIT {
        thread::sleep(Duration::from_millis(1));
    }
    let frames = &FRAMES[..COUNT.load(Ordering::Acquire)];
    let mut lines = Vec::new();
    for (depth, frame) in frames.iter().enumerate() {
        let ip = frame.load(Ordering::Relaxed);
        // All but the first are where a call returns to, perhaps behind its function's end: the call is before that.
        describe(if depth == 0 { ip } else { ip - 1 }, &mut lines);
    }
    lines
}

/// A line for the function, and one for each that it was inlined into.
fn describe(ip: usize, lines: &mut Vec<String>) {
    let before = lines.len();
    let place = place(ip);
    // The crate takes every address for one that a call returns to.
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

/// The file that is mapped there, and the place in it.
fn place(ip: usize) -> String {
    let mut info = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: any address may be asked for; where the answer is not 0, `info` was written.
    let info = unsafe { (libc::dladdr(ip as *const c_void, info.as_mut_ptr()) != 0).then(|| info.assume_init()) };
    let Some(info) = info.filter(|info| !info.dli_fname.is_null()) else { return format!("{ip:#x}") };
    // SAFETY: not null, so it is the loader's own string, which lives as long as the file is mapped.
    let file = unsafe { CStr::from_ptr(info.dli_fname) }.to_string_lossy();
    let name = Path::new(&*file).file_name().unwrap_or_default().to_string_lossy();
    format!("{name}+{:#x}", ip.wrapping_sub(info.dli_fbase as usize))
}
