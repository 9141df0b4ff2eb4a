//! Optional requests, and the files that the engine names.

use super::{Subject, Verdict, case::Checked, ensure};
use auricle_plugin_api::{Error, ErrorCode};
use serde_json::{Value, json};
use std::path::PathBuf;

/// An id that no version of the plugin API defines.
const UNKNOWN: &str = "auricle.validate.unknown";

pub(super) fn unknown(answer: Result<Option<Vec<u8>>, Error>) -> Checked {
    match answer {
        Ok(None) => Ok(String::new()),
        Ok(Some(answer)) => Err(Verdict::fail(format!("an unknown id gets an answer of {} bytes", answer.len()))),
        Err(Error { code: ErrorCode::PANIC, message }) => Err(Verdict::fail(format!("the plugin {message}"))),
        Err(error) => Err(Verdict::warning(format!("an unknown id gets an error instead of `None`: {error}"))),
    }
}

pub(super) fn loader(subject: &Subject) -> Checked {
    let engine = subject.engine()?;
    let ask = || unknown(engine.loaded().extension(UNKNOWN, b"\xff\0"));
    ask()?;
    // What a load leaves in the loader must not answer either.
    let _model = engine.try_load(Value::Object(subject.fields.clone()))?;
    ask()
}

pub(super) fn model(subject: &Subject) -> Checked {
    unknown(subject.model()?.loaded().extension(UNKNOWN, b"\xff\0"))
}

pub(super) fn stream(subject: &Subject) -> Checked {
    let model = subject.model()?;
    unknown(model.try_stream(json!({}))?.processor().extension(UNKNOWN, b"\xff\0"))
}

pub(super) fn files(subject: &Subject) -> Checked {
    let engine = subject.engine()?;
    let config = engine.config(Value::Object(subject.fields.clone()));
    named_files(engine.loaded().files(&config)?)
}

/// The files that an engine or a stage names.
pub(super) fn named_files(files: Option<Vec<PathBuf>>) -> Checked {
    let Some(files) = files else { return Err(Verdict::skipped("the plugin names no files")) };
    for file in &files {
        ensure!(file.is_absolute(), fail, "{} is not an absolute path", file.display());
        ensure!(file.exists(), warning, "{} does not exist", file.display());
    }
    Ok(format!("{} paths", files.len()))
}
