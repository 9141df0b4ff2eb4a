//! What a fatal signal leaves behind: which plugin was being called, in which call, and from where the signal came.
//!
//! Each call into a plugin is noted for its thread ([`Foreign::note`]), at the price of a few stores. [`on_crash`] has a
//! report made of the note when a signal is about to end the process. The process still ends by that signal.
//!
//! What the host's sink and services do while a plugin calls them counts as the plugin's call.

#[cfg(unix)]
mod frames;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod stack;

use std::{
    cell::Cell,
    fmt, io,
    ops::{Deref, DerefMut},
    sync::atomic::{Ordering, compiler_fence},
};

thread_local! {
    /// The call that this thread is in.
    static CALL: Cell<Option<Call>> = const { Cell::new(None) };
}

/// A call into a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// The plugin's id and version; of an engine of the process's own, `in-process`.
    pub plugin: &'static str,
    /// What is called: `load`, `process_iter`, `drop of a processor`.
    pub name: &'static str,
    /// How much of its stream the processor has been given: the number of the next sample. 0 outside of a stream.
    pub position: u64,
}

/// While it lives, the thread is in a call; afterwards it is in the one it was in before.
pub(super) struct Note {
    before: Option<Call>,
}

impl Note {
    pub(super) fn new(call: Call) -> Self {
        #[cfg(unix)]
        stack::give();
        let before = CALL.replace(Some(call));
        // A signal handler looks at the note: it may not be written later than the call begins.
        compiler_fence(Ordering::SeqCst);
        Self { before }
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        compiler_fence(Ordering::SeqCst);
        CALL.set(self.before);
    }
}

/// An object of a plugin, whose drop is noted as a call into the plugin.
pub(super) struct Foreign<T> {
    // Dropped in this order: when the note is, the object is gone.
    object: T,
    note: Option<Note>,
    drop: &'static str,
    plugin: &'static str,
}

impl<T> Foreign<T> {
    /// `drop` is what its drop is called in a report.
    pub(super) fn new(object: T, plugin: &'static str, drop: &'static str) -> Self {
        Self { object, note: None, drop, plugin }
    }

    /// The plugin it is of.
    pub(super) fn plugin(&self) -> &'static str {
        self.plugin
    }

    /// Notes a call, for as long as the result lives.
    pub(super) fn note(&self, name: &'static str, position: u64) -> Note {
        Note::new(Call { plugin: self.plugin, name, position })
    }
}

impl<T> Deref for Foreign<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.object
    }
}

impl<T> DerefMut for Foreign<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.object
    }
}

impl<T> Drop for Foreign<T> {
    fn drop(&mut self) {
        self.note = Some(self.note(self.drop, 0));
    }
}

/// A signal that is about to end the process. Displayed as one line.
#[derive(Debug, Clone)]
pub struct Crash {
    /// The signal's name, such as `SIGSEGV`.
    pub signal: &'static str,
    /// The address that the signal is about: of the memory, or of the instruction. `None` where there is none, as for a
    /// signal that was sent.
    pub address: Option<usize>,
    /// Whether it looks as if the thread's stack was used up.
    pub stack_overflow: bool,
    /// The call that the thread was in. `None` outside of any, as in a thread that an engine started itself.
    pub call: Option<Call>,
    /// The thread's name, ended by zeros.
    thread: [u8; 64],
}

impl Crash {
    /// The name of the thread that the signal came to. Linux keeps 15 bytes of it.
    pub fn thread(&self) -> &str {
        let name = self.thread.split(|byte| *byte == 0).next().unwrap_or_default();
        name.utf8_chunks().next().map_or("", |chunk| chunk.valid())
    }

    /// Where the thread was, innermost first: function, source line where known, and place in the module's file. At most
    /// 64 calls; less or nothing where the stack is damaged. To be called once the rest is told: it takes a while and may
    /// fail, taking the process along.
    pub fn frames(&self) -> Vec<String> {
        #[cfg(unix)]
        return frames::resolve();
        #[cfg(not(unix))]
        Vec::new()
    }
}

impl fmt::Display for Crash {
    // Nothing here may allocate: the signal handler falls back on it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thread = self.thread();
        f.write_str(if self.call.is_some() {
            "engine code crashed: "
        } else {
            "crashed outside of calls to engines: "
        })?;
        f.write_str(self.signal)?;
        if let Some(address) = self.address {
            write!(f, " at {address:#x}")?;
        }
        if self.stack_overflow {
            f.write_str(" (a stack overflow)")?;
        }
        if let Some(Call { plugin, name, position }) = self.call {
            write!(f, " in {name} of plugin {plugin}")?;
            if position > 0 {
                write!(f, " at sample {position} of its stream")?;
            }
        }
        write!(f, " (thread {thread})")
    }
}

/// Has `report` called when a fatal signal comes to this process: SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS or
/// SIGABRT. Once a process, before engines are called.
///
/// `report` runs on a thread of its own, with the crashed thread stopped where it was and the others running. Locks may be
/// held for ever and the heap may be damaged: it should be short. The process ends by the signal when `report` returns, or
/// after two seconds; whatever was not reported by then is written to standard error as one line, unless nobody reads there.
///
/// Linux and macOS. On Windows nothing is ever reported.
///
/// # Errors
/// The system's, or that it was called before.
pub fn on_crash(report: impl Fn(&Crash) + Send + 'static) -> io::Result<()> {
    #[cfg(unix)]
    signals::install(report)?;
    #[cfg(not(unix))]
    drop(report);
    Ok(())
}

/// Has this process ignore SIGINT, SIGTERM and SIGHUP, which may be sent to all processes of a server to stop it. A process
/// that ends with the server in another way, with whatever it is still needed for, wants no other.
///
/// Linux and macOS. On Windows nothing happens.
///
/// # Errors
/// The system's.
pub fn ignore_requests_to_stop() -> io::Result<()> {
    #[cfg(unix)]
    signals::ignore_requests_to_stop()?;
    Ok(())
}
