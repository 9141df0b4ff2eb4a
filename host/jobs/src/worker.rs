//! Takes jobs from the queue, one after another for each of its places.
//!
//! A job that is being done is renewed with a heartbeat, so the broker gives it to another worker soon after this one dies. What a
//! dying worker has written counts: the next one finds the result and only says so.

use crate::{
    broker::{Broker, HEARTBEAT},
    dead::Dead,
    error::JobsError,
    job::Job,
    store::Store,
    transcribe::{Transcribed, transcribe},
};
use async_nats::jetstream::{
    AckKind, Message,
    consumer::{Consumer, pull},
};
use auricle_client::Server;
use futures_util::{StreamExt, future::join_all};
use std::{future::Future, num::NonZero, time::Duration};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep},
};

/// How long one request for a job waits for it.
const ASK_FOR: Duration = Duration::from_secs(5);
/// How long a worker waits when the broker or the store does not answer.
const PAUSE: Duration = Duration::from_secs(2);

/// A worker.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Where the jobs are.
    pub broker: Broker,
    /// Where audio and results are.
    pub store: Store,
    /// What transcribes.
    pub server: Server,
    /// How many jobs it does at a time.
    pub places: NonZero<usize>,
}

impl Worker {
    /// Does jobs until `stop`; then finishes those that it has.
    ///
    /// # Errors
    /// The broker does not let it work, or the server does not let it in.
    pub async fn run(&self, stop: impl Future<Output = ()>) -> Result<(), JobsError> {
        let consumer = self.broker.workers().await?;
        let (stopping, stopped) = watch::channel(false);
        let places = join_all((0..self.places.get()).map(|_| self.place(&consumer, stopped.clone())));
        let burying = async {
            loop {
                if let Err(error) = self.broker.bury_the_lost().await {
                    tracing::warn!("{error}");
                }
                sleep(PAUSE).await;
            }
        };
        let stop = async {
            stop.await;
            stopping.send_replace(true);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ends = places => ends.into_iter().collect(),
            () = burying => Ok(()),
            () = stop => Ok(()),
        }
    }

    async fn place(
        &self,
        consumer: &Consumer<pull::Config>,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<(), JobsError> {
        loop {
            let next = tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
                next = next(consumer) => next,
            };
            let done = match next {
                Ok(None) => Ok(()),
                Ok(Some(message)) => self.job(&message).await,
                Err(error) => Err(error),
            };
            match done {
                Ok(()) => {}
                Err(error @ JobsError::Server(_)) => return Err(error),
                // The broker gives the job to somebody again.
                Err(error) => {
                    tracing::warn!("{error}");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn job(&self, message: &Message) -> Result<(), JobsError> {
        let doing = self.work(message);
        tokio::pin!(doing);
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let done = loop {
            tokio::select! {
                done = &mut doing => break done,
                _ = heartbeat.tick() => {
                    if let Err(error) = message.ack_with(AckKind::Progress).await {
                        tracing::warn!("a heartbeat was not sent: {error}");
                    }
                }
            }
        };
        if matches!(done, Err(JobsError::Server(_))) {
            // For a worker that is let in.
            let _ = message.ack_with(AckKind::Nak(None)).await;
        }
        done?;
        message.double_ack().await.map_err(|error| JobsError::broker("take an acknowledgement", error))
    }

    async fn work(&self, message: &Message) -> Result<(), JobsError> {
        let job = match Job::read(&message.payload) {
            Ok(job) => job,
            Err(problem) => return self.broker.bury(&Dead { job: None, reason: problem.to_string() }).await,
        };
        if self.store.has(&job.result()).await? {
            return self.broker.done(&job).await;
        }
        match transcribe(&job, &self.store, &self.server).await? {
            Transcribed::Result(result) => {
                let is_new = self.store.put_new(&job.result(), result).await?;
                tracing::info!(key = job.key, name = job.name, is_new, "job done");
                self.broker.done(&job).await
            }
            Transcribed::Never(reason) => {
                tracing::error!(key = job.key, name = job.name, "a job was given up: {reason}");
                self.broker.bury(&Dead { job: Some(job), reason }).await
            }
        }
    }
}

/// The next job, if there is one soon.
async fn next(consumer: &Consumer<pull::Config>) -> Result<Option<Message>, JobsError> {
    let asked = consumer.fetch().max_messages(1).expires(ASK_FOR).messages().await;
    let mut messages = asked.map_err(|error| JobsError::broker("give a job", error))?;
    messages.next().await.transpose().map_err(|error| JobsError::broker("give a job", error))
}
