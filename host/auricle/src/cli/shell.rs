//! `auricle completions` and `auricle man`: files for shells and for `man`, made from the command line itself.

use super::output::{fail, print};
use clap::Command;
use clap_complete::Shell;
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Print the completions for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  auricle completions bash > ~/.local/share/bash-completion/completions/auricle
  auricle completions zsh > ~/.zfunc/_auricle                    with ~/.zfunc in fpath
  auricle completions fish > ~/.config/fish/completions/auricle.fish

Exit status: 0 success, 1 failure.")]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Write the manual pages, one for each command, into a directory.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  auricle man --out ~/.local/share/man/man1 && man auricle-stream

Exit status: 0 success, 1 failure.")]
pub(super) struct ManArgs {
    /// The directory; created if it does not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Prints the completions of `program`.
pub(super) fn completions(args: &CompletionsArgs, program: &Command) -> ExitCode {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut visible(program), "auricle", &mut text);
    print(String::from_utf8_lossy(&text).trim_end())
}

/// Writes the manual pages of `program`.
pub(super) fn man(args: &ManArgs, program: Command) -> ExitCode {
    match write(&args.out, program) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(format_args!("{}: {error}", args.out.display())),
    }
}

fn write(dir: &Path, program: Command) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    clap_mangen::generate_to(program, dir)
}

/// Without the hidden commands, which the server starts. A command cannot be removed from another; it is built anew.
fn visible(program: &Command) -> Command {
    let shown = program.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let fresh = Command::new("auricle").version(env!("CARGO_PKG_VERSION")).propagate_version(true);
    fresh.subcommand_required(true).subcommands(shown)
}
