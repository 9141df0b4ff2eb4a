//! The shared library and its environment.
//!
//! Invariant: a process has one ONNX Runtime, the first that is loaded. Its environment has no threads: every session
//! has its own. Each plugin links a copy of this module. The copies agree because opening the library again returns the
//! same library, which has one environment. Threads: any.

use crate::{onnx::one_line, resources};
use auricle_plugin_api::{Error, Host};
use ort::{LoadDynamicError, environment::Environment, logging::LogLevel};
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

/// The library's file name on this platform.
pub const LIBRARY: &str = if cfg!(target_os = "windows") {
    "onnxruntime.dll"
} else if cfg!(target_os = "macos") {
    "libonnxruntime.dylib"
} else {
    "libonnxruntime.so"
};

/// Never freed: the library allows only one environment per process, and sessions may be closed and opened again.
static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

/// The loaded ONNX Runtime. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Runtime {
    environment: Environment,
}

impl Runtime {
    /// Returns the process's runtime. Loads it from the server's resource directories if it is not loaded yet.
    ///
    /// # Errors
    /// The library is missing, cannot be loaded, or is too old. The message names it and what to do.
    pub fn load(host: &Host) -> Result<Self, Error> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*loaded {
            return Ok(runtime.clone());
        }
        let library = resources::find(host, "ONNX Runtime", LIBRARY)?;
        let builder = ort::init_from(&library).map_err(|problem| refused(&library, &problem))?;
        let environment =
            builder.with_name("auricle").with_telemetry(false).with_logger(Arc::new(log)).build().map_err(
                |problem| Error::model(format!("ONNX Runtime at {}: {}", library.display(), one_line(problem))),
            )?;
        // A more detailed level would cost a fifth of a small network's time: the messages and the memory statistics of
        // each run are created and then discarded. Sessions have no level of their own.
        environment.set_log_level(LogLevel::Warning);
        tracing::info!(library = %library.display(), build = ort::info(), "ONNX Runtime loaded");
        let runtime = Self { environment };
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }
}

fn refused(library: &Path, problem: &LoadDynamicError) -> Error {
    let library = library.display();
    let least = ort::MINOR_VERSION;
    Error::model(match problem {
        LoadDynamicError::BadVersion { version_str, .. } => format!(
            "ONNX Runtime {version_str} at {library} is too old: 1.{least} or later is needed; replace the file and \
             restart the server"
        ),
        LoadDynamicError::MissingApi { .. } | LoadDynamicError::InvalidVersionString => {
            format!("{library} is not ONNX Runtime: it has no OrtGetApiBase that returns a version")
        }
        LoadDynamicError::Dlopen { error, .. } => {
            format!("ONNX Runtime at {library} cannot be loaded: {}", one_line(error))
        }
    })
}

/// Forwards the runtime's log. Its warnings are about how it runs a model, and operators cannot act on them.
fn log(level: LogLevel, category: &str, _session: &str, place: &str, message: &str) {
    match level {
        LogLevel::Fatal | LogLevel::Error => tracing::error!(target: "onnxruntime", category, place, "{message}"),
        LogLevel::Warning => tracing::debug!(target: "onnxruntime", category, place, "{message}"),
        LogLevel::Info | LogLevel::Verbose => tracing::trace!(target: "onnxruntime", category, place, "{message}"),
    }
}
