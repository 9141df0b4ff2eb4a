//! Converts a file of weights (CTranslate2's `model.bin`) as `auricle convert` does.
//!
//! Holds: it is refused in one line, or networks can be made of it.

use crate::assert_one_line;
use auricle_whisper_convert::fuzzing::convert;

/// See the module.
pub fn whisper_weights(bytes: &[u8]) {
    if let Err(error) = convert(bytes) {
        assert_one_line(error);
    }
}
