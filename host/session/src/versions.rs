//! The versions of a preset: the one in service, and the candidate that is to take over.
//!
//! Invariant: a version is put in service only after it passed its check, and stays there until a candidate takes over.
//! The candidate is what the file holds now, if that is another version. Each problem is logged once, when it becomes
//! known. Threads: any, under the lock of `Presets`.

use super::{
    models::unavailable,
    preset::{Preset, PresetError},
};
use auricle_core::Failure;
use std::sync::Arc;

/// The versions of one preset.
#[derive(Debug, Clone, Default)]
pub(super) struct Versions {
    pub(super) service: Option<Arc<Preset>>,
    pub(super) candidate: Option<Candidate>,
    /// Why the version in service cannot be used now, as it was logged.
    pub(super) problem: Option<Failure>,
}

/// A version that is not in service.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// `None` if the file is broken.
    pub(super) preset: Option<Arc<Preset>>,
    pub(super) stage: Stage,
}

/// What happens to a candidate.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stage {
    /// It was read, and not checked yet.
    New,
    /// It passed its check. The first stream loads its model.
    Idle,
    /// Its model is being loaded.
    Loading,
    /// Its model will be loaded when there is room for it; the text says what is missing.
    Waiting(String),
    /// It cannot be used.
    Refused {
        reason: Failure,
        /// The key of the engine that could not load its model; `None` if it was not tried.
        tried: Option<String>,
    },
}

impl Candidate {
    fn is(&self, preset: &Arc<Preset>) -> bool {
        self.preset.as_ref().is_some_and(|own| Arc::ptr_eq(own, preset))
    }
}

impl Versions {
    /// Enters what the file holds now. If that is the version in service, there is no candidate any more.
    pub(super) fn read(&mut self, name: &str, parsed: Result<Preset, PresetError>) {
        match parsed {
            Ok(preset) => {
                tracing::info!(preset = name, backend = preset.backend, "preset read");
                let is_in_service = self.service.as_deref() == Some(&preset);
                let candidate = Candidate { preset: Some(Arc::new(preset)), stage: Stage::New };
                self.candidate = (!is_in_service).then_some(candidate);
            }
            Err(problem) => {
                self.candidate = Some(Candidate { preset: None, stage: Stage::New });
                self.set_refused(name, unavailable(format!("preset `{name}` {problem}")), None);
            }
        }
    }

    /// Whether this is the candidate, and not refused.
    pub(super) fn is_pending(&self, preset: &Arc<Preset>) -> bool {
        let candidate = self.candidate.as_ref().filter(|candidate| candidate.is(preset));
        candidate.is_some_and(|candidate| !matches!(candidate.stage, Stage::Refused { .. }))
    }

    /// Records that the candidate passed its check. Returns whether it had not passed it before.
    pub(super) fn passed(&mut self, preset: &Arc<Preset>) -> bool {
        match self.candidate_mut(preset) {
            Some(candidate) if matches!(candidate.stage, Stage::New | Stage::Refused { .. }) => {
                candidate.stage = Stage::Idle;
                true
            }
            _ => false,
        }
    }

    /// Records that the candidate's model is to be loaded. Returns whether it is the caller who loads it.
    pub(super) fn start_loading(&mut self, preset: &Arc<Preset>) -> bool {
        match self.candidate_mut(preset) {
            Some(candidate) if candidate.stage == Stage::Idle => {
                candidate.stage = Stage::Loading;
                true
            }
            _ => false,
        }
    }

    /// Records that the candidate waits for room, or no longer does.
    pub(super) fn wait(&mut self, preset: &Arc<Preset>, reason: Option<String>) {
        if !self.is_pending(preset) {
            return;
        }
        let Some(candidate) = &mut self.candidate else { return };
        if let Some(reason) = &reason
            && !matches!(candidate.stage, Stage::Waiting(_))
        {
            tracing::warn!(preset = preset.name, "the new version waits: {reason}");
        }
        candidate.stage = reason.map_or(Stage::Loading, Stage::Waiting);
    }

    /// Records why the candidate cannot be used. `tried` is the key of the engine that could not load its model.
    pub(super) fn refuse(&mut self, preset: &Arc<Preset>, reason: Failure, tried: Option<String>) {
        if self.candidate_mut(preset).is_some() {
            self.set_refused(&preset.name, reason, tried);
        }
    }

    /// Puts the candidate in service, unless it was refused.
    pub(super) fn take_over(&mut self, preset: &Arc<Preset>) {
        if self.is_pending(preset) {
            self.candidate = None;
            self.problem = None;
            if self.service.replace(Arc::clone(preset)).is_some() {
                tracing::info!(preset = preset.name, "the new version has taken over");
            }
        }
    }

    /// Records why the version in service cannot be used now, or that it can.
    pub(super) fn note_problem(&mut self, name: &str, problem: Option<Failure>) {
        if self.problem != problem {
            if let Some(problem) = &problem {
                tracing::warn!(preset = name, "not available: {}", problem.explained());
            }
            self.problem = problem;
        }
    }

    fn candidate_mut(&mut self, preset: &Arc<Preset>) -> Option<&mut Candidate> {
        self.candidate.as_mut().filter(|candidate| candidate.is(preset))
    }

    fn set_refused(&mut self, name: &str, reason: Failure, tried: Option<String>) {
        let Some(candidate) = &mut self.candidate else { return };
        if !matches!(&candidate.stage, Stage::Refused { reason: known, .. } if *known == reason) {
            let explained = reason.explained();
            match &self.service {
                Some(_) => tracing::error!(preset = name, "{explained}; the previous version stays in service"),
                None => tracing::warn!(preset = name, "not available: {explained}"),
            }
        }
        candidate.stage = Stage::Refused { reason, tried };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Result<Preset, PresetError> {
        Preset::parse("p", text)
    }

    fn with_service() -> Versions {
        let mut versions = Versions::default();
        versions.read("p", version(r#"{"backend": "one"}"#));
        let first = versions.candidate.clone().unwrap().preset.unwrap();
        versions.take_over(&first);
        versions
    }

    fn candidate(versions: &mut Versions, text: &str) -> Arc<Preset> {
        versions.read("p", version(text));
        versions.candidate.clone().unwrap().preset.unwrap()
    }

    #[test]
    fn a_candidate_takes_over_once_and_only_if_it_is_still_the_candidate() {
        let mut versions = with_service();
        let second = candidate(&mut versions, r#"{"backend": "two"}"#);
        assert!(versions.passed(&second) && !versions.passed(&second));
        assert!(versions.start_loading(&second) && !versions.start_loading(&second));
        let third = candidate(&mut versions, r#"{"backend": "three"}"#);
        versions.take_over(&second);
        versions.refuse(&second, unavailable("late"), None);
        assert_eq!(versions.service.as_ref().unwrap().backend, "one");
        assert!(versions.is_pending(&third) && !versions.is_pending(&second));
        versions.take_over(&third);
        assert_eq!(versions.service.as_ref().unwrap().backend, "three");
        assert!(versions.candidate.is_none());
    }

    #[test]
    fn a_refused_candidate_leaves_the_version_in_service_and_may_pass_later() {
        let mut versions = with_service();
        let second = candidate(&mut versions, r#"{"backend": "two"}"#);
        versions.refuse(&second, unavailable("no engine"), None);
        assert!(!versions.is_pending(&second) && !versions.start_loading(&second));
        assert_eq!(versions.service.as_ref().unwrap().backend, "one");
        assert!(versions.passed(&second) && versions.is_pending(&second));
        versions.read("p", version("{broken"));
        let broken = versions.candidate.clone().unwrap();
        assert!(broken.preset.is_none() && matches!(broken.stage, Stage::Refused { tried: None, .. }));
        assert_eq!(versions.service.as_ref().unwrap().backend, "one");
    }

    #[test]
    fn a_file_that_is_put_back_leaves_no_candidate() {
        let mut versions = with_service();
        candidate(&mut versions, r#"{"backend": "two"}"#);
        versions.read("p", version(r#"{ "host": {}, "backend": "one" }"#));
        assert!(versions.candidate.is_none());
    }
}
