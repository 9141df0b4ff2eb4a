//! Stacks for signal handlers: what is left of a thread's own is too little when it overflows, and what the standard library
//! gives its threads (8 KiB, as a rule) may be too little to walk the crashed stack from.
//!
//! A thread gets one at its first call into a plugin. Threads of an engine's own have none, and use the stack they are on.

use std::{
    mem::MaybeUninit,
    ptr,
    sync::atomic::{AtomicBool, Ordering},
};

pub(super) const SIZE: usize = 64 << 10;

static NEEDED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static STACK: Stack = Stack::new();
}

/// From now on threads get one.
pub(super) fn need() {
    NEEDED.store(true, Ordering::Relaxed);
}

/// Gives this thread one, if it has none yet.
pub(super) fn give() {
    // A thread that is ending may have lost its own already, and gets no other.
    let _ = STACK.try_with(|_| ());
}

/// The memory, while it is in use.
struct Stack(Option<Box<[MaybeUninit<u8>]>>);

impl Stack {
    fn new() -> Self {
        if !NEEDED.load(Ordering::Relaxed) {
            return Self(None);
        }
        let mut memory = Box::new_uninit_slice(SIZE);
        let stack = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: SIZE };
        // SAFETY: the memory is nobody else's, and given back only after `drop` has told the system.
        let given = unsafe { libc::sigaltstack(&stack, ptr::null_mut()) } == 0;
        Self(given.then_some(memory))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if self.0.is_some() {
            // With a size: macOS wants one even here.
            let none = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: SIZE };
            // SAFETY: a thread may disable its stack whenever no handler runs on it.
            unsafe { libc::sigaltstack(&none, ptr::null_mut()) };
        }
    }
}
