//! `auricle evaluate`: the word errors of a server, or of texts that any recognizer has made.

mod bootstrap;
mod comparison;
mod recognize;
mod recordings;
mod scores;
mod transcripts;

use super::{
    logging,
    output::{Format, fail, print, print_json, with_runtime},
};
use auricle_client::{Server, args::option, session::End};
use comparison::Comparison;
use recordings::{Recording, RecordingsError};
use scores::Scores;
use serde::Serialize;
use serde_json::Value;
use std::{path::PathBuf, process::ExitCode};
use transcripts::{Transcript, TranscriptsError};

const MORE: &str = "\
Next to each recording, talk.wav, there is a text file with what is said in it, talk.txt. Words are compared in lower case and
without punctuation; for languages without spaces see the character errors. The rates are of all recordings together; the
interval covers 95 % of 10,000 random selections of the recordings (bootstrap).

A transcript in a file is a line of JSON: {\"recording\": \"talk.wav\", \"lead_silence\": 0.0, \"text\": \"...\"}. --save writes such
files, --texts and --against read them, whatever program made them.

Examples:
  auricle evaluate --preset english recordings/
  auricle evaluate --preset english recordings/ --lead-silence 0,0.1,0.2 --save ours.jsonl
  auricle evaluate --texts other.jsonl recordings/
  auricle evaluate --texts ours.jsonl --against other.jsonl recordings/

Exit codes:
  0  success
  1  the output cannot be written
  2  the command line is wrong
  3  a recording or a text file cannot be read
  4  no connection to the server, or it refused or ended a stream";

/// Measure word and character errors on recordings whose text is known.
#[derive(Debug, clap::Args)]
#[command(after_long_help = MORE)]
pub(super) struct EvaluateArgs {
    /// Recordings, or folders of them; each with its text in a .txt file of the same name
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    server: Server,

    /// The preset to use; `auricle presets` lists them
    #[arg(long, value_name = "NAME", required_unless_present = "texts")]
    preset: Option<String>,

    /// A field that the preset lets clients set, as in `auricle stream`; may be given more than once
    #[arg(long = "option", value_name = "KEY=VALUE", value_parser = option)]
    options: Vec<(String, Value)>,

    /// Send in real time, as a microphone would
    #[arg(long)]
    realtime: bool,

    /// Evaluate each recording after these lengths of silence, in seconds
    #[arg(long, value_name = "SECONDS,...", value_delimiter = ',', default_value = "0", value_parser = lead_silence)]
    lead_silence: Vec<f64>,

    /// Number of streams at a time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    streams: u16,

    /// Write the transcripts to this file
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,

    /// Evaluate the transcripts in this file instead of a server
    #[arg(long, value_name = "FILE", conflicts_with_all = ["preset", "options", "realtime", "streams", "lead_silence", "save"])]
    texts: Option<PathBuf>,

    /// Compare with the transcripts in this file, recording by recording
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,

    #[command(flatten)]
    format: Format,
}

/// The result of the command.
#[derive(Debug, Serialize)]
struct Evaluation {
    #[serde(flatten)]
    scores: Scores,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
}

/// The command failed.
#[derive(Debug, thiserror::Error)]
enum EvaluateError {
    #[error(transparent)]
    Recordings(#[from] RecordingsError),
    #[error(transparent)]
    Transcripts(#[from] TranscriptsError),
    #[error("{recording}: {end}")]
    Stream { recording: String, end: End },
}

pub(super) fn run(args: EvaluateArgs) -> ExitCode {
    logging::init_client();
    with_runtime(evaluate(args))
}

async fn evaluate(args: EvaluateArgs) -> ExitCode {
    match evaluation(&args).await {
        Ok(evaluation) if args.format.is_json() => print_json(&evaluation),
        Ok(Evaluation { scores, comparison }) => {
            let comparison = comparison.map(|comparison| format!("\n\n{comparison}")).unwrap_or_default();
            print(&format!("{scores}{comparison}"))
        }
        Err(error) => {
            fail(&error);
            ExitCode::from(match error {
                EvaluateError::Transcripts(TranscriptsError::Write { .. }) => 1,
                EvaluateError::Recordings(_) | EvaluateError::Transcripts(_) => 3,
                EvaluateError::Stream { end: End::Source(_) | End::Damaged { .. }, .. } => 3,
                EvaluateError::Stream { .. } => 4,
            })
        }
    }
}

async fn evaluation(args: &EvaluateArgs) -> Result<Evaluation, EvaluateError> {
    let recordings = recordings::find(&args.paths)?;
    let other = args.against.as_deref().map(|file| transcripts::read(file, &recordings)).transpose()?;
    let transcripts = match &args.texts {
        Some(file) => transcripts::read(file, &recordings)?,
        None => recognize::all(args, &recordings).await?,
    };
    if let Some(file) = &args.save {
        transcripts::write(file, &transcripts)?;
    }
    let scores = Scores::of(&recordings, &transcripts);
    let comparison = match (&args.against, other) {
        (Some(file), Some(other)) => Some(Comparison::of(&scores, &Scores::of(&recordings, &other), file)?),
        _ => None,
    };
    Ok(Evaluation { scores, comparison })
}

/// Parses a length of silence.
fn lead_silence(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=60.0).contains(&seconds) => Ok(seconds),
        _ => Err("must be a number of seconds from 0 to 60".into()),
    }
}
