//! Catches panics at the boundary: a panic that crossed it would end the process.

use crate::{Error, ErrorCode};
use std::{
    any::Any,
    cell::Cell,
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, catch_unwind},
};

thread_local! {
    /// Location of the last panic on this thread, noted by the panic hook.
    static PLACE: Cell<Option<String>> = const { Cell::new(None) };
    /// Number of guards that this thread is in.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Notes the location of a panic for [`guard`]'s message. Called by the panic hook.
pub(crate) fn note_place(place: String) {
    PLACE.set(Some(place));
}

/// Whether a panic on this thread is turned into an error. False on threads that the engine started itself.
pub(crate) fn is_guarded() -> bool {
    DEPTH.get() > 0
}

/// Runs `call`. Turns a panic into an error with [`ErrorCode::PANIC`] and the panic's message and location.
pub(crate) fn guard<T>(call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    DEPTH.set(DEPTH.get() + 1);
    let outcome = catch_unwind(AssertUnwindSafe(call));
    DEPTH.set(DEPTH.get() - 1);
    match outcome {
        Ok(result) => result,
        Err(payload) => {
            let message = describe(payload.as_ref());
            // A payload can be any value, and dropping it may panic again.
            if let Err(second) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
                std::mem::forget(second);
            }
            Err(Error::new(ErrorCode::PANIC, message))
        }
    }
}

fn describe(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".to_owned());
    match PLACE.take() {
        Some(place) => format!("panicked at {place}: {text}"),
        None => format!("panicked: {text}"),
    }
}

/// Wraps a value whose `Drop` may panic: the panic is caught and logged.
pub(crate) struct Guarded<T>(ManuallyDrop<T>);

impl<T> Guarded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(ManuallyDrop::new(value))
    }
}

impl<T> std::ops::Deref for Guarded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> std::ops::DerefMut for Guarded<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        // SAFETY: taken once, here, and never used afterwards.
        let value = unsafe { ManuallyDrop::take(&mut self.0) };
        if let Err(error) = guard(move || {
            drop(value);
            Ok(())
        }) {
            tracing::error!("while being dropped, the engine {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("bomb");
        }
    }

    #[test]
    fn a_panic_becomes_an_error() {
        let error = guard::<()>(|| panic!("no {}", "way")).unwrap_err();
        assert_eq!(error.code, ErrorCode::PANIC);
        assert_eq!(error.message, "panicked: no way");
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_harmless() {
        let error = guard::<()>(|| std::panic::panic_any(Bomb)).unwrap_err();
        assert_eq!(error.message, "panicked: panic without a message");
    }

    #[test]
    fn a_drop_that_panics_is_harmless() {
        drop(Guarded::new(Bomb));
    }
}
