//! `auricle work`.

use super::{super::output::fail, BrokerArgs};
use auricle_client::Server;
use auricle_jobs::{JobsError, Store, Worker};
use std::{num::NonZero, process::ExitCode};
use tokio::signal;

/// Transcribe submitted files on a server, until Ctrl-C or SIGTERM.
///
/// As many workers as you like share the queue. The server takes their streams after live ones, and only while it has room.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A worker that is stopped finishes the jobs that it has. The jobs of one that dies are done by another after 15 s.

Examples:
  auricle work --store /srv/transcripts --places 4
  AWS_REGION=eu-central-1 auricle work --nats tls://broker.example --nats-credentials worker.creds --store s3://transcripts

Exit codes:
  0  stopped
  1  the broker or the store cannot be used, or the server does not let the worker in")]
pub(in super::super) struct WorkArgs {
    #[command(flatten)]
    broker: BrokerArgs,

    /// Where audio and results are: a folder that all workers and submitters share, or s3://BUCKET/PREFIX
    #[arg(long, env = "AURICLE_STORE", value_name = "STORE")]
    store: String,

    #[command(flatten)]
    server: Server,

    /// How many files to transcribe at a time
    #[arg(long, value_name = "N", default_value = "2")]
    places: NonZero<usize>,
}

pub(in super::super) async fn run(args: WorkArgs) -> ExitCode {
    args.server.warn();
    match work(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error),
    }
}

async fn work(args: WorkArgs) -> Result<(), JobsError> {
    let WorkArgs { broker, store, server, places } = args;
    let (store, broker) = (Store::open(&store)?, broker.connect().await?);
    tracing::info!(places, "worker started");
    Worker { broker, store, server, places }.run(asked_to_stop()).await
}

/// Waits for Ctrl-C or SIGTERM.
async fn asked_to_stop() {
    #[cfg(unix)]
    if let Ok(mut terminate) = signal::unix::signal(signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    // Without a handler the signal ends the program.
    if signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
