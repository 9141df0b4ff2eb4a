//! Optimizes a network file (ONNX) as engine `onnx` does. The first byte selects the optimization.
//!
//! Checks: it is refused with a one-line error, or the result can be read and written again without a change.

use crate::assert_one_line;
use auricle_engine_onnx::fuzzing::rewrite;

const FORMS: [&[&str]; 3] = [&["projected-cache"], &["int8"], &["projected-cache", "int8"]];

/// The target; see the module.
pub fn onnx_networks(bytes: &[u8]) {
    let Some((which, file)) = bytes.split_first() else { return };
    match rewrite(file.to_vec(), FORMS[usize::from(*which) % FORMS.len()]) {
        Ok(made) => assert_eq!(rewrite(made.clone(), &[]), Ok(made)),
        Err(error) => assert_one_line(&error.message),
    }
}
