//! The preset of a client: that of the model which it names, or a default.

use auricle_core::{Failure, FailureCode};
use auricle_session::{Admitted, Caller, Sessions};

/// The preset of a model that a client names.
///
/// # Errors
/// There is no such model, or the client may not use it.
pub(crate) fn named_preset(model: &str, sessions: &Sessions, caller: &Caller) -> Result<String, Failure> {
    let preset = sessions.preset_for(model);
    if sessions.has_preset(&preset) {
        caller.check_preset(&preset)?;
        return Ok(preset);
    }
    let names = sessions.models(caller).join(", ");
    let message = format!(
        "there is no model `{model}`: name a preset, or set the model's preset under [models] in auricle.toml (available: {names})"
    );
    Err(Failure::new(FailureCode::UnknownPreset, message))
}

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

/// The preset of the model that a client names, else the default, checked against what the client may use.
///
/// # Errors
/// There is none, or the client may not use it.
pub(crate) fn chosen_preset(
    model: Option<&str>,
    set: Option<&String>,
    dialect: &str,
    advice: &str,
    admitted: &Admitted,
) -> Result<String, Failure> {
    if let Some(model) = model {
        return named_preset(model, admitted.sessions(), admitted.caller());
    }
    let preset = default_preset(set, dialect, advice, admitted)?;
    admitted.caller().check_preset(&preset)?;
    Ok(preset)
}
