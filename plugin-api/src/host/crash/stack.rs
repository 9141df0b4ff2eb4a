//! Stacks for signal handlers. A thread's own stack has too little room after an overflow, and the standard library's
//! handler stacks (usually 8 KiB) may be too small to walk the crashed stack.
//!
//! A thread gets one at its first call into a plugin. Threads that an engine starts have none, and use their normal
//! stack.

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

/// From now on, threads get a stack.
pub(super) fn need() {
    NEEDED.store(true, Ordering::Relaxed);
}

/// Gives this thread a stack, unless it has one.
pub(super) fn give() {
    // A thread that is ending may have freed its stack already; it does not get another.
    let _ = STACK.try_with(|_| ());
}

/// The memory of the stack, while it is in use.
struct Stack(Option<Box<[MaybeUninit<u8>]>>);

impl Stack {
    fn new() -> Self {
        if !NEEDED.load(Ordering::Relaxed) {
            return Self(None);
        }
        let mut memory = Box::new_uninit_slice(SIZE);
        let stack = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: SIZE };
        // SAFETY: the memory is not used elsewhere, and is freed only after `drop` has disabled the stack.
        let given = unsafe { libc::sigaltstack(&stack, ptr::null_mut()) } == 0;
        Self(given.then_some(memory))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if self.0.is_some() {
            // With a size, because macOS requires one even here.
            let none = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: SIZE };
            // SAFETY: a thread may disable its stack whenever no handler runs on it.
            unsafe { libc::sigaltstack(&none, ptr::null_mut()) };
        }
    }
}
