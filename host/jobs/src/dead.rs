//! Jobs that were given up, and the notes that lead to some of them.

use crate::{
    broker::{Broker, DEAD},
    error::JobsError,
    job::Job,
};
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use futures_util::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A job that was given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dead {
    /// The job; `None` if the message was none.
    pub job: Option<Job>,
    /// Why.
    pub reason: String,
}

/// The broker's note on a message that was delivered too often.
#[derive(Debug, Deserialize)]
struct Lost {
    stream_seq: u64,
    deliveries: u64,
}

impl Dead {
    pub(crate) fn key(&self) -> &str {
        self.job.as_ref().map_or("unknown", |job| &job.key)
    }
}

impl Broker {
    /// The jobs that were given up. Submitting one again gives it another try.
    ///
    /// # Errors
    /// The broker does not answer.
    pub async fn dead(&self) -> Result<Vec<Dead>, JobsError> {
        let stream = self.stream(DEAD).await?;
        let count = stream.cached_info().state.messages;
        let unread = |error: &dyn std::fmt::Display| JobsError::broker("list dead jobs", error);
        let config = pull::OrderedConfig { deliver_policy: DeliverPolicy::All, ..pull::OrderedConfig::default() };
        let consumer = stream.create_consumer(config).await.map_err(|error| unread(&error))?;
        let messages = consumer.messages().await.map_err(|error| unread(&error))?;
        let messages: Vec<_> = messages.take(count as usize).try_collect().await.map_err(|error| unread(&error))?;
        Ok(messages.iter().filter_map(|message| serde_json::from_slice(&message.payload).ok()).collect())
    }

    /// Records jobs as dead that no worker has survived, for as long as it is polled.
    pub(crate) async fn bury_the_lost(&self) -> Result<(), JobsError> {
        let (consumer, jobs) = (self.lost().await?, self.jobs().await?);
        let unread = |error: &dyn std::fmt::Display| JobsError::broker("read its notes", error);
        let mut notes =
            consumer.stream().expires(Duration::from_secs(30)).messages().await.map_err(|error| unread(&error))?;
        while let Some(note) = notes.next().await {
            let note = note.map_err(|error| unread(&error))?;
            if let Ok(Lost { stream_seq, deliveries }) = serde_json::from_slice(&note.payload)
                && let Ok(message) = jobs.get_raw_message(stream_seq).await
            {
                let reason = format!("it was given to {deliveries} workers, and none has finished it");
                let dead = Dead { job: Job::read(&message.payload).ok(), reason };
                tracing::error!(key = dead.key(), "a job was given up: {}", dead.reason);
                self.bury(&dead).await?;
                jobs.delete_message(stream_seq).await.map_err(|error| JobsError::broker("remove a job", error))?;
            }
            note.ack().await.map_err(|error| JobsError::broker("take an acknowledgement", error))?;
        }
        Ok(())
    }
}
