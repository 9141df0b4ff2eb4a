//! Engines behind the C interface (`include/auricle.h`): adapters that make them engines of the Rust interface, so that nothing else
//! in the server knows the difference.
//!
//! Invariants: no structure is read beyond the size that its writer set; what the engine passes is copied before the call returns;
//! a stream is closed before its model is unloaded (the Rust side of the boundary keeps the model with each processor). A C++
//! exception that leaves the engine ends the process: Rust cannot catch it. Threads: as for the traits.

mod call;
mod config;
mod engine;
mod services;
mod sink;

use super::services::cross;
use crate::{
    Host,
    abi::{
        AbiLoaderBox,
        c::{OPEN, Open, Plugin, Versioned},
        loader,
    },
    host::HostServices,
};
use call::Reply;
use engine::CEngine;
use libloading::Library;
use services::Services;
use std::{path::Path, slice, sync::Arc};

/// More engines are those of a damaged table.
const MOST_ENGINES: usize = 256;

/// Opens the C plugin at `path`, whose library is mapped already, and returns its engines.
///
/// # Errors
/// The plugin cannot be used; the message is one line.
pub(super) fn open(path: &Path, services: Arc<dyn HostServices>) -> Result<Vec<AbiLoaderBox>, String> {
    // SAFETY: the library is mapped already, so this runs none of its code.
    let library = unsafe { Library::new(path) }.map_err(|error| format!("cannot be opened: {error}"))?;
    // SAFETY: the manifest states the C interface, in which this function has this type.
    let open = unsafe { library.get::<Open>(OPEN.as_bytes()) }.map(|open| *open);
    // Never closed, like every plugin.
    std::mem::forget(library);
    let open = open.map_err(|_| format!("it does not export the function {OPEN}; see auricle.h"))?;
    let host = Host::new(cross(services));
    let services: &'static Services = Box::leak(Box::new(Services::new(host.clone())));
    let mut reply = Reply::default();
    // SAFETY: both structures are as the header describes them; `services` is never freed.
    let plugin = unsafe { Plugin::read(open(services.raw(), reply.raw())) };
    let plugin = plugin.ok_or_else(|| format!("could not be initialised: {}", reply.message()))?;
    if plugin.engines.is_null() || plugin.engine_count > MOST_ENGINES {
        return Err(format!("its table of engines is not valid: {} engines", plugin.engine_count));
    }
    // SAFETY: the table has as many entries as it says, and lives as long as the process.
    let engines = unsafe { slice::from_raw_parts(plugin.engines, plugin.engine_count) };
    let engine = |(place, engine)| {
        // SAFETY: the table's entries are engines that live as long as the process.
        let engine = unsafe { CEngine::new(engine, services) };
        engine.map(|engine| loader(engine, &host)).map_err(|problem| format!("engine {place} of its table {problem}"))
    };
    (1..).zip(engines.iter().copied()).map(engine).collect()
}
