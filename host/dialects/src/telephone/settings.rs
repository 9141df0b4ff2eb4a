//! The operator's settings of the telephone dialect.

use serde::Deserialize;

/// `[dialects.telephone]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelephoneSettings {
    /// The preset for calls that name none; by default the only preset that the client may use.
    pub preset: Option<String>,
}
