//! A model's folder: finds the ONNX files of the encoder and the decoder.
//!
//! Source: the layout of Optimum's export and of the `onnx-community` models. Files may be in the folder or in its
//! subfolder `onnx`, and their names may contain the precision: `encoder_model_int8.onnx`.

use auricle_plugin_api::Error;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The networks of a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Files {
    /// As exported.
    Stock { encoder: PathBuf, decoder: Decoder },
    /// As converted from an export by `convert/`.
    Fast { encoder: PathBuf, decoder: PathBuf },
}

/// An exported decoder is one file or two.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decoder {
    /// One network with an input for whether there is a past.
    Merged(PathBuf),
    /// One for the prompt, one for each token after it.
    Split {
        /// Returns the caches.
        first: PathBuf,
        /// Receives and returns the caches.
        next: PathBuf,
    },
}

/// The layout of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Layout {
    /// The fast layout, if it exists.
    Auto,
    Stock,
    Fast,
}

impl Files {
    /// Finds the files in `folder` with a precision, which is the suffix of their names: empty, `fp16`, `int8`,
    /// `quantized`, ...
    pub(crate) fn in_folder(folder: &Path, layout: Layout, precision: &str) -> Result<Self, Error> {
        let end = if precision.is_empty() { ".onnx".to_owned() } else { format!("_{precision}.onnx") };
        let find = |name: &str| {
            let file = format!("{name}{end}");
            [folder.join(&file), folder.join("onnx").join(&file)].into_iter().find(|path| path.is_file())
        };
        let missing = |what: &str| {
            let here = folder.display();
            Error::model(format!("{here} holds no {what} (nor does its subfolder onnx); see `layout` and `precision`"))
        };
        let fast = || Some(Self::Fast { encoder: find("encoder_fast")?, decoder: find("decoder_fast")? });
        match layout {
            Layout::Stock => {}
            Layout::Auto => {
                if let Some(files) = fast() {
                    return Ok(files);
                }
            }
            Layout::Fast => return fast().ok_or_else(|| missing(&format!("encoder_fast{end} and decoder_fast{end}"))),
        }
        let encoder = find("encoder_model").ok_or_else(|| missing(&format!("encoder_model{end}")))?;
        let split = || Some(Decoder::Split { first: find("decoder_model")?, next: find("decoder_with_past_model")? });
        let decoder = find("decoder_model_merged").map(Decoder::Merged).or_else(split).ok_or_else(|| {
            missing(&format!("decoder_model_merged{end}, nor decoder_model{end} with decoder_with_past_model{end}"))
        })?;
        Ok(Self::Stock { encoder, decoder })
    }

    /// Their folder.
    pub(crate) fn folder(&self) -> &Path {
        let (Self::Stock { encoder, .. } | Self::Fast { encoder, .. }) = self;
        encoder.parent().unwrap_or(encoder)
    }

    /// The layout's name.
    pub(crate) fn layout(&self) -> &'static str {
        match self {
            Self::Stock { .. } => "stock",
            Self::Fast { .. } => "fast",
        }
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
        let find = |precision| Files::in_folder(here, Layout::Auto, precision);
        let refusal = |precision| find(precision).unwrap_err().message;
        assert!(refusal("").contains("holds no encoder_model.onnx"), "{}", refusal(""));
        touch("encoder_model.onnx");
        touch("decoder_model.onnx");
        assert!(refusal("").contains("decoder_with_past_model.onnx"), "{}", refusal(""));
        touch("decoder_with_past_model.onnx");
        let encoder = here.join("encoder_model.onnx");
        let stock = |decoder| Files::Stock { encoder: encoder.clone(), decoder };
        let split =
            Decoder::Split { first: here.join("decoder_model.onnx"), next: here.join("decoder_with_past_model.onnx") };
        assert_eq!(find("").unwrap(), stock(split));
        touch("decoder_model_merged.onnx");
        assert_eq!(find("").unwrap(), stock(Decoder::Merged(here.join("decoder_model_merged.onnx"))));
        fs::create_dir(here.join("onnx")).unwrap();
        touch("onnx/encoder_model_int8.onnx");
        assert!(refusal("int8").contains("decoder_model_merged_int8.onnx"), "{}", refusal("int8"));
        touch("onnx/decoder_model_merged_int8.onnx");
        assert_eq!(find("int8").unwrap().folder(), here.join("onnx"));
    }

    #[test]
    fn the_fast_files_are_taken_where_they_are_and_stock_ones_where_they_are_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        for file in ["encoder_model.onnx", "decoder_model_merged.onnx", "encoder_fast.onnx"] {
            fs::write(here.join(file), "").unwrap();
        }
        let layout = |layout| Files::in_folder(here, layout, "").map(|files| files.layout());
        assert_eq!(layout(Layout::Auto), Ok("stock"));
        let refusal = layout(Layout::Fast).unwrap_err().message;
        assert!(refusal.contains("holds no encoder_fast.onnx and decoder_fast.onnx"), "{refusal}");
        fs::write(here.join("decoder_fast.onnx"), "").unwrap();
        assert_eq!(layout(Layout::Auto), Ok("fast"));
        assert_eq!(layout(Layout::Stock), Ok("stock"));
    }
}
