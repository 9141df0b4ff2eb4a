//! `auricle jobs`.

use super::{
    super::output::{Format, fail, print, print_json},
    BrokerArgs,
};
use auricle_jobs::{Counts, Dead, JobsError};
use serde_json::json;
use std::process::ExitCode;

/// Show how many submitted files wait, run, are done (in seven days), or were given up, and why.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A job that was given up is tried again when its file is submitted again.

Exit status: 0 success; 1 the broker cannot be asked.")]
pub(in super::super) struct JobsArgs {
    #[command(flatten)]
    broker: BrokerArgs,
    #[command(flatten)]
    format: Format,
}

pub(in super::super) async fn run(args: JobsArgs) -> ExitCode {
    let (counts, dead) = match ask(&args.broker).await {
        Ok(answer) => answer,
        Err(error) => return fail(error),
    };
    let Counts { waiting, running, done, dead: given_up } = counts;
    if args.format.is_json() {
        return print_json(&json!({"waiting": waiting, "running": running, "done": done, "dead": dead}));
    }
    let mut text = format!("{waiting} waiting, {running} running, {done} done, {given_up} given up");
    for Dead { job, reason } in &dead {
        let name = job.as_ref().map_or("a message that is no job", |job| &job.name);
        text += &format!("\n{name}: {reason}");
    }
    print(&text)
}

async fn ask(broker: &BrokerArgs) -> Result<(Counts, Vec<Dead>), JobsError> {
    let broker = broker.connect().await?;
    Ok((broker.counts().await?, broker.dead().await?))
}
