//! The answer or error message of a call.

use crate::{
    Error, ErrorCode,
    abi::c::{self, OK, OTHER, Status},
};
use std::{ffi::c_void, mem, slice};

/// A longer answer is cut off.
const MOST_BYTES: usize = 16 << 20;

/// Receives what the engine writes.
#[repr(C)]
pub(super) struct Reply {
    /// The first field, so that the engine's pointer to it is one to the whole.
    raw: c::Reply,
    bytes: Vec<u8>,
}

impl Default for Reply {
    fn default() -> Self {
        Self { raw: c::Reply { size: mem::size_of::<c::Reply>(), write }, bytes: Vec::new() }
    }
}

impl Reply {
    /// For the engine, as long as `self` is not moved.
    pub(super) fn raw(&mut self) -> *mut c::Reply {
        (&raw mut *self).cast()
    }

    /// What the engine wrote.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The message of an error, one line.
    pub(super) fn message(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let line = text.split(char::is_control).filter(|part| !part.trim().is_empty()).collect::<Vec<_>>().join(" ");
        if line.is_empty() { "without a message".into() } else { line }
    }
}

unsafe extern "C" fn write(reply: *mut c::Reply, data: *const c_void, size: usize) {
    if reply.is_null() || data.is_null() {
        return;
    }
    // SAFETY: the pointer is that of `Reply::raw`, which the engine got for this call.
    let reply = unsafe { &mut *reply.cast::<Reply>() };
    let room = MOST_BYTES - reply.bytes.len();
    // SAFETY: the engine passes `size` bytes.
    reply.bytes.extend_from_slice(unsafe { slice::from_raw_parts(data.cast(), size.min(room)) });
}

/// Makes a call; returns what the engine wrote, or its error.
pub(super) fn call(call: impl FnOnce(*mut c::Reply) -> Status) -> Result<Vec<u8>, Error> {
    let mut reply = Reply::default();
    let status = call(reply.raw());
    result(status, &reply)?;
    Ok(reply.into_bytes())
}

/// The result of a call.
pub(super) fn result(status: Status, reply: &Reply) -> Result<(), Error> {
    match status {
        OK => Ok(()),
        OTHER => Err(Error::other(reply.message())),
        code => Err(Error::new(ErrorCode(code), reply.message())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(parts: &[&str], status: Status) -> Result<Vec<u8>, Error> {
        call(|reply| {
            for part in parts {
                // SAFETY: as an engine calls it.
                unsafe { ((*reply).write)(reply, part.as_ptr().cast(), part.len()) };
            }
            status
        })
    }

    #[test]
    fn what_is_written_is_the_answer_or_the_message() {
        assert_eq!(say(&["{", "}"], OK).unwrap(), b"{}");
        let error = say(&["a line\nand ", "another\n"], OTHER).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (ErrorCode::OTHER, "a line and another"));
        assert_eq!(say(&[], 4).unwrap_err(), Error::model("without a message"));
        assert_eq!(say(&["x"], 1_234).unwrap_err().code, ErrorCode(1_234));
    }
}
