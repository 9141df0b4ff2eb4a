//! A model's folder: which of its ONNX files are the encoder and the decoder.
//!
//! Source: the layout of Optimum's export and of the `onnx-community` models. Files may stand in the folder or in its
//! subfolder `onnx`, and their names may carry the precision: `encoder_model_int8.onnx`.

use auricle_plugin_api::Error;
use std::path::{Path, PathBuf};

/// The networks of a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Files {
    pub(crate) encoder: PathBuf,
    pub(crate) decoder: Decoder,
}

/// A decoder comes as one file or as two.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decoder {
    /// One network that is told whether there is a past.
    Merged(PathBuf),
    /// One for the prompt, one for each token after it.
    Split {
        /// Gives the caches.
        first: PathBuf,
        /// Takes and gives them.
        next: PathBuf,
    },
}

impl Files {
    /// The files of `folder` in a precision, which is the end of their names: empty, `fp16`, `int8`, `quantized`, ...
    pub(crate) fn in_folder(folder: &Path, precision: &str) -> Result<Self, Error> {
        let end = if precision.is_empty() { ".onnx".to_owned() } else { format!("_{precision}.onnx") };
        let find = |name: &str| {
            let file = format!("{name}{end}");
            [folder.join(&file), folder.join("onnx").join(&file)].into_iter().find(|path| path.is_file())
        };
        let missing = |what: &str| {
            let here = folder.display();
            Error::model(format!("{here} holds no {what} (nor does its subfolder onnx); see `precision`"))
        };
        let encoder = find("encoder_model").ok_or_else(|| missing(&format!("encoder_model{end}")))?;
        let split = || Some(Decoder::Split { first: find("decoder_model")?, next: find("decoder_with_past_model")? });
        let decoder = find("decoder_model_merged").map(Decoder::Merged).or_else(split).ok_or_else(|| {
            missing(&format!("decoder_model_merged{end}, nor decoder_model{end} with decoder_with_past_model{end}"))
        })?;
        Ok(Self { encoder, decoder })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn finds_what_exports_write_and_names_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let touch = |name: &str| fs::write(here.join(name), "").unwrap();
        let refusal = |precision| Files::in_folder(here, precision).unwrap_err().message;
        assert!(refusal("").contains("holds no encoder_model.onnx"), "{}", refusal(""));
        touch("encoder_model.onnx");
        touch("decoder_model.onnx");
        assert!(refusal("").contains("decoder_with_past_model.onnx"), "{}", refusal(""));
        touch("decoder_with_past_model.onnx");
        let split =
            Decoder::Split { first: here.join("decoder_model.onnx"), next: here.join("decoder_with_past_model.onnx") };
        assert_eq!(Files::in_folder(here, "").unwrap().decoder, split);
        touch("decoder_model_merged.onnx");
        let merged = Decoder::Merged(here.join("decoder_model_merged.onnx"));
        assert_eq!(Files::in_folder(here, "").unwrap().decoder, merged);
        fs::create_dir(here.join("onnx")).unwrap();
        touch("onnx/encoder_model_int8.onnx");
        assert!(refusal("int8").contains("decoder_model_merged_int8.onnx"), "{}", refusal("int8"));
        touch("onnx/decoder_model_merged_int8.onnx");
        let files = Files::in_folder(here, "int8").unwrap();
        assert_eq!(files.encoder, here.join("onnx/encoder_model_int8.onnx"));
    }
}
