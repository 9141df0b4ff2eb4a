//! The preset for a new model, which `pull` and `convert` print and may also write to a file.

use super::output::{fail, print_json};
use serde_json::Value;
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Debug, clap::Args)]
pub(super) struct PresetFile {
    /// Also write the preset to DIR/presets/NAME.json, where a server with `--configs DIR` finds it at once
    #[arg(long, value_name = "DIR")]
    configs: Option<PathBuf>,
}

impl PresetFile {
    /// Prints the preset on standard output. If `--configs` is given, it is first written to a file; an existing file is
    /// kept.
    pub(super) fn write_and_print(&self, name: &str, preset: &Value) -> ExitCode {
        if let Some(configs) = &self.configs {
            let presets = configs.join("presets");
            let file = presets.join(format!("{name}.json"));
            match write(&presets, name, preset) {
                Ok(()) => eprintln!("written to {}", file.display()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    eprintln!("{} exists and was not changed", file.display());
                }
                Err(error) => return fail(format_args!("{}: {error}", file.display())),
            }
        }
        print_json(preset)
    }
}

/// Writes a hidden file and links it to its name, so that a server never reads half a preset.
fn write(presets: &Path, name: &str, preset: &Value) -> io::Result<()> {
    fs::create_dir_all(presets)?;
    let hidden = presets.join(format!(".{name}.json"));
    fs::write(&hidden, format!("{preset:#}\n"))?;
    let linked = fs::hard_link(&hidden, presets.join(format!("{name}.json")));
    fs::remove_file(hidden)?;
    linked
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_preset_is_written_once_and_then_kept() {
        let configs = tempfile::tempdir().unwrap();
        let presets = configs.path().join("presets");
        write(&presets, "tiny.en", &json!({"backend": "whisper"})).unwrap();
        let again = write(&presets, "tiny.en", &json!({"backend": "onnx"})).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        let written = fs::read_to_string(presets.join("tiny.en.json")).unwrap();
        assert_eq!(written, "{\n  \"backend\": \"whisper\"\n}\n");
        assert_eq!(fs::read_dir(presets).unwrap().count(), 1);
    }
}
