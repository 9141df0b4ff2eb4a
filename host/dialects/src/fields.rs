//! The fields that dialects set for their clients (those of the server, and some of engines), and parameters that have no effect.

use auricle_core::metrics::Metrics;
use auricle_session::SessionInfo;
pub(crate) use auricle_session::{KEYTERMS, LANGUAGE, LANGUAGES, is_same};

/// Text before the audio.
pub(crate) const PROMPT: &str = "prompt";
/// Transcription or translation.
pub(crate) const TASK: &str = "task";

/// Logs and counts the parameters of a client that have no effect.
pub(crate) fn note_ignored(dialect: &'static str, names: &[&'static str], info: &SessionInfo, metrics: &Metrics) {
    if names.is_empty() {
        return;
    }
    names.iter().for_each(|name| metrics.ignored(dialect, name));
    tracing::info!(stream = info.id, dialect, parameters = names.join(", "), "parameters without effect");
}
