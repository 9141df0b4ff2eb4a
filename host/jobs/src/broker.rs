//! The broker: its streams, and what is published in them.
//!
//! | stream | holds |
//! | --- | --- |
//! | `AURICLE_JOBS` | jobs, one message for each key, until they are done or dead |
//! | `AURICLE_DONE` | the names of results, the last of each key, for a week |
//! | `AURICLE_DEAD` | jobs that were given up, with the reason |
//! | `AURICLE_LOST` | the broker's own notes of jobs that were delivered too often |

use crate::{dead::Dead, error::JobsError, job::Job};
use async_nats::{
    ConnectOptions, ServerAddr,
    jetstream::{
        self, Context,
        consumer::{AckPolicy, Consumer, pull},
        context::PublishErrorKind,
        stream::{Config, DiscardPolicy, RetentionPolicy, Stream},
    },
};
use std::{net::IpAddr, path::PathBuf, str::FromStr, time::Duration};

const JOBS: &str = "AURICLE_JOBS";
pub(crate) const DONE: &str = "AURICLE_DONE";
pub(crate) const DEAD: &str = "AURICLE_DEAD";
const LOST: &str = "AURICLE_LOST";
const WORKERS: &str = "workers";
/// A job whose worker is not heard for this long is given to another one.
const LEASE: Duration = Duration::from_secs(15);
/// How often a worker is heard.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(4);
/// How often a job is given to a worker. More workers than this did not survive it.
const MOST_DELIVERIES: i64 = 5;
const DONE_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// How to reach the broker.
#[derive(Debug, Clone)]
pub struct BrokerSettings {
    /// `nats://` or `tls://`, a host, and a port if it is not 4222. Without TLS on this machine only.
    pub url: String,
    /// A file with a JWT and a seed, as `nsc` writes it.
    pub credentials: Option<PathBuf>,
    /// A file of trusted certificates, in PEM, beside those of the system.
    pub ca: Option<PathBuf>,
}

/// A connection to the broker. It is restored when it is lost.
#[derive(Debug, Clone)]
pub struct Broker {
    context: Context,
}

/// How many jobs there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// They wait for a worker.
    pub waiting: u64,
    /// A worker has them.
    pub running: u64,
    /// They were done in the last seven days.
    pub done: u64,
    /// They were given up.
    pub dead: u64,
}

impl Broker {
    /// Connects, and makes the streams if they are not there.
    ///
    /// # Errors
    /// The address cannot be used, there is no connection, or the broker has no JetStream.
    pub async fn connect(settings: &BrokerSettings) -> Result<Self, JobsError> {
        let url = &settings.url;
        let refused = |reason: String| JobsError::Address { url: url.clone(), reason };
        let address = ServerAddr::from_str(url).map_err(|error| refused(error.to_string()))?;
        let is_near = address.host() == "localhost" || address.host().parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if !address.tls_required() && !is_near {
            return Err(refused("without TLS it must be on this machine; use tls://".into()));
        }
        let mut options = ConnectOptions::new().name("auricle");
        if let Some(ca) = &settings.ca {
            options = options.add_root_certificates(ca.clone());
        }
        if let Some(path) = &settings.credentials {
            let unread = |error| JobsError::Credentials { path: path.clone(), error };
            options = options.credentials_file(path).await.map_err(unread)?;
        }
        let client = options.connect(address).await;
        let client = client.map_err(|error| JobsError::Connect { url: url.clone(), reason: error.to_string() })?;
        let broker = Self { context: jetstream::new(client) };
        broker.prepare().await?;
        Ok(broker)
    }

    async fn prepare(&self) -> Result<(), JobsError> {
        let stream =
            |name: &str, subject: String| Config { name: name.into(), subjects: vec![subject], ..Config::default() };
        let last = |config: Config| Config { max_messages_per_subject: 1, ..config };
        let queue = Config {
            retention: RetentionPolicy::WorkQueue,
            // A job that waits is not queued twice.
            discard: DiscardPolicy::New,
            discard_new_per_subject: true,
            ..last(stream(JOBS, "auricle.jobs.*".into()))
        };
        let lost = format!("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{JOBS}.{WORKERS}");
        for config in [
            queue,
            Config { max_age: DONE_FOR, ..last(stream(DONE, "auricle.done.*".into())) },
            last(stream(DEAD, "auricle.dead.*".into())),
            Config { retention: RetentionPolicy::WorkQueue, ..stream(LOST, lost) },
        ] {
            let made = self.context.create_or_update_stream(config).await;
            made.map_err(|error| JobsError::broker("make its streams", error))?;
        }
        Ok(())
    }

    /// Puts a job into the queue. Returns whether it was not there.
    ///
    /// # Errors
    /// The broker does not take it.
    pub(crate) async fn queue(&self, job: &Job) -> Result<bool, JobsError> {
        for stream in [DONE, DEAD] {
            let of_key = format!("{}.{}", if stream == DONE { "auricle.done" } else { "auricle.dead" }, job.key);
            let purged = self.stream(stream).await?.purge().filter(of_key).await;
            purged.map_err(|error| JobsError::broker("forget an earlier result", error))?;
        }
        let subject = format!("auricle.jobs.{}", job.key);
        let sent = self.context.publish(subject, json(job).into()).await;
        let stored = async { sent?.await }.await;
        match stored {
            Ok(_) => Ok(true),
            Err(error) if is_there(&error) => Ok(false),
            Err(error) => Err(JobsError::broker("queue a job", error)),
        }
    }

    /// Tells that a job has its result.
    pub(crate) async fn done(&self, job: &Job) -> Result<(), JobsError> {
        self.publish(format!("auricle.done.{}", job.key), job.result().into_bytes()).await
    }

    /// Records that a job was given up.
    pub(crate) async fn bury(&self, dead: &Dead) -> Result<(), JobsError> {
        self.publish(format!("auricle.dead.{}", dead.key()), json(dead)).await
    }

    async fn publish(&self, subject: String, message: Vec<u8>) -> Result<(), JobsError> {
        let sent = self.context.publish(subject, message.into()).await;
        async { sent?.await }.await.map(|_| ()).map_err(|error| JobsError::broker("take a message", error))
    }

    /// The consumer of all workers.
    pub(crate) async fn workers(&self) -> Result<Consumer<pull::Config>, JobsError> {
        let config = pull::Config {
            durable_name: Some(WORKERS.into()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: LEASE,
            max_deliver: MOST_DELIVERIES,
            max_ack_pending: 100_000,
            ..pull::Config::default()
        };
        self.consumer(JOBS, config).await
    }

    /// The consumer of the notes on jobs that were delivered too often.
    pub(crate) async fn lost(&self) -> Result<Consumer<pull::Config>, JobsError> {
        let config = pull::Config {
            durable_name: Some(LOST.into()),
            ack_policy: AckPolicy::Explicit,
            ..pull::Config::default()
        };
        self.consumer(LOST, config).await
    }

    async fn consumer(&self, stream: &str, config: pull::Config) -> Result<Consumer<pull::Config>, JobsError> {
        let made = self.stream(stream).await?.create_consumer(config).await;
        made.map_err(|error| JobsError::broker("make a consumer", error))
    }

    pub(crate) async fn stream(&self, name: &str) -> Result<Stream, JobsError> {
        self.context.get_stream(name).await.map_err(|error| JobsError::broker("open a stream", error))
    }

    /// The stream of jobs.
    pub(crate) async fn jobs(&self) -> Result<Stream, JobsError> {
        self.stream(JOBS).await
    }

    /// How many jobs there are.
    ///
    /// # Errors
    /// The broker does not answer.
    pub async fn counts(&self) -> Result<Counts, JobsError> {
        let messages = async |name: &str| self.stream(name).await.map(|stream| stream.cached_info().state.messages);
        let mut workers = self.workers().await?;
        let info = workers.info().await.map_err(|error| JobsError::broker("count its jobs", error))?;
        let running = info.num_ack_pending as u64;
        let waiting = messages(JOBS).await?.saturating_sub(running);
        Ok(Counts { waiting, running, done: messages(DONE).await?, dead: messages(DEAD).await? })
    }
}

fn is_there(error: &async_nats::jetstream::context::PublishError) -> bool {
    matches!(error.kind(), PublishErrorKind::Other) && format!("{error:?}").contains("maximum messages per subject")
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    // A job and a dead one are made of strings and JSON.
    serde_json::to_vec(value).unwrap_or_default()
}
