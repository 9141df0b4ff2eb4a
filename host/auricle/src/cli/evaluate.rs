//! `auricle evaluate`: the word errors of a server's presets, and of texts that any recognizer has made.

mod bootstrap;
mod comparison;
mod manifest;
mod recognize;
mod recordings;
mod report;
mod results;
mod scores;
mod speed;
mod subtitles;
mod transcripts;

use super::{
    logging,
    output::{Format, fail, print, print_json, with_runtime},
};
use auricle_client::{Server, args::option, session::End};
use auricle_core::{normalizer::Normalizer, subtitles::SubtitleFormat};
use auricle_loadtest::Usage;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use recordings::{Recording, RecordingsError};
use results::{Results, System};
use scores::Scores;
use serde_json::Value;
use speed::{Speed, Timing};
use std::{collections::BTreeSet, io, path::PathBuf, process::ExitCode};
use transcripts::{Transcript, TranscriptsError};

const MORE: &str = "\
Recordings come with what is said in them: next to talk.wav there is talk.txt; or a manifest lists them, as lines of JSON
({\"audio_filepath\": \"talk.wav\", \"text\": \"...\"}) or as tab-separated values (the path and the text). For languages without spaces
see the character errors. The rates are of all recordings together; the interval covers 95 % of 10,000 random selections of the
recordings (bootstrap). If there are several presets or files, each two are compared on the same selections.

Normalizers:
  none             words as they are written: case and punctuation count
  basic            lower case, no punctuation
  whisper-english  also contractions written out, numbers in digits, American spelling; nothing in brackets, no accents

A transcript in a file is a line of JSON: {\"recording\": \"talk.wav\", \"lead_silence\": 0.0, \"text\": \"...\"}. --save writes such
files, --texts reads them, whatever program made them.

Examples:
  auricle evaluate --preset english recordings/
  auricle evaluate --preset english --preset small manifest.jsonl --jobs 4 --html report.html
  auricle evaluate --preset english recordings/ --lead-silence 0,0.1,0.2 --save ours.jsonl
  auricle evaluate --texts ours.jsonl --texts other.jsonl recordings/ --normalizer whisper-english

Exit codes:
  0  success
  1  the output cannot be written
  2  the command line is wrong
  3  a recording, a manifest or a text file cannot be read
  4  no connection to the server, or it refused or ended a stream";

/// Measure word and character errors on recordings whose text is known.
#[derive(Debug, clap::Args)]
#[command(after_long_help = MORE)]
pub(super) struct EvaluateArgs {
    /// Recordings or folders of them, each with its text in a .txt file of the same name; or manifests (.json, .jsonl, .tsv)
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    server: Server,

    /// A preset to evaluate; may be given more than once. `auricle presets` lists them
    #[arg(long = "preset", value_name = "NAME", required_unless_present = "texts")]
    presets: Vec<String>,

    /// A field that the presets let clients set, as in `auricle stream`; may be given more than once
    #[arg(long = "option", value_name = "KEY=VALUE", value_parser = option)]
    options: Vec<(String, Value)>,

    /// How words are compared
    #[arg(long, value_name = "NAME", default_value_t, value_parser = normalizer())]
    normalizer: Normalizer,

    /// Send in real time, as a microphone would
    #[arg(long)]
    realtime: bool,

    /// Evaluate each recording after these lengths of silence, in seconds
    #[arg(long, value_name = "SECONDS,...", value_delimiter = ',', default_value = "0", value_parser = lead_silence)]
    lead_silence: Vec<f64>,

    /// Number of streams at a time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,

    /// The server's process id, to measure the processor time of it and its child processes; Linux only
    #[arg(long, requires = "presets")]
    pid: Option<u32>,

    /// Write the transcripts to this file
    #[arg(long, value_name = "FILE", requires = "presets")]
    save: Option<PathBuf>,

    /// Evaluate the transcripts in this file too; may be given more than once
    #[arg(long, value_name = "FILE")]
    texts: Vec<PathBuf>,

    /// Write the result to this file as a web page, with the aligned texts
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Write SubRip subtitles of each recording into this folder
    #[arg(long, value_name = "DIR", requires = "presets", conflicts_with = "lead_silence")]
    srt: Option<PathBuf>,

    /// Write WebVTT subtitles of each recording into this folder
    #[arg(long, value_name = "DIR", requires = "presets", conflicts_with = "lead_silence")]
    vtt: Option<PathBuf>,

    #[command(flatten)]
    format: Format,
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
    #[error("`{0}` is evaluated twice: name each preset and each file once")]
    Twice(String),
    #[error("--save writes the transcripts of one preset: name one")]
    SaveOne,
    #[error("--pid: there is no process {0} whose processor time can be read")]
    Process(u32),
    #[error("{}: {error}", .path.display())]
    Write { path: PathBuf, error: io::Error },
}

impl EvaluateError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Write { .. } | Self::Transcripts(TranscriptsError::Write { .. }) => 1,
            Self::Twice(_) | Self::SaveOne | Self::Process(_) => 2,
            Self::Recordings(_) | Self::Transcripts(_) => 3,
            Self::Stream { end: End::Source(_) | End::Damaged { .. }, .. } => 3,
            Self::Stream { .. } => 4,
        }
    }
}

pub(super) fn run(args: EvaluateArgs) -> ExitCode {
    logging::init_client();
    with_runtime(evaluate(args))
}

async fn evaluate(args: EvaluateArgs) -> ExitCode {
    match results(&args).await {
        Ok(results) if args.format.is_json() => print_json(&results),
        Ok(results) => print(&results.to_string()),
        Err(error) => {
            fail(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

async fn results(args: &EvaluateArgs) -> Result<Results, EvaluateError> {
    check(args)?;
    let recordings = recordings::find(&args.paths)?;
    // All files are read before a preset is tried, which may take long.
    let mut files = Vec::new();
    for file in &args.texts {
        files.push((file.display().to_string(), transcripts::read(file, &recordings)?));
    }
    let mut systems = Vec::new();
    for preset in &args.presets {
        let before = usage(args)?;
        let recognized = recognize::all(args, preset, &recordings).await?;
        let cpu_seconds = before.zip(usage(args)?).map(|(before, after)| after.seconds_since(&before));
        for (folder, format) in [(&args.srt, SubtitleFormat::Srt), (&args.vtt, SubtitleFormat::Vtt)] {
            if let Some(folder) = folder {
                let preset = (args.presets.len() > 1).then_some(preset.as_str());
                subtitles::write(folder, format, preset, &recognized)
                    .map_err(|(path, error)| EvaluateError::Write { path, error })?;
            }
        }
        let transcripts: Vec<_> = recognized.into_iter().map(|(transcript, _)| transcript).collect();
        if let Some(file) = &args.save {
            transcripts::write(file, &transcripts)?;
        }
        let scores = Scores::of(&recordings, &transcripts, args.normalizer);
        systems.push(System { name: preset.clone(), scores, speed: Speed::of(&transcripts, cpu_seconds) });
    }
    for (name, transcripts) in files {
        let scores = Scores::of(&recordings, &transcripts, args.normalizer);
        systems.push(System { name, scores, speed: Speed::of(&transcripts, None) });
    }
    let results = Results::of(systems, args.normalizer)?;
    if let Some(path) = &args.html {
        let page = report::page(&results, &recordings);
        std::fs::write(path, page).map_err(|error| EvaluateError::Write { path: path.clone(), error })?;
    }
    Ok(results)
}

/// Checks what the command line's parser does not.
fn check(args: &EvaluateArgs) -> Result<(), EvaluateError> {
    if args.save.is_some() && args.presets.len() > 1 {
        return Err(EvaluateError::SaveOne);
    }
    let mut names = BTreeSet::new();
    let all = args.presets.iter().cloned().chain(args.texts.iter().map(|file| file.display().to_string()));
    match all.into_iter().find(|name| !names.insert(name.clone())) {
        Some(name) => Err(EvaluateError::Twice(name)),
        None => Ok(()),
    }
}

/// The processor time of the server, if its process is known.
fn usage(args: &EvaluateArgs) -> Result<Option<Usage>, EvaluateError> {
    args.pid.map(|pid| Usage::of(pid).ok_or(EvaluateError::Process(pid))).transpose()
}

fn normalizer() -> impl TypedValueParser<Value = Normalizer> {
    PossibleValuesParser::new(Normalizer::ALL.map(Normalizer::name)).try_map(|name| name.parse::<Normalizer>())
}

/// Parses a length of silence.
fn lead_silence(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=60.0).contains(&seconds) => Ok(seconds),
        _ => Err("must be a number of seconds from 0 to 60".into()),
    }
}
