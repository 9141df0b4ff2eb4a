//! The preset of a client that names none, or names a model that is not a preset.

use auricle_core::{Failure, FailureCode};
use auricle_session::Admitted;

/// The preset in the settings of a dialect; without one, the only preset that the client may use. `advice` says what
/// the client can do instead.
///
/// # Errors
/// There is none in the settings, and the client may use several presets or none.
pub(crate) fn default_preset(
    set: Option<&String>,
    dialect: &str,
    advice: &str,
    admitted: &Admitted,
) -> Result<String, Failure> {
    if let Some(preset) = set {
        return Ok(preset.clone());
    }
    let presets = admitted.sessions().presets(admitted.caller());
    match &*presets {
        [only] => Ok(only.clone()),
        _ => {
            let names = if presets.is_empty() { "none".to_owned() } else { presets.join(", ") };
            let message = format!(
                "there is no default preset: {advice}set `preset` under [dialects.{dialect}] in auricle.toml (available: {names})"
            );
            Err(Failure::new(FailureCode::UnknownPreset, message))
        }
    }
}
