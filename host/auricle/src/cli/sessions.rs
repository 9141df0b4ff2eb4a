//! `auricle sessions`: lists and exports the sessions in a journal.

use super::output::{Format, fail, print, print_json};
use auricle_core::wording::count;
use auricle_session::journal::{self, Session};
use clap::Subcommand;
use std::{io, path::PathBuf, process::ExitCode};

/// List and export the transcripts in a server's journal (`[journal]` in auricle.toml).
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  auricle sessions --journal /var/lib/auricle/journal list
  auricle sessions --journal /var/lib/auricle/journal export 4f1c               an id, or its beginning
  auricle sessions --journal /var/lib/auricle/journal export 4f1c --format json

Exit status: 0 success, 1 failure.")]
pub(super) struct SessionsArgs {
    /// The journal's directory
    #[arg(long, value_name = "DIR")]
    journal: PathBuf,
    #[command(subcommand)]
    command: SessionsCommand,
}

#[derive(Debug, Subcommand)]
enum SessionsCommand {
    /// List the sessions, oldest first: start, id, key, outcome, length of the text
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Print the text of one session; as JSON, everything that the journal has of it
    Export {
        /// The stream's id, or a unique beginning of it
        stream: String,
        #[command(flatten)]
        format: Format,
    },
}

pub(super) fn run(args: &SessionsArgs) -> ExitCode {
    let sessions = match read(args) {
        Ok(sessions) => sessions,
        Err(error) => return fail(format_args!("{}: {error}", args.journal.display())),
    };
    match &args.command {
        SessionsCommand::List { format } if format.is_json() => print_json(&sessions),
        SessionsCommand::List { .. } if sessions.is_empty() => print("no sessions"),
        SessionsCommand::List { .. } => print(&sessions.iter().map(describe).collect::<Vec<_>>().join("\n")),
        SessionsCommand::Export { stream, format } => {
            let mut found = sessions.iter().filter(|session| session.start.stream.starts_with(stream.as_str()));
            match (found.next(), found.next()) {
                (Some(session), None) if format.is_json() => print_json(session),
                (Some(session), None) => print(&session.text()),
                (Some(_), Some(_)) => fail(format_args!("more than one session begins with `{stream}`")),
                (None, _) => fail(format_args!("no session `{stream}` in {}", args.journal.display())),
            }
        }
    }
}

fn read(args: &SessionsArgs) -> io::Result<Vec<Session>> {
    let mut sessions = Vec::new();
    for path in journal::list(&args.journal)? {
        match journal::read(&path) {
            Ok(session) => sessions.push(session),
            // Removed in the meantime, or not written by a server.
            Err(error) => eprintln!("skipped: {error}"),
        }
    }
    Ok(sessions)
}

fn describe(session: &Session) -> String {
    let Session { start, segments, outcome } = session;
    let (key, outcome) = (start.key.as_deref().unwrap_or("-"), outcome.as_deref().unwrap_or("unfinished"));
    let seconds = segments.last().map_or(0.0, |segment| segment.end);
    let segments = count(segments.len(), "segment");
    format!("{}  {}  {}  {key}  {outcome}  {segments}, {seconds:.1} s", start.time, start.stream, start.preset)
}
