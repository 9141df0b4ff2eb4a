//! `auricle submit`, `auricle work` and `auricle jobs`: bulk transcription through a queue.

mod list;
mod submit;
mod work;

pub(super) use list::{JobsArgs, run as list};
pub(super) use submit::{SubmitArgs, run as submit};
pub(super) use work::{WorkArgs, run as work};

use auricle_jobs::{Broker, BrokerSettings, JobsError};
use std::path::PathBuf;

/// The broker, and how to reach it.
#[derive(Debug, clap::Args)]
struct BrokerArgs {
    /// The NATS server, with JetStream: nats://HOST:PORT or tls://HOST:PORT
    ///
    /// Without TLS it must be on this machine. A user and a password may stand before the host.
    #[arg(
        long,
        env = "AURICLE_NATS",
        hide_env_values = true,
        value_name = "URL",
        default_value = "nats://127.0.0.1:4222"
    )]
    nats: String,

    /// A file of credentials, as `nsc` writes it
    #[arg(long, env = "AURICLE_NATS_CREDENTIALS", value_name = "FILE")]
    nats_credentials: Option<PathBuf>,

    /// Trust the certificates in this file (PEM) too
    #[arg(long, env = "AURICLE_NATS_CA", value_name = "FILE")]
    nats_ca: Option<PathBuf>,
}

impl BrokerArgs {
    async fn connect(&self) -> Result<Broker, JobsError> {
        let settings = BrokerSettings {
            url: self.nats.clone(),
            credentials: self.nats_credentials.clone(),
            ca: self.nats_ca.clone(),
        };
        Broker::connect(&settings).await
    }
}
