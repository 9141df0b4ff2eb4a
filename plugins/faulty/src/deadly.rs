//! Faults that end the process at once. The crate's only `unsafe` code.

#![allow(unsafe_code, reason = "to crash is what this file is for")]

/// Ends the process like a wild write of a C library.
pub(crate) fn segmentation_fault() {
    // SAFETY: none. The write is meant to fault: no page is ever mapped at this address. (Not the null pointer, which
    // debug builds catch before it is used.)
    unsafe { std::ptr::without_provenance_mut::<u64>(64).write_volatile(1) }
}

/// Ends the process like the out-of-memory killer.
pub(crate) fn kill() {
    #[cfg(unix)]
    {
        unsafe extern "C" {
            fn raise(signal: std::ffi::c_int) -> std::ffi::c_int;
        }
        const SIGKILL: std::ffi::c_int = 9;
        // SAFETY: `raise` of the C library takes any number; this one cannot be caught.
        unsafe { raise(SIGKILL) };
    }
    #[cfg(not(unix))]
    std::process::abort();
}
