//! Opens a plugin's library and checks that both sides agree on every type that crosses the boundary.
//!
//! Opening runs the library's constructors: try an unknown file in a child process first. A library is never closed. A
//! path always refers to its first mapping, so a replaced file needs a new path.

use super::{
    HostServices, LoadedEngine, LoadedStageLoader, c_interface,
    crash::{Call, Note},
    read_manifest, services,
};
use crate::{
    Error, Interface, Manifest,
    abi::{AbiLoaderBox, AbiResult, AbiStageLoaderBox, PluginModuleRef},
};
use abi_stable::{
    StableAbi,
    abi_stability::abi_checking::{CheckingGlobals, check_layout_compatibility_with_globals},
    library::{LibHeader, LibraryError, lib_header_from_path},
    std_types::{RResult, RVec},
};
use std::{path::Path, sync::Arc};

/// A plugin's open library.
#[derive(Debug)]
pub struct Library {
    engines: Vec<LoadedEngine>,
    stages: Vec<LoadedStageLoader>,
}

impl Library {
    /// Opens the library at `path`, checks it and creates its engines and stages. Runs its code; the file must not change
    /// afterwards.
    ///
    /// # Errors
    /// The library cannot be used; the message is one line. The details of a failed layout check go to the trace log.
    pub fn open(path: &Path, services: Arc<dyn HostServices>) -> Result<Self, String> {
        let manifest = read_manifest(path);
        let plugin = name(path, manifest.as_ref().ok());
        let _note = Note::new(Call { plugin, name: "open", position: 0 });
        resolve_now(path)?;
        let (engines, stages) = match manifest.ok().and_then(|manifest| manifest.interface()) {
            Some(Interface::C) => c_interface::open(path, services)?,
            _ => Self::loaders(path, services)?,
        };
        let engines =
            engines.into_iter().map(|engine| LoadedEngine::new(engine, plugin)).collect::<Result<Vec<_>, _>>();
        let engines = engines.map_err(|error| format!("an engine of it cannot be registered: {error}"))?;
        let stages = stages.into_iter().map(|stage| LoadedStageLoader::new(stage, plugin));
        let stages = stages.collect::<Result<Vec<_>, _>>();
        let stages = stages.map_err(|error| format!("a stage of it cannot be registered: {error}"))?;
        if engines.is_empty() && stages.is_empty() {
            return Err("exports no engine and no stage".into());
        }
        Ok(Self { engines, stages })
    }

    /// The engines and stages of a library with the Rust interface.
    fn loaders(
        path: &Path,
        services: Arc<dyn HostServices>,
    ) -> Result<(Vec<AbiLoaderBox>, Vec<AbiStageLoaderBox>), String> {
        let header = lib_header_from_path(path).map_err(|error| first_line(&error))?;
        let module = root_module(header)?;
        let engines = initialised(module.engines()(services::cross(Arc::clone(&services))))?;
        let stages = module.stages().map(|stages| initialised(stages(services::cross(services)))).transpose()?;
        Ok((engines, stages.unwrap_or_default()))
    }

    /// The engines, in the plugin's order.
    pub fn engines(&self) -> &[LoadedEngine] {
        &self.engines
    }

    /// The stages, in the plugin's order.
    pub fn stages(&self) -> &[LoadedStageLoader] {
        &self.stages
    }

    /// Its engines, in the plugin's order.
    pub fn into_engines(self) -> Vec<LoadedEngine> {
        self.engines
    }

    /// Its stages, in the plugin's order.
    pub fn into_stages(self) -> Vec<LoadedStageLoader> {
        self.stages
    }
}

/// What a plugin's function returned.
fn initialised<T>(loaders: AbiResult<RVec<T>>) -> Result<Vec<T>, String> {
    match loaders {
        RResult::ROk(loaders) => Ok(loaders.into()),
        RResult::RErr(error) => Err(format!("could not be initialised: {}", Error::from(error))),
    }
}

/// The plugin's id and version, or its file's name. Never freed, like the library: a crash report may need it at any
/// time.
fn name(path: &Path, manifest: Option<&Manifest>) -> &'static str {
    let name = match manifest {
        Some(manifest) => format!("{} {}", manifest.id(), manifest.version()),
        None => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
    };
    name.leak()
}

/// Maps the library with all symbols resolved, so that a missing symbol is an error now and not a crash later.
fn resolve_now(path: &Path) -> Result<(), String> {
    #[cfg(unix)]
    {
        use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
        // SAFETY: running the library's constructors is what opening a plugin means; plugins are trusted code.
        let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
        // Never closed: engines and their thread-locals point into it.
        std::mem::forget(library.map_err(|error| format!("cannot be opened: {}", Error::from(error)))?);
    }
    #[cfg(not(unix))]
    let _ = path; // Windows resolves all imports when it maps a library.
    Ok(())
}

fn root_module(header: &'static LibHeader) -> Result<PluginModuleRef, String> {
    let disagree = || {
        let theirs = header.version_strings();
        format!(
            "built for plugin API {}, which differs from this host's {}.{} though the numbers allow it; rebuild it",
            theirs.version,
            Manifest::API_MAJOR,
            Manifest::API_MINOR,
        )
    };
    let theirs = header.layout().ok_or_else(disagree)?;
    let ours = <PluginModuleRef as StableAbi>::LAYOUT;
    // Within a major version the interface only grows, on one side at a time, so the smaller one must be a prefix of
    // the larger. abi_stable's own check tests only one direction.
    //
    // Each comparison starts with empty globals: what abi_stable remembers of an older plugin makes it refuse newer
    // ones, and plugins do not exchange any values.
    let fits = |smaller, larger| check_layout_compatibility_with_globals(smaller, larger, &CheckingGlobals::new());
    if let (Err(reason), Err(_)) = (fits(ours, theirs), fits(theirs, ours)) {
        tracing::trace!("layout check: {reason}");
        return Err(disagree());
    }
    // SAFETY: one layout is a prefix-compatible extension of the other, and accessors check the number of fields that
    // really exist.
    unsafe { header.init_root_module_with_unchecked_layout::<PluginModuleRef>() }.map_err(|error| first_line(&error))
}

fn first_line(error: &LibraryError) -> String {
    let text = error.to_string();
    tracing::trace!("{text}");
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("cannot be opened");
    line.chars().take(300).collect()
}
