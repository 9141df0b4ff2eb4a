//! Meets the state of a restart point that engine `onnx` is given back.
//!
//! Holds: it is refused in one line, or is the same when it is written and read again.

use crate::assert_one_line;
use auricle_engine_onnx::fuzzing::restart;

/// See the module.
pub fn onnx_restarts(bytes: &[u8]) {
    match restart(bytes) {
        // Not the bytes it came in: a number can be written in several ways.
        Ok(written) => assert_eq!(restart(&written).as_ref(), Ok(&written)),
        Err(error) => assert_one_line(&error.message),
    }
}
