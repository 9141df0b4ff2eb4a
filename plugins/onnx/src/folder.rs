//! A model's folder: which files it must hold.

use auricle_plugin_api::Error;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The files of a model.
#[derive(Debug, PartialEq)]
pub(crate) struct Files {
    /// The network.
    pub(crate) network: PathBuf,
    /// Its symbols.
    pub(crate) tokens: PathBuf,
}

impl Files {
    /// The files of `folder`: the ONNX file called `file`, or the only one there is.
    pub(crate) fn in_folder(folder: &Path, file: Option<&str>) -> Result<Self, Error> {
        let here = folder.display();
        let entries = fs::read_dir(folder)
            .map_err(|problem| Error::model(format!("{here}: a model is a folder with an ONNX file: {problem}")))?;
        let mut found: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "onnx"))
            .collect();
        found.sort();
        let network = match (file, found.as_slice()) {
            (Some(file), _) if folder.join(file).is_file() => folder.join(file),
            (Some(file), _) => return Err(Error::config("file", format!("there is no {file} in {here}"))),
            (None, [only]) => only.clone(),
            (None, []) => return Err(Error::model(format!("{here} holds no ONNX file (NAME.onnx)"))),
            (None, several) => {
                let names: Vec<_> = several.iter().filter_map(|path| path.file_name()?.to_str()).collect();
                let problem = format!("{here} holds several ONNX files, say which: {}", names.join(", "));
                return Err(Error::config("file", problem));
            }
        };
        let tokens = folder.join("tokens.txt");
        if !tokens.is_file() {
            return Err(Error::model(format!("{here} holds no tokens.txt (a line `SYMBOL ID` for each token)")));
        }
        Ok(Self { network, tokens })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let refusal = |file| Files::in_folder(here, file).unwrap_err().message;
        assert!(refusal(None).ends_with("holds no ONNX file (NAME.onnx)"), "{}", refusal(None));
        fs::write(here.join("a.onnx"), "").unwrap();
        assert!(refusal(None).contains("holds no tokens.txt"), "{}", refusal(None));
        assert!(refusal(Some("b.onnx")).contains("there is no b.onnx"), "{}", refusal(Some("b.onnx")));
        fs::write(here.join("tokens.txt"), "").unwrap();
        let files = Files { network: here.join("a.onnx"), tokens: here.join("tokens.txt") };
        assert_eq!(Files::in_folder(here, None).unwrap(), files);
        fs::write(here.join("b.onnx"), "").unwrap();
        assert!(refusal(None).ends_with("say which: a.onnx, b.onnx"), "{}", refusal(None));
        assert_eq!(Files::in_folder(here, Some("a.onnx")).unwrap(), files);
        let missing = Files::in_folder(&here.join("nowhere"), None).unwrap_err().message;
        assert!(missing.contains("nowhere: a model is a folder"), "{missing}");
    }
}
