//! Reads the bodies of `POST /load_model`.
//!
//! Checks: what is read names an engine, and has no field without a value; a refusal is one line.

use crate::assert_one_line;
use auricle_dialects::hisi::configuration;

/// The target; see the module.
pub fn hisi_configurations(bytes: &[u8]) {
    match configuration::read(bytes, &["whisper".to_owned()]) {
        Ok(fields) => {
            assert!(fields["backend"].is_string() && fields["model"].is_string());
            assert!(fields.values().all(|value| !value.is_null()));
        }
        Err(failure) => assert_one_line(&failure.message),
    }
}
