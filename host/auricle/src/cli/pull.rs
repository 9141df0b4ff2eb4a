//! `auricle pull`: downloads a published model into a folder that a preset can name.
//!
//! [`catalogue`] has the short names, [`hub`] lists a repository's files, [`selection`] picks from their [`names`] those that make a model,
//! [`download`] fetches a file, [`folder`] moves the complete model to its destination. One thread. The preset is the
//! command's result and goes to standard output; everything else goes to standard error.

mod catalogue;
mod download;
mod folder;
mod hub;
mod names;
mod progress;
mod selection;

use super::{
    logging,
    output::{fail, print},
    preset_file::PresetFile,
};
use auricle_core::wording::count;
use catalogue::Model;
use folder::{Destination, FolderError, Occupied, Source};
use hub::{Failure, Hub, HubError, RemoteFile, Snapshot};
use indicatif::DecimalBytes;
use names::{Names, SelectionError};
pub(super) use progress::Progress;
use selection::Engine;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Download a published model into a resource directory.
///
/// Whisper models in Hugging Face's ONNX layout are for engine `whisper`, streaming models of sherpa-onnx for engine `onnx`. The model
/// becomes the folder DIR/NAME once it is complete; an interrupted download continues where it stopped. Prints a preset for the
/// model.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  auricle pull --list                              list the catalogue
  auricle pull tiny                                into models/tiny
  auricle pull zipformer-en --configs configs      also writes configs/presets/zipformer-en.json
  auricle pull base.en --precision int8 --into /usr/share/auricle
  auricle pull OWNER/NAME --revision v2            any repository in this layout

The token for private and gated repositories comes from HF_TOKEN or from an earlier login of
Hugging Face's tools, a proxy from HTTPS_PROXY. Only the preset goes to standard output.

Exit status: 0 success, 1 failure.")]
pub(super) struct PullArgs {
    /// A name from the catalogue, or a repository OWNER/NAME
    #[arg(required_unless_present = "list")]
    name: Option<Model>,
    /// Resource directory for the model
    #[arg(long, value_name = "DIR", default_value = "models")]
    into: PathBuf,
    /// Precision of the networks: the suffix of their file names, such as int8 or fp16 (default: the plain export)
    #[arg(long, default_value = "", hide_default_value = true, value_parser = precision)]
    precision: String,
    /// Branch, tag or commit of the repository
    #[arg(long, default_value = "main", value_parser = revision)]
    revision: String,
    /// Address of the hub
    #[arg(long, value_name = "URL", env = "HF_ENDPOINT", default_value = "https://huggingface.co")]
    endpoint: String,
    /// Download again and replace the existing folder
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    preset: PresetFile,
    /// Print the catalogue
    #[arg(long)]
    list: bool,
}

/// The model cannot be downloaded.
#[derive(Debug, thiserror::Error)]
enum PullError {
    #[error("{} already exists: {what}; --again replaces it, --into DIR puts this one elsewhere", .folder.display())]
    Occupied { folder: PathBuf, what: Box<Occupied> },
    #[error(transparent)]
    Hub(#[from] HubError),
    #[error("{endpoint} cannot be reached: {why}; {by_hand}")]
    Unreachable { endpoint: String, why: String, by_hand: String },
    #[error("the connection to {endpoint} was lost: {why}; run the same command again to resume")]
    BrokenOff { endpoint: String, why: String },
    /// The hub refused the request, or a downloaded file is wrong.
    #[error("{0}")]
    Refused(String),
    #[error("{repository} {problem}")]
    Selection { repository: String, problem: SelectionError },
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// The precision is not a suffix of a file name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the end of a file's name, such as int8 or fp16")]
struct PrecisionError;

/// The revision cannot be part of a URL.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a branch, tag or commit")]
struct RevisionError;

pub(super) fn run(args: &PullArgs) -> ExitCode {
    logging::init_client();
    match &args.name {
        Some(model) if !args.list => match pull(args, model) {
            Ok(preset) => args.preset.write_and_print(&model.folder, &preset),
            Err(problem) => fail(problem),
        },
        _ => print(&catalogue::table()),
    }
}

/// Downloads the model unless it exists; returns a preset for it.
fn pull(args: &PullArgs, Model { repository, folder }: &Model) -> Result<Value, PullError> {
    let PullArgs { into, precision, revision, .. } = args;
    let destination = Destination::new(into, folder);
    let here = destination.folder().display();
    match destination.holds(repository, revision, precision) {
        Some(Ok((what, engine))) if !args.again => {
            eprintln!("{here} already exists ({what}); --again downloads it again");
            return Ok(preset(engine, folder, precision));
        }
        Some(Err(what)) if !args.again => {
            return Err(PullError::Occupied { folder: destination.folder().to_owned(), what: Box::new(what) });
        }
        _ => {}
    }
    let hub = Hub::new(&args.endpoint)?;
    let snapshot = hub.look(repository, revision).map_err(|failure| match failure {
        Failure::Refused(line) => PullError::Refused(line),
        Failure::Unreachable(why) => {
            let by_hand = selection::by_hand(repository, precision, &here.to_string());
            PullError::Unreachable { endpoint: hub.endpoint().to_owned(), why, by_hand }
        }
    })?;
    let (engine, files) = choose(&snapshot, precision)
        .map_err(|problem| PullError::Selection { repository: repository.clone(), problem })?;
    let size: u64 = files.iter().filter_map(|file| file.size).sum();
    let commit = snapshot.commit.clone();
    eprintln!("{repository}, commit {commit}: {}, {}, into {here}", count(files.len(), "file"), DecimalBytes(size));
    let source =
        Source { repository: repository.clone(), revision: revision.clone(), commit, precision: precision.clone() };
    let gathering = destination.gather(&source)?;
    for file in files {
        download::fetch(&snapshot, file, gathering.path()).map_err(|failure| match failure {
            Failure::Refused(line) => PullError::Refused(line),
            Failure::Unreachable(why) => PullError::BrokenOff { endpoint: hub.endpoint().to_owned(), why },
        })?;
    }
    gathering.finish()?;
    let convertible = engine == Engine::Whisper && matches!(precision.as_str(), "" | "fp16");
    if convertible && has_converter(Path::new("")) {
        eprintln!("faster to run: cargo xtask convert whisper {here} --out {here}.fast");
    }
    eprintln!("{here} is complete; preset for a server with --resources {}:", into.display());
    Ok(preset(engine, folder, precision))
}

/// The engine that the model is for, and the files that make up the model.
fn choose<'a>(snapshot: &'a Snapshot<'_>, precision: &str) -> Result<(Engine, Vec<&'a RemoteFile>), SelectionError> {
    let names = Names::new(snapshot.files.iter().map(|file| file.name.as_str()))?;
    let chosen = selection::choose(&names, precision)?;
    let files = chosen.files.iter().filter_map(|name| snapshot.files.iter().find(|file| file.name == *name));
    Ok((chosen.engine, files.collect()))
}

fn preset(engine: Engine, folder: &str, precision: &str) -> Value {
    let mut preset = json!({"backend": engine.backend(), "model": folder});
    if !precision.is_empty() {
        preset["precision"] = precision.into();
    }
    preset
}

/// Whether this is a checkout with the converter to the engine's own layout. The converter accepts unquantized models
/// only.
fn has_converter(here: &Path) -> bool {
    here.join("plugins/whisper/convert/convert.py").is_file()
}

fn precision(text: &str) -> Result<String, PrecisionError> {
    match text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        true => Ok(text.to_owned()),
        false => Err(PrecisionError),
    }
}

fn revision(text: &str) -> Result<String, RevisionError> {
    let ordinary = |part: &str| !matches!(part, "" | "." | "..");
    let letters = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
    match letters && text.split('/').all(ordinary) {
        true => Ok(text.to_owned()),
        false => Err(RevisionError),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_precision_and_a_revision_gets_into_an_address() {
        for (good, bad) in [("", "../x"), ("int8", "int8.onnx"), ("q4_f16", "a b"), ("fp16", "%2e")] {
            assert_eq!(precision(good), Ok(good.to_owned()));
            assert!(precision(bad).is_err(), "{bad}");
        }
        for (good, bad) in [("main", ""), ("refs/pr/1", "refs/../x"), ("v1.0-rc_2", "a//b"), ("15c1f26", "x?y")] {
            assert_eq!(revision(good), Ok(good.to_owned()));
            assert!(revision(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_preset_names_what_was_pulled() {
        assert_eq!(preset(Engine::Whisper, "tiny", ""), json!({"backend": "whisper", "model": "tiny"}));
        let int8 = json!({"backend": "onnx", "model": "x", "precision": "int8"});
        assert_eq!(preset(Engine::Onnx, "x", "int8"), int8);
    }
}
