//! `auricle submit`.

use super::{
    super::output::{fail, print},
    BrokerArgs,
};
use auricle_client::args::option;
use auricle_jobs::{Broker, JobsError, Outcome, Store, Submission, submit};
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};
use std::{
    collections::HashMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// How many files are read and uploaded at a time.
const AT_A_TIME: usize = 4;

/// Submit files for transcription by workers (`auricle work`).
///
/// Each file gives a line of JSON: its name, the address of its result, and whether it is queued, known (it waits already) or done.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A result is a file of JSON with the text and its segments. Its name is a hash of the audio, the preset and the options: a file that is
submitted again gives the same result. A file is copied to the store; an s3:// address is read by the workers.

Examples:
  auricle submit --store /srv/transcripts --preset english talks/*.flac
  auricle submit --store s3://transcripts --preset english --manifest files.txt --wait
  auricle submit --store s3://transcripts --preset english s3://calls/2026/11/0412.wav

Exit codes:
  0  all are submitted; with --wait, all are done
  1  the broker or the store cannot be used, or the output cannot be written
  3  a file cannot be read (the others are submitted)
  5  with --wait: a job was given up")]
pub(in super::super) struct SubmitArgs {
    /// Files, or addresses such as s3://BUCKET/talk.flac
    #[arg(value_name = "FILE", required_unless_present = "manifest")]
    files: Vec<String>,

    /// A file with a name or an address on each line; `-` for standard input
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,

    #[command(flatten)]
    broker: BrokerArgs,

    /// Where audio and results are: a folder that all workers and submitters share, or s3://BUCKET/PREFIX
    #[arg(long, env = "AURICLE_STORE", value_name = "STORE")]
    store: String,

    /// The preset to use
    #[arg(long, value_name = "NAME")]
    preset: String,

    /// A field that the preset lets clients set; may be given more than once
    #[arg(long = "option", value_name = "KEY=VALUE", value_parser = option)]
    options: Vec<(String, Value)>,

    /// Wait until all are done, with a progress bar
    #[arg(long)]
    wait: bool,
}

pub(in super::super) async fn run(args: SubmitArgs) -> ExitCode {
    match all(args).await {
        Ok(code) => code,
        Err(error) => fail(error),
    }
}

async fn all(args: SubmitArgs) -> Result<ExitCode, JobsError> {
    let mut names = args.files;
    if let Some(manifest) = &args.manifest {
        names.extend(listed(manifest)?);
    }
    let (store, broker) = (Store::open(&args.store)?, args.broker.connect().await?);
    let options: Map<String, Value> = args.options.into_iter().collect();
    let (broker, store, preset, options) = (&broker, &store, &args.preset, &options);
    let submitted = names.iter().map(|name| async move { (name, submit(broker, store, name, preset, options).await) });
    let mut submitted = stream::iter(submitted).buffered(AT_A_TIME);
    let (mut code, mut open) = (ExitCode::SUCCESS, HashMap::new());
    while let Some((name, result)) = submitted.next().await {
        match result {
            Ok((job, state)) => {
                let line = json!({"file": name, "state": state, "result": store.address_of(&job.result())});
                if print(&line.to_string()) != ExitCode::SUCCESS {
                    return Ok(ExitCode::FAILURE);
                }
                if state != Submission::Done {
                    open.insert(job.key, name.clone());
                }
            }
            Err(error @ (JobsError::Broker { .. } | JobsError::Connect { .. })) => return Err(error),
            Err(error) => {
                fail(format_args!("{name} was not submitted: {error}"));
                code = ExitCode::from(3);
            }
        }
    }
    if args.wait && !wait(broker, open).await? { Ok(ExitCode::from(5)) } else { Ok(code) }
}

/// Waits for jobs, by their keys. Returns whether all have results.
async fn wait(broker: &Broker, mut open: HashMap<String, String>) -> Result<bool, JobsError> {
    let style =
        ProgressStyle::with_template("{pos}/{len} {wide_bar} {eta}").unwrap_or_else(|_| ProgressStyle::default_bar());
    let progress = ProgressBar::new(open.len() as u64).with_style(style);
    let mut outcomes = broker.outcomes().await?;
    let mut all_done = true;
    while !open.is_empty() {
        let Some(outcome) = outcomes.try_next().await? else { break };
        match outcome {
            Outcome::Done(key) => progress.inc(open.remove(&key).is_some().into()),
            Outcome::Dead(dead) => {
                if let Some(name) = dead.job.as_ref().and_then(|job| open.remove(&job.key)) {
                    all_done = false;
                    progress.inc(1);
                    progress.suspend(|| fail(format_args!("{name} was given up: {}", dead.reason)));
                }
            }
        }
    }
    progress.finish_and_clear();
    Ok(all_done)
}

fn listed(manifest: &Path) -> Result<Vec<String>, JobsError> {
    let unread = |error| JobsError::Read { name: manifest.display().to_string(), error };
    let mut text = String::new();
    if manifest.as_os_str() == "-" {
        io::stdin().read_to_string(&mut text).map_err(unread)?;
    } else {
        text = fs::read_to_string(manifest).map_err(unread)?;
    }
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}
