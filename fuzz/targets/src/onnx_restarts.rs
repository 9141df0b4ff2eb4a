//! Reads the state of a restart point of engine `onnx`.
//!
//! Checks: it is refused with a one-line error, or is unchanged after it was written and read again.

use crate::assert_one_line;
use auricle_engine_onnx::fuzzing::restart;

/// The target; see the module.
pub fn onnx_restarts(bytes: &[u8]) {
    match restart(bytes) {
        // Not compared with the input, which may have written a number in another way.
        Ok(written) => assert_eq!(restart(&written).as_ref(), Ok(&written)),
        Err(error) => assert_one_line(&error.message),
    }
}
