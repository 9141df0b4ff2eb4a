//! The task that sends a file's audio to its session.
//!
//! Invariant: the session accepts audio at the pace of its engine, and the task waits for it. The task never ends by itself: the
//! session would be cancelled. Whoever takes the events drops it.

use super::{
    Problem,
    recording::{Part, Recording},
    transcript::Warnings,
};
use crate::Uploads;
use auricle_core::{Failure, FailureCode};
use auricle_session::Session;
use std::{future::pending, sync::PoisonError};
use tokio_util::sync::CancellationToken;

/// The task that sends the audio.
pub(super) struct Feed {
    pub(super) recording: Recording,
    pub(super) uploads: Uploads,
    /// Cancelled when the client's streams must end.
    pub(super) drain: CancellationToken,
    /// Receives what of the file could not be decoded.
    pub(super) warnings: Warnings,
}

impl Feed {
    /// Sends the audio and holds the session until the task is dropped. The session fails if the audio cannot be read, if its
    /// streams must end, and with `failure`, if there is one.
    pub(super) async fn run(mut self, mut session: Session, failure: Option<Failure>) {
        let drain = self.drain.clone();
        let failure = match failure {
            Some(failure) => failure,
            None => tokio::select! {
                Err(problem) = self.send(&mut session) => problem.failure,
                () = drain.cancelled() => {
                    Failure::new(FailureCode::ShuttingDown, "the server is shutting down; try again")
                }
            },
        };
        session.fail(failure);
        pending().await
    }

    /// Sends all audio. Returns only if it cannot.
    async fn send(&mut self, session: &mut Session) -> Result<(), Problem> {
        let format = self.recording.format();
        while let Some(Part { audio, warnings }) = self.recording.next().await? {
            for warning in &warnings {
                tracing::warn!(stream = session.info().id, "the client's file: {warning}");
            }
            self.warnings.lock().unwrap_or_else(PoisonError::into_inner).extend(warnings);
            session.audio(audio).await;
            self.uploads.check_length(session.received() as f64 / f64::from(format.sample_rate))?;
        }
        session.finish();
        pending().await
    }
}
