//! The files of a model, checked before the C code reads them.
//!
//! Invariant: the files of a [`Files`] exist and are readable; the acoustic model's definition, whose length the C code
//! does not check, is complete.

use auricle_plugin_api::Error;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The files of a model.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    /// A folder.
    pub(crate) acoustic_model: PathBuf,
    pub(crate) language_model: PathBuf,
    pub(crate) dictionary: PathBuf,
}

impl Files {
    /// The model in `folder`, with the layout of upstream's `en-us`: `NAME/`, `NAME.lm.bin` and `cmudict-NAME.dict`.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self, Error> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let acoustic_model = folder.join(&*name);
        let language_model = folder.join(format!("{name}.lm.bin"));
        let dictionary = folder.join(format!("cmudict-{name}.dict"));
        for file in ["means", "variances", "transition_matrices"] {
            readable(&acoustic_model.join(file))?;
        }
        for file in ["noisedict", "feat.params"] {
            is_text(&acoustic_model.join(file))?;
        }
        readable(&acoustic_model.join("sendump")).or_else(|_| readable(&acoustic_model.join("mixture_weights")))?;
        readable(&language_model)?;
        is_text(&dictionary)?;
        let definition = acoustic_model.join("mdef");
        readable(&definition)?;
        let bytes = fs::read(&definition).map_err(|problem| incomplete(&definition, problem))?;
        if is_cut_short(&bytes) {
            return Err(incomplete(&definition, "is cut short"));
        }
        Ok(Self { acoustic_model, language_model, dictionary })
    }
}

fn readable(file: &Path) -> Result<(), Error> {
    let found = fs::File::open(file).and_then(|file| file.metadata()).map_err(|problem| incomplete(file, problem))?;
    if found.is_file() && found.len() > 0 { Ok(()) } else { Err(incomplete(file, "is not a file, or is empty")) }
}

/// Checks that the C code can read a text file. It skips a byte order mark and takes CR LF, but
/// finds nothing in UTF-16, and one line where CR alone ends lines.
fn is_text(file: &Path) -> Result<(), Error> {
    readable(file)?;
    let bytes = fs::read(file).map_err(|problem| incomplete(file, problem))?;
    let unusable = |problem: &str| Err(Error::model(format!("{}: {problem}", file.display())));
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return unusable("is UTF-16: save it as UTF-8");
    }
    if bytes.contains(&b'\r') && !bytes.contains(&b'\n') {
        return unusable("its lines end in CR: save it with line ends of Unix or Windows");
    }
    Ok(())
}

fn incomplete(file: &Path, problem: impl std::fmt::Display) -> Error {
    Error::model(format!("the model is not complete: {}: {problem}", file.display()))
}

/// Whether a model definition is shorter than its header states. Layout: a magic number, which gives the byte order
/// (the text form has none, and its parser checks the length), version, length of a description and the description,
/// ten numbers, the phones' names, padding to four, a tree, the phones, and the length and entries of the state
/// sequences.
fn is_cut_short(bytes: &[u8]) -> bool {
    let number = |at: usize| -> Option<usize> {
        let word = *bytes.get(at..)?.first_chunk::<4>()?;
        let value = if bytes.starts_with(b"FDMB") { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) };
        usize::try_from(value).ok()
    };
    let end = || -> Option<usize> {
        let header = number(8)?.checked_add(12)?;
        let [names, phones, states, sequences, tree] = [0, 1, 2, 6, 8].map(|index| number(header + index * 4));
        let first_name = header + 40;
        let mut at = first_name;
        for _ in 0..names? {
            at += bytes.get(at..)?.iter().position(|byte| *byte == 0)? + 1;
        }
        at = first_name + (at - first_name).next_multiple_of(4);
        at = at.checked_add(tree?.checked_mul(8)?)?.checked_add(phones?.checked_mul(12)?)?;
        let entries = at.checked_add(4)?.checked_add(number(at)?.checked_mul(2)?)?;
        // If sequences differ in length, there is a byte with the length of each.
        entries.checked_add(if states? == 0 { sequences? } else { 0 })
    };
    let binary = bytes.starts_with(b"BMDF") || bytes.starts_with(b"FDMB");
    binary && end().is_none_or(|end| end > bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn missing_files_are_named() {
        let error = Files::in_folder(Path::new("/nowhere/en-us")).unwrap_err();
        assert!(error.message.contains("/nowhere/en-us/en-us/means: No such file"), "{error}");
    }

    #[test]
    fn a_definition_ends_where_its_header_says() {
        let bytes = fs::read(testing::model_folder().join("en-us/mdef")).unwrap();
        assert!(!is_cut_short(&bytes));
        for length in [4, 20, 60, 500, bytes.len() / 2, bytes.len() - 1] {
            assert!(is_cut_short(&bytes[..length]), "{length}");
        }
        assert!(!is_cut_short(b"0.3\n42 n_base\n"), "the text form has a reader that checks");
    }
}
