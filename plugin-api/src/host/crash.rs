//! Reports a fatal signal: the plugin and the call that were running, and where the signal came from.
//!
//! Each call into a plugin is noted for its thread ([`Foreign::note`]), at the cost of a few stores. When a signal is
//! about to end the process, [`on_crash`] makes a report from the note. The process still ends by that signal.
//!
//! Calls from a plugin to the host's sink and services count as part of the plugin's call.

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
    /// The plugin's id and version; `in-process` for an engine of this process itself.
    pub plugin: &'static str,
    /// The name of the call: `load`, `process_iter`, `drop of a processor`.
    pub name: &'static str,
    /// The number of the next sample of the stream. 0 outside of a stream.
    pub position: u64,
}

/// Notes a call of the thread while it lives. When dropped, it restores the previous note.
pub(super) struct Note {
    before: Option<Call>,
}

impl Note {
    pub(super) fn new(call: Call) -> Self {
        #[cfg(unix)]
        stack::give();
        let before = CALL.replace(Some(call));
        // A signal handler reads the note, so it must be written before the call begins.
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

/// An object of a plugin. Dropping it is noted as a call into the plugin.
pub(super) struct Foreign<T> {
    // The object is dropped before the note.
    object: T,
    note: Option<Note>,
    drop: &'static str,
    plugin: &'static str,
}

impl<T> Foreign<T> {
    /// Wraps an object; `drop` names its drop in a report.
    pub(super) fn new(object: T, plugin: &'static str, drop: &'static str) -> Self {
        Self { object, note: None, drop, plugin }
    }

    /// The plugin that the object belongs to.
    pub(super) fn plugin(&self) -> &'static str {
        self.plugin
    }

    /// Notes a call for as long as the result lives.
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

/// A fatal signal. `Display` writes one line.
#[derive(Debug, Clone)]
pub struct Crash {
    /// The signal's name, such as `SIGSEGV`.
    pub signal: &'static str,
    /// The address of the memory access or instruction that caused the signal. `None` if there is none, for example for
    /// a signal that was sent.
    pub address: Option<usize>,
    /// Whether the thread's stack was probably used up.
    pub stack_overflow: bool,
    /// The call that the thread was in. `None` outside of calls, for example on a thread that an engine started itself.
    pub call: Option<Call>,
    /// The thread's name, padded with zeros.
    thread: [u8; 64],
}

impl Crash {
    /// The name of the thread that received the signal. Linux limits it to 15 bytes.
    pub fn thread(&self) -> &str {
        let name = self.thread.split(|byte| *byte == 0).next().unwrap_or_default();
        name.utf8_chunks().next().map_or("", |chunk| chunk.valid())
    }

    /// The stack of the thread, innermost first: function, source line if known, and location in the module's file. At
    /// most 64 frames; fewer or none if the stack is damaged. Call it after everything else is reported: it takes a
    /// while, and may fail and end the process.
    pub fn frames(&self) -> Vec<String> {
        #[cfg(unix)]
        return frames::resolve();
        #[cfg(not(unix))]
        Vec::new()
    }
}

impl fmt::Display for Crash {
    // Nothing here may allocate, because the signal handler also uses it.
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

/// Calls `report` when this process receives a fatal signal: SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS or
/// SIGABRT. Call it once per process, before engines are called.
///
/// `report` runs on a dedicated thread. The crashed thread is stopped where it was; the others continue. Locks may be
/// held forever and the heap may be damaged, so `report` should be short. The process ends by the signal when `report`
/// returns, or after two seconds. A crash that was not reported by then is written to standard error as one line,
/// unless nobody reads there.
///
/// Linux and macOS. On Windows nothing is reported.
///
/// # Errors
/// The handlers cannot be installed, or it was called before.
pub fn on_crash(report: impl Fn(&Crash) + Send + 'static) -> io::Result<()> {
    #[cfg(unix)]
    signals::install(report)?;
    #[cfg(not(unix))]
    drop(report);
    Ok(())
}

/// Makes this process ignore SIGINT, SIGTERM and SIGHUP, which may be sent to all processes of a server to stop it. For
/// processes that end with the server in another way, and are needed until then.
///
/// Linux and macOS. On Windows nothing happens.
///
/// # Errors
/// A signal's action cannot be set.
pub fn ignore_requests_to_stop() -> io::Result<()> {
    #[cfg(unix)]
    signals::ignore_requests_to_stop()?;
    Ok(())
}
