//! Engines and stages behind the C interface (`include/auricle.h`): adapters that make them those of the Rust interface, so that
//! nothing else in the server knows the difference.
//!
//! Invariants: no structure is read beyond the size that its writer set; what the plugin passes is copied before the call returns;
//! a stream is closed before its model or stage is unloaded (the Rust side of the boundary keeps that with each stream). A C++
//! exception that leaves the plugin ends the process: Rust cannot catch it. Threads: as for the traits.

mod call;
mod config;
mod engine;
mod event;
mod services;
mod sink;
mod stage;

use super::services::cross;
use crate::{
    Host,
    abi::{
        AbiLoaderBox, AbiStageLoaderBox,
        c::{OPEN, Open, Plugin, Versioned},
        loader, stage_loader,
    },
    host::HostServices,
};
use call::Reply;
use engine::CEngine;
use libloading::Library;
use services::Services;
use stage::CStageLoader;
use std::{path::Path, slice, sync::Arc};

/// More entries are those of a damaged table.
const MOST_ENTRIES: usize = 256;

/// What a plugin has.
pub(super) type Parts = (Vec<AbiLoaderBox>, Vec<AbiStageLoaderBox>);

/// Opens the C plugin at `path`, whose library is mapped already, and returns its engines and stages.
///
/// # Errors
/// The plugin cannot be used; the message is one line.
pub(super) fn open(path: &Path, services: Arc<dyn HostServices>) -> Result<Parts, String> {
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
    // SAFETY: the tables have as many entries as they say, and live as long as the process.
    let (engines, stages) = unsafe {
        (entries(plugin.engines, plugin.engine_count, "engine")?, entries(plugin.stages, plugin.stage_count, "stage")?)
    };
    let engine = |(place, engine)| {
        // SAFETY: the table's entries are engines that live as long as the process.
        let engine = unsafe { CEngine::new(engine, services) };
        engine.map(|engine| loader(engine, &host)).map_err(|problem| format!("engine {place} of its table {problem}"))
    };
    let stage = |(place, stage)| {
        // SAFETY: the table's entries are stages that live as long as the process.
        let stage = unsafe { CStageLoader::new(stage, services) };
        stage.map(|stage| stage_loader(stage, &host)).map_err(|problem| format!("stage {place} of its table {problem}"))
    };
    let engines = (1..).zip(engines.iter().copied()).map(engine).collect::<Result<_, _>>()?;
    let stages = (1..).zip(stages.iter().copied()).map(stage).collect::<Result<_, _>>()?;
    Ok((engines, stages))
}

/// The entries of a table of engines or stages.
///
/// # Safety
/// The table has `count` entries, and lives as long as the process.
unsafe fn entries<T: 'static>(table: *const *const T, count: usize, of: &str) -> Result<&'static [*const T], String> {
    match count {
        0 => Ok(&[]),
        1..=MOST_ENTRIES if !table.is_null() => {
            // SAFETY: as the caller promises.
            Ok(unsafe { slice::from_raw_parts(table, count) })
        }
        _ => Err(format!("its table of {of}s is not valid: {count} {of}s")),
    }
}
