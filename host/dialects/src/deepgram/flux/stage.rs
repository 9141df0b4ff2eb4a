//! What the thresholds of a client are for the stage that finds the preset's turns: its fields, if the preset opens them.

use super::messages::Thresholds;
use crate::stage_fields::{EAGER_THRESHOLD, END_THRESHOLD, SILENCE_SECONDS, stage_option};
use auricle_core::{Failure, FailureCode};
use auricle_session::Sessions;
use serde_json::{Map, Value};

/// The options of clients for those fields.
#[derive(Debug, Clone, Default)]
pub(super) struct StageOptions {
    eager: Option<String>,
    end: Option<String>,
    silence: Option<String>,
}

impl StageOptions {
    pub(super) fn of(preset: &str, sessions: &Sessions) -> Self {
        let option = |field| stage_option(field, preset, sessions);
        Self { eager: option(EAGER_THRESHOLD), end: option(END_THRESHOLD), silence: option(SILENCE_SECONDS) }
    }

    /// Checks that there is a stage that can tell early ends if the client wants them.
    ///
    /// # Errors
    /// `forbidden_field`: there is none.
    pub(super) fn check(&self, wanted: &Thresholds, preset: &str) -> Result<(), Failure> {
        if wanted.eager_eot_threshold.is_none() || self.eager.is_some() {
            return Ok(());
        }
        let message =
            format!("`eager_eot_threshold` needs a preset that opens `STAGE.{EAGER_THRESHOLD}`; `{preset}` does not");
        Err(Failure::new(FailureCode::ForbiddenField, message))
    }

    /// Whether the stage takes `eot_threshold`.
    pub(super) fn has_end(&self) -> bool {
        self.end.is_some()
    }

    /// Whether the stage ends turns after a silence, instead of the dialect.
    pub(super) fn has_silence(&self) -> bool {
        self.silence.is_some()
    }

    /// What the client has set, as options of its stream.
    pub(super) fn values(&self, wanted: &Thresholds) -> Map<String, Value> {
        let silence = wanted.eot_timeout_ms.map(|silence| f64::from(silence) / 1000.0);
        let values =
            [(&self.eager, wanted.eager_eot_threshold), (&self.end, wanted.eot_threshold), (&self.silence, silence)];
        values.into_iter().filter_map(|(option, value)| Some((option.clone()?, value?.into()))).collect()
    }
}
