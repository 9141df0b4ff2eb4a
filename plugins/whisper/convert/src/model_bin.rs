//! Reads `model.bin`, CTranslate2's file of weights: a list of named variables.
//!
//! Invariants: a file is read to its last byte or refused; each variable has the number of bytes that its shape and type need; names
//! contain only ASCII letters, digits and `_/.-`, so messages can quote them; memory is never allocated by a count or size in the file
//! before that many bytes were found. The weights are not copied: they are slices of the file.
//!
//! Source: CTranslate2 4.8, binary version 6. All numbers are little endian. A string is a `u16` length and that many bytes, the
//! last one zero. The file: `u32` version; string, name of the specification; `u32` revision of the specification; `u32` number of
//! variables, each: string name, `u8` number of axes, `u32` for each axis, `u8` type, `u32` number of bytes, bytes; `u32` number of
//! aliases, each: string alias, string name.

use prost::bytes::Bytes;
use std::{collections::BTreeMap, fmt};

/// The binary version that CTranslate2 has written since 3.0.
const VERSION: u32 = 6;
const SPECIFICATION: &str = "WhisperSpec";
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";
/// More axes than any variable of a Whisper model has.
const MOST_AXES: u8 = 4;

/// Why `model.bin` cannot be read. The text continues the file's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelFileError {
    /// A Git LFS pointer instead of the file.
    #[error("is a Git LFS pointer, not the file itself: run `git lfs pull` where it was cloned")]
    Pointer,
    /// The file is incomplete.
    #[error("ends at byte {length}, in the middle of {part}: it is incomplete; download it again")]
    Truncated {
        /// The file's length in bytes.
        length: usize,
        /// The incomplete part.
        part: String,
    },
    /// Another version of the format, or another kind of file.
    #[error(
        "has the binary version {0}, but only {VERSION} can be read: convert the model again with CTranslate2 3 or 4"
    )]
    Version(u32),
    /// A model of another architecture.
    #[error("is a {0} of CTranslate2, not a Whisper model ({SPECIFICATION})")]
    Specification(String),
    /// An invalid name.
    #[error("has no valid name at byte {0}: it is damaged")]
    Name(usize),
    /// An unknown type.
    #[error("has `{name}` in the unknown type {kind}: it is damaged")]
    Kind {
        /// The variable.
        name: String,
        /// The type's number in the file.
        kind: u8,
    },
    /// The number of bytes does not match the shape and type.
    #[error("has {bytes} bytes of {kind} for `{name}`, which do not match the shape {shape:?}: it is damaged")]
    Size {
        /// The variable.
        name: String,
        /// Its type.
        kind: Kind,
        /// Its shape.
        shape: Vec<usize>,
        /// Its number of bytes, as the file gives it.
        bytes: usize,
    },
    /// A name that two variables or aliases have.
    #[error("has `{0}` twice: it is damaged")]
    Twice(String),
    /// An alias of a variable that does not exist.
    #[error("has the alias `{alias}` for `{name}`, which does not exist: it is damaged")]
    Alias {
        /// The alias.
        alias: String,
        /// The variable's name.
        name: String,
    },
    /// Bytes after the last alias.
    #[error("has {0} bytes too many at its end: it is damaged")]
    Rest(usize),
}

/// The type of a variable's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 32-bit float
    Float32,
    /// 8-bit integer, for quantized weights
    Int8,
    /// 16-bit integer, for quantized weights
    Int16,
    /// 32-bit integer
    Int32,
    /// 16-bit float (IEEE 754)
    Float16,
    /// 16-bit float with the exponent of a 32-bit float
    BFloat16,
}

impl Kind {
    fn new(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Float32,
            1 => Self::Int8,
            2 => Self::Int16,
            3 => Self::Int32,
            4 => Self::Float16,
            5 => Self::BFloat16,
            _ => return None,
        })
    }

    fn bytes(self) -> usize {
        match self {
            Self::Int8 => 1,
            Self::Int16 | Self::Float16 | Self::BFloat16 => 2,
            Self::Float32 | Self::Int32 => 4,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float32 => "float32",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Float16 => "float16",
            Self::BFloat16 => "bfloat16",
        })
    }
}

/// A variable's type, shape and bytes.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub(crate) kind: Kind,
    pub(crate) shape: Vec<usize>,
    /// The numbers, little endian.
    pub(crate) bytes: Bytes,
}

impl Variable {
    /// The value, if it is a single integer.
    pub(crate) fn integer(&self) -> Option<i64> {
        match (self.kind, &self.bytes[..]) {
            (Kind::Int8, [byte]) => Some(i64::from(byte.cast_signed())),
            (Kind::Int16, [low, high]) => Some(i64::from(i16::from_le_bytes([*low, *high]))),
            (Kind::Int32, [a, b, c, d]) => Some(i64::from(i32::from_le_bytes([*a, *b, *c, *d]))),
            _ => None,
        }
    }
}

/// The variables of a file by name. An alias is a variable too.
pub(crate) type Variables = BTreeMap<String, Variable>;

/// Reads a file.
pub(crate) fn read(file: Vec<u8>) -> Result<Variables, ModelFileError> {
    if file.starts_with(LFS_POINTER) {
        return Err(ModelFileError::Pointer);
    }
    let mut reader = Reader { length: file.len(), rest: file.into() };
    let version = reader.u32("the version")?;
    if version != VERSION {
        return Err(ModelFileError::Version(version));
    }
    let specification = reader.name()?;
    if specification != SPECIFICATION {
        return Err(ModelFileError::Specification(specification));
    }
    reader.u32("the revision")?;
    let mut found = Variables::new();
    for _ in 0..reader.u32("the number of variables")? {
        let name = reader.name()?;
        let variable = reader.variable(&name)?;
        if found.insert(name.clone(), variable).is_some() {
            return Err(ModelFileError::Twice(name));
        }
    }
    for _ in 0..reader.u32("the number of aliases")? {
        let (alias, name) = (reader.name()?, reader.name()?);
        let Some(variable) = found.get(&name).cloned() else { return Err(ModelFileError::Alias { alias, name }) };
        if found.insert(alias.clone(), variable).is_some() {
            return Err(ModelFileError::Twice(alias));
        }
    }
    if reader.rest.is_empty() { Ok(found) } else { Err(ModelFileError::Rest(reader.rest.len())) }
}

/// Reads a file from front to back.
struct Reader {
    length: usize,
    rest: Bytes,
}

impl Reader {
    fn take(&mut self, count: usize, part: impl FnOnce() -> String) -> Result<Bytes, ModelFileError> {
        if count > self.rest.len() {
            return Err(ModelFileError::Truncated { length: self.length, part: part() });
        }
        Ok(self.rest.split_to(count))
    }

    fn number<const N: usize>(&mut self, part: &str) -> Result<[u8; N], ModelFileError> {
        let bytes = self.take(N, || part.to_owned())?;
        let mut number = [0; N];
        number.copy_from_slice(&bytes);
        Ok(number)
    }

    fn u32(&mut self, part: &str) -> Result<u32, ModelFileError> {
        self.number(part).map(u32::from_le_bytes)
    }

    fn name(&mut self) -> Result<String, ModelFileError> {
        let at = self.length - self.rest.len();
        let length = u16::from_le_bytes(self.number("a name")?);
        let bytes = self.take(length.into(), || "a name".to_owned())?;
        let name = bytes.strip_suffix(&[0]).and_then(|name| str::from_utf8(name).ok());
        let fits = |name: &&str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_/.-".contains(&byte))
        };
        name.filter(fits).map(str::to_owned).ok_or(ModelFileError::Name(at))
    }

    fn variable(&mut self, name: &str) -> Result<Variable, ModelFileError> {
        let damaged = || format!("`{name}`");
        let [axes] = self.number(&damaged())?;
        let mut shape = Vec::new();
        for _ in 0..axes.min(MOST_AXES + 1) {
            shape.push(self.u32(&damaged())? as usize);
        }
        let [kind] = self.number(&damaged())?;
        let kind = Kind::new(kind).ok_or_else(|| ModelFileError::Kind { name: name.to_owned(), kind })?;
        let bytes = self.u32(&damaged())? as usize;
        let product = shape.iter().try_fold(kind.bytes(), |product, length| product.checked_mul(*length));
        if axes > MOST_AXES || product != Some(bytes) {
            return Err(ModelFileError::Size { name: name.to_owned(), kind, shape, bytes });
        }
        let bytes = self.take(bytes, damaged)?;
        Ok(Variable { kind, shape, bytes })
    }
}
