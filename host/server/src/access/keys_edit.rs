//! Changes the key file on behalf of `auricle key`. Comments and order are kept.
//!
//! Invariant: the file is replaced as a whole, and only by one that the server can read. Its permissions stay; a new file
//! is readable by its owner only.

use super::keys::{KeyEntry, Keys, KeysError, NewKey};
use crate::settings::TomlError;
use auricle_core::text_file;
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};
use tokio_util::sync::CancellationToken;
use toml_edit::{DocumentMut, Item, RawString, TableLike, Value};

/// The key file cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum KeysEditError {
    /// The file cannot be read or replaced.
    #[error("{}: {error}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// The file is invalid, or would be after the change.
    #[error("{}: {problem}", .file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// The cause.
        problem: KeysError,
    },
    /// There is no key with this name.
    #[error("{}: there is no key `{name}`; there are: {}", .file.display(), if .names.is_empty() { "none" } else { .names })]
    Unknown {
        /// The file.
        file: PathBuf,
        /// The name.
        name: String,
        /// The names of the keys in the file.
        names: String,
    },
    /// The key cannot be created.
    #[error(transparent)]
    Make(#[from] KeysError),
}

/// The text of a key file, which can be read by the server.
#[derive(Debug)]
pub struct KeysDocument {
    file: PathBuf,
    text: String,
}

impl KeysDocument {
    /// Reads and checks a key file.
    ///
    /// # Errors
    /// The file cannot be read, or is invalid.
    pub fn open(file: &Path) -> Result<Self, KeysEditError> {
        let text = text_file::read(file).map_err(|error| KeysEditError::File { file: file.to_owned(), error })?;
        let document = Self { file: file.to_owned(), text };
        document.check(&document.text)?;
        Ok(document)
    }

    /// As [`open`](Self::open); if there is no such file, an empty one.
    ///
    /// # Errors
    /// The file cannot be read, or is invalid.
    pub fn open_or_new(file: &Path) -> Result<Self, KeysEditError> {
        match Self::open(file) {
            Err(KeysEditError::File { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Self { file: file.to_owned(), text: String::new() })
            }
            opened => opened,
        }
    }

    /// The keys by name, in the order of their names.
    ///
    /// # Errors
    /// The file is invalid.
    pub fn list(&self) -> Result<Vec<(String, KeyEntry)>, KeysEditError> {
        KeyEntry::parse_all(&self.text).map(|keys| keys.into_iter().collect()).map_err(|problem| self.content(problem))
    }

    /// Adds a key at the end of the file.
    ///
    /// # Errors
    /// The name is taken, or the file cannot be replaced.
    pub fn append(self, key: &NewKey) -> Result<(), KeysEditError> {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        let text = format!("{}{gap}{}", self.text, key.toml);
        self.save(&text)
    }

    /// Removes a key, with the comment directly above it.
    ///
    /// # Errors
    /// There is no such key, or the file cannot be replaced.
    pub fn remove(self, name: &str) -> Result<(), KeysEditError> {
        let mut document = self.parse()?;
        let removed = keys(&mut document).and_then(|keys| keys.remove(name)).ok_or_else(|| self.unknown(name))?;
        if let Item::Table(table) = &removed {
            let above = table.decor().prefix().and_then(RawString::as_str).unwrap_or_default();
            // A comment that an empty line separates from the key is about the file.
            let end = above.rfind("\n\n").map_or(0, |at| at + 2);
            keep_above(&mut document, table.position().unwrap_or_default(), &above[..end]);
        }
        self.save(&document.to_string())
    }

    /// Gives a key a new secret, which is returned. Its name, presets and limits stay.
    ///
    /// # Errors
    /// There is no such key, or the file cannot be replaced.
    pub fn rotate(self, name: &str) -> Result<String, KeysEditError> {
        let mut document = self.parse()?;
        let entry = keys(&mut document).and_then(|keys| keys.get_mut(name)).ok_or_else(|| self.unknown(name))?;
        let (secret, sha256) = NewKey::secret()?;
        if let Some(value) = entry.as_table_like_mut().and_then(|entry| entry.get_mut("sha256")?.as_value_mut()) {
            let mut new = Value::from(sha256);
            *new.decor_mut() = value.decor().clone();
            *value = new;
        }
        self.save(&document.to_string())?;
        Ok(secret)
    }

    fn parse(&self) -> Result<DocumentMut, KeysEditError> {
        self.text.parse().map_err(|error| self.content(TomlError::of_edit(&self.text, &error).into()))
    }

    fn check(&self, text: &str) -> Result<(), KeysEditError> {
        let parsed = Keys::parse(text, None, &CancellationToken::new());
        parsed.map(drop).map_err(|problem| self.content(problem))
    }

    fn content(&self, problem: KeysError) -> KeysEditError {
        KeysEditError::Content { file: self.file.clone(), problem }
    }

    fn unknown(&self, name: &str) -> KeysEditError {
        let names: Vec<_> = self.list().unwrap_or_default().into_iter().map(|(name, _)| name).collect();
        KeysEditError::Unknown { file: self.file.clone(), name: name.to_owned(), names: names.join(", ") }
    }

    /// Replaces the file, so that a server never reads a partial one.
    fn save(&self, text: &str) -> Result<(), KeysEditError> {
        self.check(text)?;
        replace(&self.file, text).map_err(|error| KeysEditError::File { file: self.file.clone(), error })
    }
}

fn keys(document: &mut DocumentMut) -> Option<&mut dyn TableLike> {
    document.get_mut("keys")?.as_table_like_mut()
}

/// Puts a comment above the first key behind this position, or at the end of the file.
fn keep_above(document: &mut DocumentMut, position: isize, comment: &str) {
    if comment.is_empty() {
        return;
    }
    let tables =
        keys(document).into_iter().flat_map(|keys| keys.iter_mut()).filter_map(|(_, item)| item.as_table_mut());
    let next = tables.filter(|table| table.position() > Some(position)).min_by_key(|table| table.position());
    if let Some(next) = next {
        let own = next.decor().prefix().and_then(RawString::as_str).unwrap_or_default();
        let both = format!("{comment}{}", own.trim_start_matches('\n'));
        next.decor_mut().set_prefix(both);
    } else {
        let both = format!("{comment}{}", document.trailing().as_str().unwrap_or_default());
        document.set_trailing(both);
    }
}

fn replace(file: &Path, text: &str) -> io::Result<()> {
    // Not the link to it.
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut beside = tempfile::NamedTempFile::new_in(folder)?;
    beside.write_all(text.as_bytes())?;
    if let Ok(metadata) = fs::metadata(&file) {
        fs::set_permissions(beside.path(), metadata.permissions())?;
    }
    beside.as_file().sync_all()?;
    beside.persist(&file).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: KeyEntry = KeyEntry { sha256: String::new(), presets: None, max_streams: None, operator: false };

    /// A file with comments, and keys in no order. `HASH` stands for a hash.
    const FILE: &str = "# Keys of the lab.\n\n# Zoe, until May\n[keys.zoe]\nsha256 = \"HASH\"   # hers\nmax_streams = 2\n\n# The kitchen\n[keys.kitchen]\npresets = [\n  \"english\",   # and no other\n]\nsha256 = 'HASH'\n";

    fn with(content: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys.toml");
        fs::write(&file, content.replace("HASH", &"0".repeat(64))).unwrap();
        (dir, file)
    }

    fn names(file: &Path) -> Vec<String> {
        KeysDocument::open(file).unwrap().list().unwrap().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn a_rotated_key_has_a_new_secret_and_all_else_stays() {
        let (_dir, file) = with(FILE);
        for name in ["zoe", "kitchen"] {
            let before = fs::read_to_string(&file).unwrap();
            let secret = KeysDocument::open(&file).unwrap().rotate(name).unwrap();
            let after = fs::read_to_string(&file).unwrap();
            let changed: Vec<_> = before.lines().zip(after.lines()).filter(|(before, after)| before != after).collect();
            assert!(changed.len() == 1 && changed[0].1.starts_with("sha256 = "), "{after}");
            assert_eq!(before.lines().count(), after.lines().count());
            let keys = Keys::parse(&after, None, &CancellationToken::new()).unwrap();
            assert_eq!(keys.find(&secret).unwrap().name(), name);
        }
        assert!(fs::read_to_string(&file).unwrap().contains("\"   # hers"));
    }

    #[test]
    fn a_removed_key_takes_its_own_comment_along_and_no_other() {
        let (_dir, file) = with(FILE);
        KeysDocument::open(&file).unwrap().remove("zoe").unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("# Keys of the lab.\n\n# The kitchen\n[keys.kitchen]\npresets = [\n"), "{text}");
        KeysDocument::open(&file).unwrap().remove("kitchen").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "# Keys of the lab.\n\n");
        let key = NewKey::make("new", ENTRY).unwrap();
        KeysDocument::open(&file).unwrap().append(&key).unwrap();
        assert_eq!(names(&file), ["new"]);
    }

    #[test]
    fn keys_may_be_written_in_one_table() {
        let (_dir, file) =
            with("[keys]\na = { sha256 = \"HASH\" }  # first\nb = { sha256 = \"HASH\", operator = true }\n");
        KeysDocument::open(&file).unwrap().rotate("b").unwrap();
        KeysDocument::open(&file).unwrap().remove("b").unwrap();
        assert_eq!(names(&file), ["a"]);
        assert!(fs::read_to_string(&file).unwrap().contains("# first"));
    }

    #[test]
    fn a_mistake_changes_nothing() {
        let (_dir, file) = with(FILE);
        let before = fs::read_to_string(&file).unwrap();
        let open = || KeysDocument::open(&file).unwrap();
        let unknown = open().remove("bob").unwrap_err().to_string();
        assert!(unknown.ends_with("there is no key `bob`; there are: kitchen, zoe"), "{unknown}");
        assert!(matches!(open().rotate("bob"), Err(KeysEditError::Unknown { .. })));
        let taken = open().append(&NewKey::make("zoe", ENTRY).unwrap()).unwrap_err();
        assert!(matches!(taken, KeysEditError::Content { .. }), "{taken}");
        assert_eq!(fs::read_to_string(&file).unwrap(), before);
        fs::write(&file, "[keys").unwrap();
        assert!(matches!(KeysDocument::open(&file), Err(KeysEditError::Content { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn the_permissions_and_a_link_to_the_file_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};

        let (dir, file) = with(FILE);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let link = dir.path().join("link.toml");
        symlink(&file, &link).unwrap();
        KeysDocument::open(&link).unwrap().remove("zoe").unwrap();
        assert!(link.is_symlink());
        assert_eq!(
            (names(&file), fs::metadata(&file).unwrap().permissions().mode() & 0o777),
            (vec!["kitchen".into()], 0o640)
        );
        let new = dir.path().join("new.toml");
        KeysDocument::open_or_new(&new).unwrap().append(&NewKey::make("a", ENTRY).unwrap()).unwrap();
        assert_eq!(fs::metadata(&new).unwrap().permissions().mode() & 0o077, 0);
    }
}
