//! The options that choose an engine and its configuration, for commands that run engines without a server.

use auricle_client::args::option;
use auricle_core::text_file;
use auricle_session::{HostFields, Preset, StageEntry};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The engine and its fields.
#[derive(Debug, clap::Args)]
pub(super) struct EngineArgs {
    /// A preset file: the engine's name and its fields
    #[arg(long, value_name = "FILE")]
    preset: Option<PathBuf>,
    /// The engine's backend name, if the plugin has several
    #[arg(long, value_name = "NAME", conflicts_with = "preset")]
    backend: Option<String>,
    /// A field of the engine, over the preset's; may be given more than once
    ///
    /// A value that is valid JSON is used as JSON, any other as a string: `--set model=digits --set beam=5`.
    #[arg(long = "set", value_name = "FIELD=VALUE", value_parser = option)]
    set: Vec<(String, Value)>,
    /// Directory where engines look for models and shared runtimes; may be given more than once
    #[arg(long, value_name = "DIR")]
    pub(super) resources: Vec<PathBuf>,
}

/// The engine that the options choose.
#[derive(Debug)]
pub(super) struct Chosen {
    /// The backend name, if the options name one.
    pub(super) backend: Option<String>,
    /// The fields.
    pub(super) fields: Map<String, Value>,
    /// How the server would run the engine.
    pub(super) host: HostFields,
    /// The stages behind it.
    pub(super) stages: Vec<StageEntry>,
    /// What `--set` gives, which is in the fields too.
    pub(super) set: Vec<(String, Value)>,
}

impl EngineArgs {
    /// Reads the preset, and sets the fields.
    ///
    /// # Errors
    /// The preset cannot be read or is invalid, or a resource directory does not exist.
    pub(super) fn choose(&self) -> Result<Chosen, String> {
        self.choose_with(None)
    }

    /// Like [`choose`](Self::choose), with this preset unless the options name one.
    pub(super) fn choose_with(&self, preset: Option<&Path>) -> Result<Chosen, String> {
        super::resources::check_resources(&self.resources)?;
        let mut chosen = Chosen {
            backend: self.backend.clone(),
            fields: Map::new(),
            host: HostFields::default(),
            stages: Vec::new(),
            set: self.set.clone(),
        };
        if let Some(file) = self.preset.as_deref().or(preset) {
            let preset = read(file).map_err(|problem| format!("{}: {problem}", file.display()))?;
            let Preset { backend, fields, host, stages, .. } = preset;
            chosen = Chosen { backend: Some(backend), fields, host, stages, set: chosen.set };
        }
        chosen.fields.extend(self.set.iter().cloned());
        Ok(chosen)
    }

    /// The resource directories as absolute paths.
    pub(super) fn resource_dirs(&self) -> Result<Vec<PathBuf>, String> {
        let absolute = |dir: &PathBuf| dir.canonicalize().map_err(|error| format!("{}: {error}", dir.display()));
        self.resources.iter().map(absolute).collect()
    }
}

fn read(file: &Path) -> Result<Preset, String> {
    let text = text_file::read(file).map_err(|error| error.to_string())?;
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    Preset::parse(&name, &text).map_err(|problem| problem.to_string())
}
