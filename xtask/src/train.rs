//! Training the models that come with the repository, by the recipes in `training/`.

use crate::run::{Done, root, run, target};
use clap::Subcommand;
use std::{fs, path::PathBuf, process::Command};

/// Which model.
#[derive(Subcommand)]
pub(crate) enum Train {
    /// English digits, spoken in a row: models/digits. A run that was stopped goes on where it was
    Digits(Digits),
}

/// What `cargo xtask train digits` trains: without further options a model for each person left out, then the final one.
#[derive(clap::Args)]
pub(crate) struct Digits {
    /// The folder of .wav files of the Free Spoken Digit Dataset (github.com/Jakobovski/free-spoken-digit-dataset)
    #[arg(long, value_name = "DIR")]
    digits: PathBuf,
    /// Only the model that does not know this person, and its results
    #[arg(long, value_name = "NAME", conflicts_with = "all")]
    fold: Option<String>,
    /// Only the final model, trained on all
    #[arg(long)]
    all: bool,
    /// How many processor cores to use
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Other than the recipe's number of steps, to try something out
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
}

/// Runs a recipe in its environment.
pub(crate) fn train(model: &Train) -> Done {
    let Train::Digits(options) = model;
    let recordings =
        std::path::absolute(&options.digits).map_err(|error| format!("{}: {error}", options.digits.display()))?;
    if !recordings.is_dir() {
        return Err(format!("{} is not a folder; --digits wants the recordings' folder", recordings.display()));
    }
    let python = environment()?;
    let mut command = Command::new(python);
    command.args(["-m", "digits", "--digits"]).arg(recordings).arg("--work").arg(target().join("training/digits"));
    if let Some(name) = &options.fold {
        command.args(["--fold", name]);
    }
    if options.all {
        command.arg("--all");
    }
    for (option, number) in [("--jobs", options.jobs), ("--steps", options.steps)] {
        if let Some(number) = number {
            command.args([option, &number.to_string()]);
        }
    }
    run(command.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(root().join("training")))
}

/// A Python with what `training/requirements.txt` names, under `target/training-env`; returns the interpreter.
fn environment() -> Done<PathBuf> {
    let requirements = root().join("training/requirements.txt");
    let wanted = fs::read_to_string(&requirements).map_err(|error| format!("{}: {error}", requirements.display()))?;
    let folder = target().join("training-env");
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    // Written last: an interrupted installation is begun again.
    let installed = folder.join("requirements.txt");
    if fs::read_to_string(&installed).is_ok_and(|there| there == wanted) {
        return Ok(python);
    }
    eprintln!(
        "xtask: installing what training needs (PyTorch and others, about 5 GB) from PyPI into {}",
        folder.display()
    );
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(&requirements))?;
    fs::write(&installed, wanted).map_err(|error| format!("{}: {error}", installed.display()))?;
    Ok(python)
}
