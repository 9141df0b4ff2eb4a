//! `auricle key`: the API keys in a server's key file.

use super::output::{Format, fail, print, print_json};
use auricle_core::wording::count;
use auricle_server::access::{KeyEntry, KeysDocument, KeysEditError, NewKey};
use clap::Subcommand;
use serde::Serialize;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Create, list, remove and replace API keys in a server's key file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The key file is the one that `keys` in auricle.toml names. It holds hashes: a key is printed once, when it is made. A running
server reads the file again within a second; the open streams of removed and replaced keys are finished with their last words.

Examples:
  auricle key add alice --file configs/keys.toml
  auricle key add phone --preset english --preset german --max-streams 20 --file configs/keys.toml
  auricle key list --file configs/keys.toml
  auricle key rotate alice --file configs/keys.toml
  auricle key remove alice --file configs/keys.toml

Exit status: 0 success, 1 failure.")]
pub(super) struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    #[command(alias = "new")]
    Add(AddArgs),
    /// List the keys: name, rights, limits; never the keys themselves
    List {
        /// The key file
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        format: Format,
    },
    /// Remove a key; its open streams are finished
    Remove {
        /// Name of the key
        name: String,
        /// The key file
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
    /// Replace a key by a new one with the same name, presets and limits, and print it; the old one stops working
    Rotate {
        /// Name of the key
        name: String,
        /// The key file
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
}

/// Create a key and print it
///
/// The key is printed on standard output and not stored; the key file gets its hash.
#[derive(Debug, clap::Args)]
struct AddArgs {
    /// Name of the key: letters, digits, `-` and `_`; shown in the log and to operators
    name: String,
    /// A preset that the key may use (default: all); may be given more than once
    #[arg(long, value_name = "NAME")]
    preset: Vec<String>,
    /// Maximum number of open streams (default: the server's limit only)
    #[arg(long, value_name = "N")]
    max_streams: Option<usize>,
    /// Allow /metrics, /v1/streams and /v1/engines too
    #[arg(long)]
    operator: bool,
    /// The key file, created if it does not exist; without it, the entry is printed on standard error
    #[arg(long, alias = "into", value_name = "FILE")]
    file: Option<PathBuf>,
}

/// A key in a list.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    operator: bool,
    presets: Option<Vec<String>>,
    max_streams: Option<usize>,
}

pub(super) fn run(args: &KeyArgs) -> ExitCode {
    let done = match &args.command {
        KeyCommand::Add(args) => add(args).map(|secret| print(&secret)),
        KeyCommand::List { file, format } => list(file).map(|keys| match format.is_json() {
            true => print_json(&keys),
            false if keys.is_empty() => print("no keys"),
            false => print(&keys.iter().map(describe).collect::<Vec<_>>().join("\n")),
        }),
        KeyCommand::Remove { name, file } => {
            KeysDocument::open(file).and_then(|keys| keys.remove(name)).map(|()| ExitCode::SUCCESS)
        }
        KeyCommand::Rotate { name, file } => {
            KeysDocument::open(file).and_then(|keys| keys.rotate(name)).map(|secret| print(&secret))
        }
    };
    done.unwrap_or_else(fail)
}

/// Creates a key, and returns it.
fn add(args: &AddArgs) -> Result<String, KeysEditError> {
    let entry = KeyEntry {
        sha256: String::new(),
        presets: (!args.preset.is_empty()).then(|| args.preset.clone()),
        max_streams: args.max_streams,
        operator: args.operator,
    };
    let key = NewKey::make(&args.name, entry)?;
    match &args.file {
        Some(file) => KeysDocument::open_or_new(file)?.append(&key)?,
        None => eprint!("Add this to the server's key file (`keys` in auricle.toml):\n\n{}\n", key.toml),
    }
    Ok(key.secret)
}

fn list(file: &Path) -> Result<Vec<Listed>, KeysEditError> {
    let keys = KeysDocument::open(file)?.list()?.into_iter();
    Ok(keys
        .map(|(name, KeyEntry { operator, presets, max_streams, .. })| Listed { name, operator, presets, max_streams })
        .collect())
}

fn describe(Listed { name, operator, presets, max_streams }: &Listed) -> String {
    let presets = presets.as_ref().map_or_else(
        || "all presets".to_owned(),
        |presets| match &presets[..] {
            [] => "no presets".to_owned(),
            presets => format!("presets {}", presets.join(", ")),
        },
    );
    let streams = max_streams.map_or_else(|| "any number of streams".to_owned(), |most| count(most, "stream"));
    format!("{name}  {}{presets}, {streams}", if *operator { "operator, " } else { "" })
}
