//! The fields of stages that find turns, which dialects set for their clients. Any stage may have fields of these names.

use auricle_session::Sessions;

/// The probability from which a turn is over.
pub(crate) const END_THRESHOLD: &str = "end_threshold";
/// The probability from which it is probably over.
pub(crate) const EAGER_THRESHOLD: &str = "eager_threshold";
/// The pause that ends a turn in any case, in seconds.
pub(crate) const SILENCE_SECONDS: &str = "silence_seconds";

/// The option of clients, `STAGE.FIELD`, for this field of a stage, whatever the stage is called. `None` if the preset opens none.
pub(crate) fn stage_option(field: &str, preset: &str, sessions: &Sessions) -> Option<String> {
    let preset = sessions.preset(preset)?;
    let is_it = |option: &&String| option.rsplit_once('.').is_some_and(|(_, name)| name == field);
    preset.host.open.iter().find(is_it).cloned()
}
