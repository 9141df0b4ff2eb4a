//! The task that sends a file's audio to its session.
//!
//! Invariant: the session accepts audio at the pace of its engine, and the task waits for it. The task never ends by itself: the
//! session would be cancelled. Whoever takes the events drops it.

use super::{
    Uploads,
    recording::{Part, Recording},
};
use auricle_core::{Failure, FailureCode};
use auricle_session::Session;
use std::{
    future::pending,
    sync::{Arc, Mutex, PoisonError},
};
use tokio_util::sync::CancellationToken;

/// What of a file could not be decoded, in words.
pub(crate) type Warnings = Arc<Mutex<Vec<String>>>;

/// The task that sends the audio.
pub(crate) struct Feed {
    pub(crate) recording: Recording,
    pub(crate) uploads: Uploads,
    /// Cancelled when the client's streams must end.
    pub(crate) drain: CancellationToken,
    /// Receives what of the file could not be decoded.
    pub(crate) warnings: Warnings,
}

impl Feed {
    /// Sends the audio and holds the session until the task is dropped. It fails if the audio cannot be read, if the client's
    /// streams must end, and with `failure`, if there is one.
    pub(crate) async fn run(mut self, mut session: Session, failure: Option<Failure>) {
        let drain = self.drain.clone();
        let failure = match failure {
            Some(failure) => failure,
            None => tokio::select! {
                Err(failure) = self.send(&mut session) => failure,
                () = drain.cancelled() => {
                    Failure::new(FailureCode::ShuttingDown, "the server is shutting down; try again")
                }
            },
        };
        session.fail(failure);
        pending().await
    }

    /// Sends all audio. Returns only if it cannot.
    async fn send(&mut self, session: &mut Session) -> Result<(), Failure> {
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
