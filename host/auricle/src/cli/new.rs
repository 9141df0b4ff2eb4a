//! `auricle new`: writes a project for an engine, which builds at once.
//!
//! The templates are real files beside this one, for an engine `my-engine`; only names are replaced in them. The folder
//! appears when it is complete. One thread.

mod c;
mod name;
mod project;
mod python;
mod recording;
mod rust;

use super::output::{fail, print};
use clap::ValueEnum;
use name::Name;
use project::Project;
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Write a project for a new engine, which builds at once and recognises the tones of telephone keys, or for a stage.
///
/// The folder NAME gets the engine, a preset, tests, a recording, a workflow for GitHub Actions and a README. NAME is also the
/// backend name of the engine, or the name of the stage, which replaces words. A stage has no recording.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  auricle new my-engine --lang rust
  auricle new my-engine --lang python --kind buffer
  auricle new my-engine --lang rust --api ~/auricle
  auricle new my-stage --lang cpp --kind stage

Exit status: 0 success, 1 failure.")]
pub(super) struct NewArgs {
    /// Name of the project: lower-case letters, digits, dashes and underscores
    name: Name,
    /// Language of the engine
    #[arg(long, value_enum)]
    lang: Language,
    /// What it is, and how a recogniser gets its audio
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
    /// A checkout of Auricle, whose crates the project uses instead of the published ones; for Rust
    #[arg(long, value_name = "DIR")]
    api: Option<PathBuf>,
}

/// What a project is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// An engine that gets little audio at a time, and keeps a state between the calls
    #[default]
    Streaming,
    /// An engine that gets a buffer with the whole audio of a text, as Whisper does
    Buffer,
    /// A stage, which changes the events of any engine
    Stage,
}

/// A language of engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    Rust,
    C,
    Cpp,
    Python,
}

pub(super) fn run(args: &NewArgs) -> ExitCode {
    match write(args, Path::new("")) {
        Ok(commands) => print(&format!("{} is complete. The next commands:\n{}", args.name, commands.join("\n"))),
        Err(problem) => fail(problem),
    }
}

/// Writes the project into this folder; returns the next commands.
fn write(args: &NewArgs, parent: &Path) -> Result<Vec<String>, String> {
    let kind = match args.kind {
        Kind::Streaming => Some(project::Kind::Streaming),
        Kind::Buffer => Some(project::Kind::Buffer),
        Kind::Stage => None,
    };
    let project = match (args.lang, kind, &args.api) {
        (Language::Rust, Some(kind), api) => rust::project(&args.name, kind, api.as_deref())?,
        (Language::Rust, None, api) => rust::stage(&args.name, api.as_deref())?,
        (_, _, Some(_)) => {
            return Err("--api is for --lang rust only: other projects need nothing of a checkout".into());
        }
        (Language::C, Some(kind), None) => c::project(&args.name, kind),
        (Language::Cpp, Some(kind), None) => c::project_in_cpp(&args.name, kind),
        (Language::Python, Some(kind), None) => python::project(&args.name, kind),
        (Language::C, None, None) => c::stage(&args.name),
        (Language::Cpp, None, None) => c::stage_in_cpp(&args.name),
        (Language::Python, None, None) => python::stage(&args.name),
    };
    place(&project, parent, &args.name)?;
    Ok(project.commands)
}

fn place(project: &Project, parent: &Path, name: &Name) -> Result<(), String> {
    let folder = parent.join(name.as_str());
    let exists = || format!("{} exists: choose another name, or remove it", folder.display());
    if folder.exists() {
        return Err(exists());
    }
    let beside = parent.join(format!(".{name}.new"));
    let put = || {
        for (path, bytes) in project.files() {
            let path = beside.join(path);
            fs::create_dir_all(path.parent().unwrap_or(&beside))?;
            fs::write(path, bytes)?;
        }
        fs::rename(&beside, &folder)
    };
    put().map_err(|error: io::Error| {
        // What is left of it is of no use.
        let _ = fs::remove_dir_all(&beside);
        if folder.exists() { exists() } else { format!("cannot write {}: {error}", folder.display()) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: NewArgs,
    }

    fn args(line: &str) -> NewArgs {
        Line::try_parse_from(format!("new {line}").split(' ')).unwrap_or_else(|error| panic!("{error}")).args
    }

    #[test]
    fn every_combination_has_the_same_parts() {
        for lang in ["rust", "c", "cpp", "python"] {
            for kind in ["streaming", "buffer"] {
                let parent = tempfile::tempdir().unwrap();
                let commands = write(&args(&format!("keys-2 --lang {lang} --kind {kind}")), parent.path()).unwrap();
                assert_eq!(commands.len(), 3, "{commands:?}");
                let folder = parent.path().join("keys-2");
                for file in [
                    ".github/workflows/ci.yml",
                    ".gitignore",
                    "README.md",
                    "audio/keys.txt",
                    "audio/keys.wav",
                    "configs/presets/keys-2.json",
                ] {
                    assert!(folder.join(file).is_file(), "{lang} {kind}: {file}");
                }
                assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
            }
        }
    }

    #[test]
    fn stages_have_the_same_parts_in_each_language() {
        for lang in ["rust", "c", "cpp", "python"] {
            let parent = tempfile::tempdir().unwrap();
            let commands = write(&args(&format!("words --lang {lang} --kind stage")), parent.path()).unwrap();
            assert!(commands.len() >= 2, "{commands:?}");
            for file in [".github/workflows/ci.yml", ".gitignore", "README.md", "configs/presets/words.json"] {
                assert!(parent.path().join("words").join(file).is_file(), "{lang}: {file}");
            }
        }
    }

    #[test]
    fn nothing_of_the_template_is_left() {
        let kinds = ["streaming", "buffer", "stage"];
        let all = ["rust", "c", "cpp", "python"].into_iter().flat_map(|lang| kinds.map(|kind| (lang, kind)));
        for (lang, kind) in all {
            let parent = tempfile::tempdir().unwrap();
            write(&args(&format!("keys-2 --lang {lang} --kind {kind}")), parent.path()).unwrap();
            let mut folders = vec![parent.path().to_owned()];
            while let Some(folder) = folders.pop() {
                for entry in fs::read_dir(folder).unwrap() {
                    let path = entry.unwrap().path();
                    let name = path.to_str().unwrap();
                    let text =
                        if path.is_dir() { String::new() } else { fs::read_to_string(&path).unwrap_or_default() };
                    for left in ["my-engine", "my_engine", "ANCHOR", "SOURCE"] {
                        assert!(!text.contains(left) && !name.contains(left), "{name} has {left}");
                    }
                    if path.is_dir() {
                        folders.push(path);
                    }
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        fs::create_dir(parent.path().join("keys")).unwrap();
        let refused = |line: &str| write(&args(line), parent.path()).unwrap_err();
        assert!(refused("keys --lang c").contains("keys exists: choose another name"));
        assert!(refused("other --lang c --api .").contains("--api is for --lang rust only"));
        assert!(refused("other --lang c --kind stage --api .").contains("--api is for --lang rust only"));
        assert!(refused("other --lang rust --api /nowhere").contains("/nowhere"));
        let parent = parent.path().join("nowhere").join("at-all");
        fs::create_dir_all(parent.parent().unwrap()).unwrap();
        fs::write(&parent, "a file").unwrap();
        let problem = write(&args("other --lang c"), &parent).unwrap_err();
        assert!(problem.starts_with("cannot write ") && problem.contains("other: "), "{problem}");
    }
}
