//! Reads the file of a stored point, from which a stream goes on after its server has died.
//!
//! Checks: bytes are refused with a one-line error, or are a point that is unchanged after it was written and read again, and whose
//! place in the audio can be computed. The checksum is made to fit too, because no random change gets past it.

use crate::assert_one_line;
use auricle_session::fuzzing::{stored_point, with_sum};

/// The target; see the module.
pub fn stored_points(bytes: &[u8]) {
    check(bytes);
    check(&with_sum(bytes));
}

fn check(bytes: &[u8]) {
    match stored_point(bytes) {
        // Not compared with the input, which may have written a number in another way.
        Ok(point) => assert_eq!(stored_point(&point.0), Ok(point)),
        Err(problem) => assert_one_line(problem),
    }
}
