//! Names of models on the command line: a short name of the catalogue, or any repository.
//!
//! The catalogue only maps names. The files of a repository are looked up at the hub. Add a line to extend it.

use std::{fmt::Write, str::FromStr};

/// Short name, repository, description.
const MODELS: [(&str, &str, &str); 20] = [
    ("tiny", "onnx-community/whisper-tiny", "multilingual, 39 M parameters"),
    ("tiny.en", "onnx-community/whisper-tiny.en", "English, 39 M"),
    ("base", "onnx-community/whisper-base", "multilingual, 74 M"),
    ("base.en", "onnx-community/whisper-base.en", "English, 74 M"),
    ("small", "onnx-community/whisper-small", "multilingual, 244 M"),
    ("small.en", "onnx-community/whisper-small.en", "English, 244 M"),
    ("medium", "onnx-community/whisper-medium-ONNX", "multilingual, 769 M"),
    ("medium.en", "onnx-community/whisper-medium.en-ONNX", "English, 769 M"),
    ("large-v3", "onnx-community/whisper-large-v3-ONNX", "multilingual, 1550 M"),
    ("large-v3-turbo", "onnx-community/whisper-large-v3-turbo", "multilingual, 809 M: large-v3 with 4 decoder layers"),
    ("distil-small.en", "onnx-community/distil-small.en", "English, 166 M"),
    ("distil-large-v3", "distil-whisper/distil-large-v3", "English, 756 M"),
    ("distil-large-v3.5", "onnx-community/distil-large-v3.5-ONNX", "English, 756 M"),
    ("zipformer-en", "csukuangfj/sherpa-onnx-streaming-zipformer-en-2023-06-26", "streaming, English, 66 M"),
    ("zipformer-ko", "k2-fsa/sherpa-onnx-streaming-zipformer-korean-2024-06-16", "streaming, Korean"),
    ("zipformer-zh", "k2-fsa/sherpa-onnx-streaming-zipformer-multi-zh-hans-2023-12-12", "streaming, Chinese"),
    ("zipformer-ctc-zh", "k2-fsa/sherpa-onnx-streaming-zipformer-ctc-multi-zh-hans-2023-12-13", "streaming, Chinese"),
    (
        "fastconformer-en-80ms",
        "csukuangfj/sherpa-onnx-nemo-streaming-fast-conformer-transducer-en-80ms",
        "streaming, English, 114 M; shortest delay",
    ),
    (
        "fastconformer-en-480ms",
        "csukuangfj/sherpa-onnx-nemo-streaming-fast-conformer-transducer-en-480ms",
        "streaming, English, 114 M",
    ),
    (
        "fastconformer-en-1040ms",
        "csukuangfj/sherpa-onnx-nemo-streaming-fast-conformer-transducer-en-1040ms",
        "streaming, English, 114 M; most exact",
    ),
];

/// A model to download: its repository, and the name of its local folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) repository: String,
    pub(super) folder: String,
}

/// The name is neither in the catalogue nor a repository's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither a repository OWNER/NAME nor one of {}", MODELS.map(|(short, ..)| short).join(", "))]
pub(super) struct NameError;

impl FromStr for Model {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        if let Some((folder, repository, _)) = MODELS.iter().find(|(short, ..)| *short == name) {
            return Ok(Self { repository: (*repository).to_owned(), folder: (*folder).to_owned() });
        }
        match name.split_once('/') {
            Some((owner, folder)) if is_plain(owner) && is_plain(folder) => {
                Ok(Self { repository: name.to_owned(), folder: folder.to_owned() })
            }
            _ => Err(NameError),
        }
    }
}

/// Whether the text is valid as a part of a repository's name and as a folder's name.
fn is_plain(part: &str) -> bool {
    let mut letters = part.bytes();
    letters.next().is_some_and(|first| first.is_ascii_alphanumeric() || first == b'_')
        && letters.all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// The catalogue as a table.
pub(super) fn table() -> String {
    MODELS.iter().fold(format!("{:25}{:75}about", "name", "repository"), |mut table, (name, repository, about)| {
        // Writing to a string cannot fail.
        let _ = write!(table, "\n{name:25}{repository:75}{about}");
        table
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn model(repository: &str, folder: &str) -> Result<Model, NameError> {
        Ok(Model { repository: repository.into(), folder: folder.into() })
    }

    #[test]
    fn a_name_is_one_of_the_catalogue_or_a_repository() {
        assert_eq!("tiny.en".parse(), model("onnx-community/whisper-tiny.en", "tiny.en"));
        assert_eq!("medium".parse(), model("onnx-community/whisper-medium-ONNX", "medium"));
        assert_eq!("me/whisper_1.5-x".parse(), model("me/whisper_1.5-x", "whisper_1.5-x"));
        for wrong in
            ["", "huge", "whisper-tiny", "/x", "me/", "me/..", "../me", "a/b/c", "me/x y", "me/x?", "me/.x", "é/x"]
        {
            let refusal = wrong.parse::<Model>().unwrap_err().to_string();
            assert!(refusal.contains("OWNER/NAME") && refusal.contains("tiny.en, base"), "{wrong}: {refusal}");
        }
    }

    #[test]
    fn every_entry_names_a_repository_and_a_folder_of_its_own() {
        for (name, repository, about) in MODELS {
            assert!(is_plain(name) && !about.is_empty(), "{name}");
            assert!(repository.parse::<Model>().is_ok(), "{repository}");
            assert!(table().contains(&format!("\n{name} ")) && table().contains(&format!(" {repository} ")), "{name}");
        }
        let of = |column: fn(&(&'static str, &'static str, &'static str)) -> &'static str| {
            MODELS.iter().map(column).collect::<BTreeSet<_>>().len()
        };
        assert_eq!((of(|model| model.0), of(|model| model.1)), (MODELS.len(), MODELS.len()));
    }
}
