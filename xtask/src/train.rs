//! Trains the models of this repository with the recipes in `training/`.

use crate::run::{Done, root, run, target};
use clap::Subcommand;
use std::{fs, path::PathBuf, process::Command};

/// Selects the model.
#[derive(Subcommand)]
pub(crate) enum Train {
    /// English digits, spoken in a row: models/digits. Resumes a run that was stopped
    Digits(Digits),
    /// The same as a small Whisper, which tests use: fixtures/whisper-digits. Resumes a run that was stopped
    Whisper(Recipe),
}

/// Arguments of `cargo xtask train digits`. By default it trains one model without each person, and then the final one.
#[derive(clap::Args)]
pub(crate) struct Digits {
    #[command(flatten)]
    recipe: Recipe,
    /// Train only the final model, on all persons
    #[arg(long, conflicts_with = "fold")]
    all: bool,
}

/// Arguments of all recipes. `cargo xtask train whisper` trains the final model by default.
#[derive(clap::Args)]
pub(crate) struct Recipe {
    /// Folder with the .wav files of the Free Spoken Digit Dataset (github.com/Jakobovski/free-spoken-digit-dataset)
    #[arg(long, value_name = "DIR")]
    digits: PathBuf,
    /// Train only the model without this person, and write its results
    #[arg(long, value_name = "NAME")]
    fold: Option<String>,
    /// Number of processor cores to use
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Number of steps instead of the recipe's, for experiments
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
}

/// A recipe's Python package, its folder under `target/training`, and its environment.
struct Room {
    package: &'static str,
    work: &'static str,
    requirements: &'static str,
    environment: &'static str,
    /// A file in the environment that lists what is installed. Written last, so that an interrupted installation is
    /// repeated.
    installed: &'static str,
}

const DIGITS: Room = Room {
    package: "digits",
    work: "digits",
    requirements: "training/requirements.txt",
    environment: "training-env",
    installed: "requirements.txt",
};

/// Shares the environment of the engine's reference (plugins/whisper/parity).
const WHISPER: Room = Room {
    package: "whisper_digits",
    work: "whisper-digits",
    requirements: "training/whisper/requirements.txt",
    environment: "whisper-env",
    installed: "packages.txt",
};

/// Runs a recipe in its environment.
pub(crate) fn train(model: &Train) -> Done {
    let (room, recipe, all) = match model {
        Train::Digits(options) => (&DIGITS, &options.recipe, options.all),
        Train::Whisper(recipe) => (&WHISPER, recipe, false),
    };
    let recordings =
        std::path::absolute(&recipe.digits).map_err(|error| format!("{}: {error}", recipe.digits.display()))?;
    if !recordings.is_dir() {
        return Err(format!("{} is not a folder; --digits must be the recordings' folder", recordings.display()));
    }
    let mut command = Command::new(environment(room)?);
    let work = target().join("training").join(room.work);
    command.args(["-m", room.package, "--digits"]).arg(recordings).arg("--work").arg(work);
    if let Some(name) = &recipe.fold {
        command.args(["--fold", name]);
    }
    if all {
        command.arg("--all");
    }
    for (option, number) in [("--jobs", recipe.jobs), ("--steps", recipe.steps)] {
        if let Some(number) = number {
            command.args([option, &number.to_string()]);
        }
    }
    run(command.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(root().join("training")))
}

/// The recipes' own tests, each in its recipe's environment.
pub(crate) fn tests() -> Done {
    for (room, files) in [(&DIGITS, "test_[!w]*.py"), (&WHISPER, "test_w*.py")] {
        let mut command = Command::new(environment(room)?);
        command.args(["-m", "unittest", "discover", "-s", "tests", "-p", files]);
        run(command.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(root().join("training")))?;
    }
    Ok(())
}

/// Creates a Python environment with a recipe's requirements under `target`; returns the interpreter.
fn environment(room: &Room) -> Done<PathBuf> {
    let requirements = root().join(room.requirements);
    let wanted = fs::read_to_string(&requirements).map_err(|error| format!("{}: {error}", requirements.display()))?;
    let folder = target().join(room.environment);
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let installed = folder.join(room.installed);
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
