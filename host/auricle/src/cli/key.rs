//! `auricle key`: API keys.

use super::output::{fail, print};
use auricle_core::text_file;
use auricle_server::access::{KeyEntry, Keys, KeysError, NewKey};
use clap::Subcommand;
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};
use tokio_util::sync::CancellationToken;

/// Create API keys.
#[derive(Debug, clap::Args)]
pub(super) struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    New(NewArgs),
}

/// Create a key and print it.
///
/// The key is printed on standard output and not stored; the server's key file gets its hash. A running server reloads the
/// file when it changes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  auricle key new alice --into configs/keys.toml
  auricle key new phone --preset english --preset german --max-streams 20 --into configs/keys.toml
  auricle key new monitoring --operator            the entry for the key file goes to standard error

Exit status: 0 success, 1 failure.")]
struct NewArgs {
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
    /// The key file to add it to; created if it does not exist
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
}

/// The key cannot be created, or its entry cannot be written.
#[derive(Debug, thiserror::Error)]
enum KeyError {
    #[error(transparent)]
    Make(#[from] KeysError),
    #[error("{}: {error}", .file.display())]
    File { file: PathBuf, error: io::Error },
    /// The key file, with the new entry, is invalid.
    #[error("{}: {problem}", .file.display())]
    Content { file: PathBuf, problem: KeysError },
}

pub(super) fn run(args: &KeyArgs) -> ExitCode {
    let KeyCommand::New(args) = &args.command;
    let entry = KeyEntry {
        sha256: String::new(),
        presets: (!args.preset.is_empty()).then(|| args.preset.clone()),
        max_streams: args.max_streams,
        operator: args.operator,
    };
    let made = NewKey::make(&args.name, entry).map_err(KeyError::Make).and_then(|key| {
        match &args.into {
            Some(file) => append(file, &key.toml)?,
            None => eprint!("Add this to the server's key file (`keys` in auricle.toml):\n\n{}\n", key.toml),
        }
        Ok(key)
    });
    match made {
        Ok(key) => print(&key.secret),
        Err(problem) => fail(problem),
    }
}

/// Appends by replacing the file, so that a server never reads a partial one.
fn append(file: &Path, entry: &str) -> Result<(), KeyError> {
    let of = |error| KeyError::File { file: file.to_owned(), error };
    let before = match text_file::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(of(error)),
    };
    let gap = if before.is_empty() { "" } else { "\n" };
    let text = format!("{before}{gap}{entry}");
    // Fails on a duplicate name, among others.
    Keys::parse(&text, None, &CancellationToken::new())
        .map_err(|problem| KeyError::Content { file: file.to_owned(), problem })?;
    let write = || {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut beside = tempfile::NamedTempFile::new_in(folder)?;
        beside.write_all(text.as_bytes())?;
        if let Ok(metadata) = fs::metadata(file) {
            fs::set_permissions(beside.path(), metadata.permissions())?;
        }
        beside.persist(file).map_err(|error| error.error)
    };
    write().map(drop).map_err(of)
}
