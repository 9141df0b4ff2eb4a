//! The interpreter of this process and the functions of `adapter.py` and `stages.py`.
//!
//! Invariant: one environment per process; it is started by the first model and never ended. Threads: any.

use crate::{
    environment::Environment,
    ffi::{Argument, Object, Python, Returned},
};
use auricle_plugin_api::Error;
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

const ADAPTER: &str = include_str!("adapter.py");
const STAGES: &str = include_str!("stages.py");
const PROTOCOLS: &str = include_str!("protocols.py");

/// The running interpreter.
#[derive(Clone, Copy)]
pub(crate) struct Interpreter {
    python: &'static Python,
    modules: &'static Modules,
}

/// The adapters.
struct Modules {
    engines: Object,
    stages: Object,
}

/// What an author's loader makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The processors of an engine.
    Engine,
    /// The streams of a stage.
    Stage,
}

/// An exception, as the adapter describes it.
#[derive(Debug, Deserialize)]
pub(crate) struct Exception {
    message: String,
    /// The field of the preset that must be changed.
    field: Option<String>,
    /// The traceback, of an exception of the author's code.
    trace: Option<String>,
}

impl Interpreter {
    /// Starts the interpreter of an environment, unless it runs already.
    ///
    /// # Errors
    /// It cannot be started, or another one runs in this process.
    pub(crate) fn start(environment: &Environment) -> Result<Self, Error> {
        /// The program, and the adapter once it was started.
        static RUNNING: Mutex<Option<(PathBuf, Option<Interpreter>)>> = Mutex::new(None);
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let program = &environment.program;
        match &*running {
            Some((other, _)) if other != program => {
                let other = other.display();
                let problem =
                    format!("{other} runs in this process already; only models in worker processes may differ");
                return Err(Error::config("venv", problem));
            }
            Some((_, Some(interpreter))) => return Ok(*interpreter),
            _ => {}
        }
        let name = program.to_str().ok_or_else(|| Error::config("venv", "the path is not valid UTF-8"))?;
        let python = Python::start(&environment.library, name).map_err(|problem| Error::config("venv", problem))?;
        *running = Some((program.clone(), None));
        let engines = python.run_module(c"_auricle", ADAPTER)?;
        let stages = python.run_module(c"_auricle_stages", STAGES)?;
        let interpreter = Self { python, modules: Box::leak(Box::new(Modules { engines, stages })) };
        let begin = interpreter.modules.engines.attribute(c"start")?;
        interpreter.ask(&begin, &[Argument::Bytes(PROTOCOLS.as_bytes())])?;
        *running = Some((program.clone(), Some(interpreter)));
        Ok(interpreter)
    }

    /// The adapter's object for an author's loader.
    ///
    /// # Errors
    /// There is no such module or class, or an exception of theirs.
    pub(crate) fn loader(self, of: Part, description: &serde_json::Value) -> Result<Object, Error> {
        let description = description.to_string();
        let adapter = match of {
            Part::Engine => &self.modules.engines,
            Part::Stage => &self.modules.stages,
        };
        self.make(&adapter.attribute(c"loader")?, &[Argument::Bytes(description.as_bytes())])
    }

    /// Calls a function of the adapter that makes an object.
    ///
    /// # Errors
    /// The exception, in one line.
    pub(crate) fn make(self, function: &Object, arguments: &[Argument<'_>]) -> Result<Object, Error> {
        match self.python.call(function, arguments)? {
            Returned::Object(object) => Ok(object),
            Returned::Bytes(bytes) => Err(answer(&bytes).err().unwrap_or_else(unexpected)),
            Returned::None => Err(unexpected()),
        }
    }

    /// Calls a function of the adapter that answers in JSON or with nothing.
    ///
    /// # Errors
    /// The exception, in one line.
    pub(crate) fn ask(self, function: &Object, arguments: &[Argument<'_>]) -> Result<Option<Vec<u8>>, Error> {
        match self.python.call(function, arguments)? {
            Returned::None => Ok(None),
            Returned::Bytes(bytes) => answer(&bytes).map(|answer| Some(answer.to_vec())),
            Returned::Object(_) => Err(unexpected()),
        }
    }

    /// As [`ask`](Self::ask), for an answer that is always there.
    ///
    /// # Errors
    /// The exception, in one line.
    pub(crate) fn ask_for<T: DeserializeOwned>(self, function: &Object) -> Result<T, Error> {
        Ok(serde_json::from_slice(&self.ask(function, &[])?.unwrap_or_default())?)
    }
}

/// The answer, unless it is an exception.
fn answer(bytes: &[u8]) -> Result<&[u8], Error> {
    let Some(exception) = bytes.strip_prefix(b"!") else { return Ok(bytes) };
    Err(serde_json::from_slice::<Exception>(exception)?.into_error())
}

impl Exception {
    /// As an error. The traceback goes to the log, line by line: a text in it cannot look like another entry.
    pub(crate) fn into_error(self) -> Error {
        for line in self.trace.iter().flat_map(|trace| trace.lines()) {
            tracing::error!("{line}");
        }
        match self.field {
            Some(field) => Error::config(&field, self.message),
            None => Error::other(self.message),
        }
    }
}

fn unexpected() -> Error {
    Error::other("the adapter returned what was not expected")
}
