//! Waits for jobs.

use crate::{
    broker::{Broker, DEAD, DONE},
    dead::Dead,
    error::JobsError,
};
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use futures_util::{Stream, StreamExt, stream};

/// What became of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The key of a job that has its result.
    Done(String),
    /// A job that was given up.
    Dead(Box<Dead>),
}

impl Broker {
    /// The outcomes of all jobs, those that are known first.
    ///
    /// # Errors
    /// The broker does not tell them.
    pub async fn outcomes(&self) -> Result<impl Stream<Item = Result<Outcome, JobsError>> + use<>, JobsError> {
        let unread = |error: &dyn std::fmt::Display| JobsError::broker("tell what became of jobs", error);
        let mut both = Vec::with_capacity(2);
        for name in [DONE, DEAD] {
            let config = pull::OrderedConfig { deliver_policy: DeliverPolicy::All, ..pull::OrderedConfig::default() };
            let consumer = self.stream(name).await?.create_consumer(config).await.map_err(|error| unread(&error))?;
            let messages = consumer.messages().await.map_err(|error| unread(&error))?;
            both.push(
                messages
                    .filter_map(move |message| async move {
                        let message = match message {
                            Ok(message) => message,
                            Err(error) => return Some(Err(unread(&error))),
                        };
                        if name == DEAD {
                            return Some(Ok(Outcome::Dead(Box::new(serde_json::from_slice(&message.payload).ok()?))));
                        }
                        Some(Ok(Outcome::Done(message.subject.rsplit('.').next()?.to_owned())))
                    })
                    .boxed(),
            );
        }
        Ok(stream::select_all(both))
    }
}
