//! Where a server's plugins, settings and resources are: the options that `serve`, `front`, `engine` and `check` share.

use auricle_server::{
    address::ListenAddress,
    settings::{Role, Settings, SettingsFileError},
};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct ConfigurationArgs {
    /// Directory with plugin files and engine folders; may be given more than once
    #[arg(long, value_name = "DIR")]
    plugins: Vec<PathBuf>,
    /// Directory with auricle.toml and presets/*.json
    #[arg(long, value_name = "DIR")]
    configs: Option<PathBuf>,
    /// Directory where engines look for models and shared runtimes; may be given more than once
    #[arg(long, value_name = "DIR")]
    resources: Vec<PathBuf>,
    /// Address to listen on for all protocols, instead of the listeners in auricle.toml (default: 127.0.0.1:8770): IP:PORT,
    /// `localhost:PORT` or `unix:PATH`; port 0 selects a free port
    #[arg(long, value_name = "ADDR")]
    listen: Option<ListenAddress>,
}

/// The settings are invalid.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigurationError {
    #[error("--configs {}: not a directory", .0.display())]
    NoDirectory(PathBuf),
    #[error(transparent)]
    Settings(#[from] SettingsFileError),
    #[error("no plugin directory: use --plugins DIR, or set `plugins` in auricle.toml")]
    NoPlugins,
}

impl ConfigurationArgs {
    /// Reads the settings; the command line overrides the file.
    pub(super) fn read(&self, role: Role) -> Result<Settings, ConfigurationError> {
        let mut settings = match &self.configs {
            Some(dir) if dir.is_dir() => Settings::read(dir)?,
            Some(dir) => return Err(ConfigurationError::NoDirectory(dir.clone())),
            None => Settings::default(),
        };
        if !self.plugins.is_empty() {
            settings.plugins.clone_from(&self.plugins);
        }
        if !self.resources.is_empty() {
            settings.resources.clone_from(&self.resources);
        }
        if let Some(address) = &self.listen {
            settings.listen = address.clone();
            settings.listeners.clear();
        }
        settings.role = role;
        if settings.plugins.is_empty() && role != Role::Front {
            return Err(ConfigurationError::NoPlugins);
        }
        Ok(settings)
    }
}
