//! The operator's settings of the moshi dialect.

use serde::Deserialize;

/// `[dialects.moshi]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MoshiSettings {
    /// The preset of its clients, which name none; by default the only preset that the client may use.
    pub preset: Option<String>,
}
