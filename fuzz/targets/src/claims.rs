//! Reads the bytes at a plugin's claims symbol.
//!
//! Checks: they are refused with a one-line error, or are printed on one line, and are the same when written and read again.

use crate::assert_one_line;
use auricle_plugin_api::Claims;

/// The target; see the module.
pub fn claims(bytes: &[u8]) {
    match Claims::parse(bytes) {
        Ok(claims) => {
            assert_one_line(&claims);
            let text = serde_json::to_vec(&claims).expect("claims are JSON");
            assert_eq!(Claims::from_json(&text), Ok(claims));
        }
        Err(problem) => assert_one_line(&problem),
    }
}
