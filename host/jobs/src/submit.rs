//! Submits files.

use crate::{
    broker::Broker,
    error::JobsError,
    job::{Audio, Job},
    store::{self, Store},
};
use serde::Serialize;
use serde_json::{Map, Value};
use std::path::Path;

/// What came of submitting a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Submission {
    /// It waits for a worker.
    Queued,
    /// It waited already, or a worker has it.
    Known,
    /// There is a result already.
    Done,
}

/// Submits a file, or an object at an `s3://` address. A file is uploaded to the store.
///
/// # Errors
/// It cannot be read, the store does not take it, or the broker does not.
pub async fn submit(
    broker: &Broker,
    store: &Store,
    name: &str,
    preset: &str,
    options: &Map<String, Value>,
) -> Result<(Job, Submission), JobsError> {
    let (sha256, audio) = if name.contains("://") {
        (store::fetch(name, None).await?, Audio::Url(name.to_owned()))
    } else {
        let hash = store::hash_of(Path::new(name)).await;
        (hash.map_err(|error| JobsError::Read { name: name.to_owned(), error })?, Audio::Store)
    };
    let job = Job::new(name.to_owned(), audio, sha256, preset.to_owned(), options.clone());
    if store.has(&job.result()).await? {
        return Ok((job, Submission::Done));
    }
    if job.audio == Audio::Store && !store.has(&job.upload()).await? {
        store.upload(&job.upload(), Path::new(name)).await?;
    }
    let state = if broker.queue(&job).await? { Submission::Queued } else { Submission::Known };
    Ok((job, state))
}
