//! The operator's settings.

use serde::Deserialize;

/// `[dialects.hisi]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HisiSettings {
    /// The preset for clients that name none and have loaded none; by default the only preset that the client may use.
    pub preset: Option<String>,
    /// The number of models that operators may load with `POST /load_model`; 0 allows none.
    pub max_loaded_models: usize,
}
