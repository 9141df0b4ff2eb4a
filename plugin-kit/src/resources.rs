//! Files that an engine needs, found through the server.

use auricle_plugin_api::{Error, Host};
use std::path::PathBuf;

/// The first existing `name` in the engine's own folder and the server's resource directories. `what` says what it is
/// ("the model", "ONNX Runtime").
///
/// # Errors
/// Where there is none: says where it was looked for.
pub fn find(host: &Host, what: &str, name: &str) -> Result<PathBuf, Error> {
    host.find(name).ok_or_else(|| {
        let places = std::iter::once(host.origin_dir()).chain(host.resource_dirs().iter().map(PathBuf::as_path));
        let places: Vec<String> = places.map(|place| place.display().to_string()).collect();
        Error::model(format!("{what} is missing: no `{name}` in {} (resource directories)", places.join(", ")))
    })
}
