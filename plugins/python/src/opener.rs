//! Has an author's loader make an object for each stream.
//!
//! Invariant: two streams never share an object. The loader is called for each stream, one call at a time; the object of the first
//! call, which shows that the preset works, goes to the first stream with the same fields. Threads: any.

use crate::{
    ffi::{Argument, Object},
    interpreter::Interpreter,
};
use auricle_plugin_api::{Config, Error};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::sync::{Mutex, PoisonError};

/// Opens streams.
pub(crate) struct Opener {
    interpreter: Interpreter,
    /// The adapter's method `open`.
    open: Object,
    /// The object of the first call, with its fields, until it is used.
    spare: Mutex<Option<(Map<String, Value>, Object)>>,
}

impl Opener {
    /// Calls the loader for the first time. Returns how the object describes itself, too.
    ///
    /// # Errors
    /// The exception, in one line.
    pub(crate) fn first<T: DeserializeOwned>(
        interpreter: Interpreter,
        loader: &Object,
        config: &Config,
    ) -> Result<(Self, T), Error> {
        let (open, fields) = (loader.attribute(c"open")?, config.fields().clone());
        let stream = made(interpreter, &open, &fields)?;
        let described = interpreter.ask_for(&stream.attribute(c"describe")?)?;
        Ok((Self { interpreter, open, spare: Mutex::new(Some((fields, stream))) }, described))
    }

    /// The object for a stream with these options.
    ///
    /// # Errors
    /// The exception, in one line.
    pub(crate) fn open(&self, options: &Config) -> Result<Object, Error> {
        // Held during the call: authors need not expect two at once.
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        match spare.take() {
            Some((fields, stream)) if fields == *options.fields() => Ok(stream),
            other => {
                // First, because both may need much memory.
                drop(other);
                made(self.interpreter, &self.open, options.fields())
            }
        }
    }
}

/// Has the loader make an object. It gets all fields, and the name of the engine.
fn made(interpreter: Interpreter, open: &Object, fields: &Map<String, Value>) -> Result<Object, Error> {
    let mut fields = fields.clone();
    fields.entry("backend").or_insert("python".into());
    interpreter.make(open, &[Argument::Bytes(&serde_json::to_vec(&fields)?)])
}
