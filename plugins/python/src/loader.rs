//! The engine: its fields, and what the fields mean that say where an author's loader is.
//!
//! Threads: any.

use crate::{
    environment::Environment,
    ffi::Object,
    interpreter::{Interpreter, Part},
    model::PythonModel,
};
use auricle_plugin_api::{Config, Error, Field, Host, ModelLoader, Schema};
use serde_json::json;
use std::{ops::RangeInclusive, path::PathBuf};

/// Samples per millisecond, at 16 kHz.
const SAMPLES_PER_MS: u32 = 16;
/// Lengths of a chunk.
const CHUNK_MS: RangeInclusive<u32> = 10..=60_000;

/// The engine `python`.
pub struct Python;

impl ModelLoader for Python {
    type Model = PythonModel;

    fn backend(&self) -> &str {
        "python"
    }

    fn schema(&self) -> Schema {
        place()
            .field(
                Field::load("chunk_ms")
                    .integer(i64::from(*CHUNK_MS.start()), i64::from(*CHUNK_MS.end()))
                    .default(100)
                    .describe("milliseconds of audio in each chunk; `process_iter` is called once after each"),
            )
            .field(
                Field::load("max_streams")
                    .integer(1, 10_000)
                    .default(1)
                    .describe("how many streams there may be at once; the loader is called for each"),
            )
            .field(Field::stream("lan").default("auto").describe("the language, as the loader's `config.lan`"))
    }

    fn load(&self, config: &Config, host: &Host) -> Result<PythonModel, Error> {
        let chunk_ms: u32 = config.get("chunk_ms")?;
        if !CHUNK_MS.contains(&chunk_ms) {
            let problem = format!("is {chunk_ms}: {} to {}", CHUNK_MS.start(), CHUNK_MS.end());
            return Err(Error::config("chunk_ms", problem));
        }
        let (interpreter, loader) = author_loader(Part::Engine, config, host)?;
        PythonModel::load(interpreter, &loader, config, chunk_ms * SAMPLES_PER_MS, config.get("max_streams")?)
    }

    fn files(&self, config: &Config, host: &Host) -> Result<Option<Vec<PathBuf>>, Error> {
        needed_files(config, host).map(Some)
    }
}

/// The fields that say where an author's loader is.
pub(crate) fn place() -> Schema {
    Schema::new()
        .field(Field::load("module").required().describe("the module with the loader, such as `my_engine.loader`"))
        .field(Field::load("loader").required().describe("the name of the loader's class"))
        .field(Field::load("path").describe("the folder in which Python looks for the module first"))
        .field(Field::load("venv").describe("a virtual environment with NumPy; by default the python3 in PATH"))
}

/// Starts the interpreter, unless it runs, and makes the author's loader.
pub(crate) fn author_loader(of: Part, config: &Config, host: &Host) -> Result<(Interpreter, Object), Error> {
    let (environment, folder) = (environment(config, host)?, folder(config, host)?);
    let interpreter = Interpreter::start(&environment)?;
    let description = json!({
        "folders": folder.iter().collect::<Vec<_>>(),
        "module": config.get::<String>("module")?,
        "loader": config.get::<String>("loader")?,
    });
    let loader = interpreter.loader(of, &description)?;
    tracing::info!(python = %environment.program.display(), "Python runs");
    Ok((interpreter, loader))
}

/// The files that the interpreter and the author's module need.
pub(crate) fn needed_files(config: &Config, host: &Host) -> Result<Vec<PathBuf>, Error> {
    let mut files = environment(config, host)?.files();
    files.extend(folder(config, host)?);
    Ok(files)
}

fn environment(config: &Config, host: &Host) -> Result<Environment, Error> {
    let venv = existing("venv", config, host)?;
    Environment::find(venv.as_deref())
}

/// The folder that Python searches first. A module may lie in the engine's own folder, too.
fn folder(config: &Config, host: &Host) -> Result<Option<PathBuf>, Error> {
    let folder = existing("path", config, host)?;
    match folder {
        Some(file) if !file.is_dir() => Err(Error::config("path", format!("{} is not a folder", file.display()))),
        folder => Ok(folder),
    }
}

/// The path in a field: absolute, or in the resource directories.
fn existing(field: &str, config: &Config, host: &Host) -> Result<Option<PathBuf>, Error> {
    let Some(name) = config.get_optional::<String>(field)? else { return Ok(None) };
    host.find(&name).map(Some).ok_or_else(|| {
        let places: Vec<_> = host.resource_dirs().iter().map(|dir| dir.display().to_string()).collect();
        Error::config(field, format!("there is no {name} (relative paths are searched in {})", places.join(", ")))
    })
}
