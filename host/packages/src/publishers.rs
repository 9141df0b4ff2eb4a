//! The keys of publishers that an operator trusts: a name has one key. A new name must be confirmed, another key of a known name is
//! never accepted.
//!
//! They are in `publishers.toml`, which `auricle plugin add` writes, or in a file of the operator's, which it only reads.

use super::{envelope::beside, envelope::keep, key::PublicKey};
use auricle_core::text_file;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

const BEGINNING: &str = "# The public keys of the publishers whose packages may be added. `auricle plugin add` adds those that you confirm.\n[publishers]\n";

/// Why the keys cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", .file.display())]
pub struct PublishersError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

/// What is known of a publisher's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is the publisher's.
    Known,
    /// The publisher is unknown.
    New,
    /// The publisher has another key, this one.
    Other(PublicKey),
}

/// The publishers that an operator trusts.
#[derive(Debug)]
pub struct Publishers {
    file: PathBuf,
    keys: BTreeMap<String, PublicKey>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    publishers: BTreeMap<String, PublicKey>,
}

impl Publishers {
    /// Reads the keys. If the file does not exist, there are none.
    ///
    /// # Errors
    /// The file cannot be read, or is not valid.
    pub fn read(file: &Path) -> Result<Self, PublishersError> {
        let failed = |problem: String| PublishersError { file: file.to_owned(), problem };
        let text = match text_file::read(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(failed(error.to_string())),
        };
        let document: Document = toml::from_str(&text).map_err(|error| failed(error.to_string()))?;
        Ok(Self { file: file.to_owned(), keys: document.publishers })
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What is known of this key of this publisher.
    pub fn standing(&self, publisher: &str, key: PublicKey) -> Standing {
        match self.keys.get(publisher) {
            None => Standing::New,
            Some(known) if *known == key => Standing::Known,
            Some(known) => Standing::Other(*known),
        }
    }

    /// Adds a new publisher to the file. What is in it stays as it is.
    pub(crate) fn trust(&mut self, publisher: &str, key: PublicKey) -> Result<(), PublishersError> {
        let failed = |error: io::Error| PublishersError { file: self.file.clone(), problem: error.to_string() };
        // Another command may have added it meanwhile.
        match Self::read(&self.file)?.standing(publisher, key) {
            Standing::New => {}
            Standing::Known => return Ok(()),
            Standing::Other(known) => {
                let problem = format!("`{publisher}` has the key {known} by now");
                return Err(PublishersError { file: self.file.clone(), problem });
            }
        }
        let mut text = fs::read_to_string(&self.file).unwrap_or_default();
        if !text.contains("[publishers]") {
            text += BEGINNING;
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        // Writing to a string cannot fail. A publisher's name needs no escapes.
        let _ = writeln!(text, "\"{publisher}\" = \"{key}\"");
        let mut file = beside(&self.file).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| keep(file, &self.file)).map_err(failed)?;
        self.keys.insert(publisher.to_owned(), key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_key_and_comments_stay() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("publishers.toml");
        let [one, two] = ["11", "22"].map(|digits| digits.repeat(32).parse::<PublicKey>().unwrap());
        let mut publishers = Publishers::read(&file).unwrap();
        assert_eq!(publishers.standing("a.b", one), Standing::New);
        publishers.trust("a.b", one).unwrap();
        fs::write(&file, fs::read_to_string(&file).unwrap().trim_end().to_owned() + " # met at a conference").unwrap();
        publishers.trust("other", two).unwrap();
        let read = Publishers::read(&file).unwrap();
        assert_eq!(read.standing("a.b", one), Standing::Known);
        assert_eq!(read.standing("a.b", two), Standing::Other(one));
        assert_eq!(read.standing("other", two), Standing::Known);
        // One that was read before.
        let mut early = Publishers { keys: BTreeMap::new(), file: file.clone() };
        early.trust("other", two).unwrap();
        assert!(early.trust("other", one).unwrap_err().to_string().contains("by now"));
        assert!(fs::read_to_string(&file).unwrap().contains("# met at a conference\n"));
        for (text, problem) in [("[publishers]\na = \"1\"", "64 hexadecimal digits"), ("x = 1", "unknown field")] {
            fs::write(&file, text).unwrap();
            let found = Publishers::read(&file).unwrap_err().to_string();
            assert!(found.contains(problem) && found.contains("publishers.toml"), "{found}");
        }
    }
}
