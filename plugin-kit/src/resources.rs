//! Finds files of an engine with the server's help.

use auricle_plugin_api::{Error, Host};
use std::path::PathBuf;

/// Finds `name` in the engine's own folder, or else in the server's resource directories. `what` describes it ("the
/// model", "ONNX Runtime").
///
/// # Errors
/// It is not found; the message lists the directories.
pub fn find(host: &Host, what: &str, name: &str) -> Result<PathBuf, Error> {
    host.find(name).ok_or_else(|| {
        let own = host.origin_dir().display();
        let dirs: Vec<_> = host.resource_dirs().iter().map(|dir| dir.display().to_string()).collect();
        let places = match dirs.is_empty() {
            true => "; there are no resource directories: `--resources` was not given".to_owned(),
            false => format!(", nor in the resource directories {}", dirs.join(", ")),
        };
        Error::model(format!("{what} is missing: no `{name}` in the engine's folder {own}{places}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_plugin_test::StubHost;

    #[test]
    fn the_places_are_named_and_so_is_the_option_that_adds_some() {
        let told = |host: StubHost| find(&host.as_host(), "the model", "tiny").unwrap_err().message;
        let message = told(StubHost::new().origin_dir("/engine"));
        assert_eq!(
            message,
            "the model is missing: no `tiny` in the engine's folder /engine; there are no resource directories: \
             `--resources` was not given"
        );
        let message = told(StubHost::new().origin_dir("/engine").resource_dir("/one").resource_dir("/two"));
        assert!(message.ends_with("/engine, nor in the resource directories /one, /two"), "{message}");
    }
}
