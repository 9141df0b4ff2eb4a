//! A model's folder: its required files, and the selection among several.

use auricle_plugin_api::Error;
use auricle_plugin_kit::files;
use std::{
    fs,
    path::{Path, PathBuf},
};

const ENCODER: &str = "encoder";
/// Suffixes before `.onnx` of files with fewer than 32 bits.
const PRECISIONS: [&str; 4] = ["int8", "fp16", "float16", "quant"];

/// The files of a model.
#[derive(Debug, PartialEq)]
pub(crate) struct Files {
    /// The network, or a transducer's encoder.
    pub(crate) network: PathBuf,
    /// The other networks of a transducer.
    pub(crate) transducer: Option<Pair>,
    /// Its symbols.
    pub(crate) tokens: PathBuf,
    /// How words are split into symbols, if the folder has this file.
    pub(crate) pieces: Option<PathBuf>,
}

/// The networks of a transducer besides its encoder.
#[derive(Debug, PartialEq)]
pub(crate) struct Pair {
    /// The predictor.
    pub(crate) decoder: PathBuf,
    pub(crate) joiner: PathBuf,
}

/// Adds a file's name to an error, and makes the runtime's message one line.
pub(crate) fn naming(file: &Path) -> impl Fn(Error) -> Error {
    let file = file.display().to_string();
    move |problem| {
        let words: Vec<&str> = problem.message.split_whitespace().collect();
        Error::new(problem.code, format!("{file} {}", words.join(" ")))
    }
}

impl Files {
    /// Selects the files in `folder`: the ONNX file with the name `file`, or the only one with that precision; for an
    /// encoder also the decoder and the joiner with matching names.
    pub(crate) fn in_folder(folder: &Path, file: Option<&str>, precision: &str) -> Result<Self, Error> {
        let here = folder.display();
        let entries = fs::read_dir(folder)
            .map_err(|problem| Error::model(format!("{here}: a model is a folder with an ONNX file: {problem}")))?;
        let mut found: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| !files::is_hidden(name))
            .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "onnx"))
            .collect();
        found.sort();
        let is_encoder = |name: &&String| name.starts_with(ENCODER);
        let network = match file {
            Some(file) if folder.join(file).is_file() => file.to_owned(),
            Some(file) => return Err(Error::config("file", format!("there is no {file} in {here}"))),
            None => {
                let encoders = found.iter().any(|name| is_encoder(&name));
                let networks: Vec<&String> = found.iter().filter(|name| !encoders || is_encoder(name)).collect();
                choose(&networks, precision).map_err(|problem| match problem {
                    Problem::None if found.is_empty() => Error::model(format!("{here} holds no ONNX file (NAME.onnx)")),
                    Problem::None => Error::config("precision", format!("{here} holds no NAME.{precision}.onnx")),
                    Problem::Several(names) => {
                        let problem = format!("{here} holds several ONNX files, say which: {names}");
                        Error::config("file", problem)
                    }
                })?
            }
        };
        let transducer = match network.strip_prefix(ENCODER) {
            Some(rest) => Some(Pair {
                decoder: folder.join(partner(&found, "decoder", rest, folder)?),
                joiner: folder.join(partner(&found, "joiner", rest, folder)?),
            }),
            None => None,
        };
        let tokens = folder.join("tokens.txt");
        if !tokens.is_file() {
            return Err(Error::model(format!("{here} holds no tokens.txt (a line `SYMBOL ID` for each token)")));
        }
        let pieces = Some(folder.join("bpe.vocab")).filter(|file| file.is_file());
        Ok(Self { network: folder.join(network), transducer, tokens, pieces })
    }
}

/// Why no file is selected.
enum Problem {
    None,
    Several(String),
}

/// Selects the only file with that precision; by default full precision is preferred.
fn choose(names: &[&String], precision: &str) -> Result<String, Problem> {
    let of = |wanted: Option<&str>| -> Vec<&String> {
        names.iter().copied().filter(|name| precision_of(name) == wanted).collect()
    };
    let mut fitting = match precision {
        "" => of(None),
        "fp32" => of(None),
        precision => of(Some(precision)),
    };
    if precision.is_empty() && fitting.is_empty() {
        fitting = names.to_vec();
    }
    match fitting.as_slice() {
        [only] => Ok((*only).clone()),
        [] => Err(Problem::None),
        several => Err(Problem::Several(several.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", "))),
    }
}

/// The precision in a name.
fn precision_of(name: &str) -> Option<&str> {
    let stem = name.strip_suffix(".onnx")?;
    PRECISIONS.into_iter().find(|precision| stem.ends_with(&format!(".{precision}")))
}

/// The file that belongs to an encoder. Its name begins with `part` and continues like the encoder's, with or without
/// its precision (small files are often not quantized); or it is the only one with `part`.
fn partner(found: &[String], part: &str, rest: &str, folder: &Path) -> Result<String, Error> {
    let same = format!("{part}{rest}");
    let whole = match precision_of(rest) {
        Some(precision) => same.replace(&format!(".{precision}.onnx"), ".onnx"),
        None => same.clone(),
    };
    let parts: Vec<&String> = found.iter().filter(|name| name.starts_with(part)).collect();
    match parts.as_slice() {
        names if names.contains(&&same) => Ok(same),
        names if names.contains(&&whole) => Ok(whole),
        [only] => Ok((*only).clone()),
        _ => Err(Error::model(format!("{} holds no {same}, which goes with encoder{rest}", folder.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let refusal = |file| Files::in_folder(here, file, "").unwrap_err().message;
        assert!(refusal(None).ends_with("holds no ONNX file (NAME.onnx)"), "{}", refusal(None));
        fs::write(here.join("a.onnx"), "").unwrap();
        assert!(refusal(None).contains("holds no tokens.txt"), "{}", refusal(None));
        assert!(refusal(Some("b.onnx")).contains("there is no b.onnx"), "{}", refusal(Some("b.onnx")));
        fs::write(here.join("tokens.txt"), "").unwrap();
        // A Mac creates such a file on disks of other systems.
        fs::write(here.join("._a.onnx"), "").unwrap();
        let files =
            Files { network: here.join("a.onnx"), transducer: None, tokens: here.join("tokens.txt"), pieces: None };
        assert_eq!(Files::in_folder(here, None, "").unwrap(), files);
        fs::write(here.join("b.onnx"), "").unwrap();
        assert!(refusal(None).ends_with("say which: a.onnx, b.onnx"), "{}", refusal(None));
        assert_eq!(Files::in_folder(here, Some("a.onnx"), "").unwrap(), files);
        let missing = Files::in_folder(&here.join("nowhere"), None, "").unwrap_err().message;
        assert!(missing.contains("nowhere: a model is a folder"), "{missing}");
    }

    /// The selected files in a folder with these files: encoder, decoder and joiner, or the network.
    fn chosen(names: &[&str], file: Option<&str>, precision: &str) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        for name in names.iter().chain(&["tokens.txt"]) {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let files = Files::in_folder(folder.path(), file, precision).map_err(|problem| problem.message)?;
        let transducer = files.transducer.into_iter().flat_map(|pair| [pair.decoder, pair.joiner]);
        let files = [files.network].into_iter().chain(transducer);
        Ok(files.map(|file| file.file_name().unwrap().to_string_lossy().into_owned()).collect())
    }

    #[test]
    fn files_that_go_together_are_found_by_their_names() {
        let one = ["encoder.onnx", "decoder.onnx", "joiner.onnx"];
        assert_eq!(chosen(&one, None, "").unwrap(), one);
        let names = [
            "decoder-a.int8.onnx",
            "decoder-a.onnx",
            "decoder-b.onnx",
            "encoder-a.int8.onnx",
            "encoder-a.onnx",
            "encoder-b.onnx",
            "joiner-a.int8.onnx",
            "joiner-a.onnx",
            "joiner-b.onnx",
        ];
        let several = chosen(&names, None, "").unwrap_err();
        assert!(several.ends_with("say which: encoder-a.onnx, encoder-b.onnx"), "{several}");
        let b = ["encoder-b.onnx", "decoder-b.onnx", "joiner-b.onnx"];
        assert_eq!(chosen(&names, Some("encoder-b.onnx"), "").unwrap(), b);
        let int8 = ["encoder-a.int8.onnx", "decoder-a.int8.onnx", "joiner-a.int8.onnx"];
        assert_eq!(chosen(&names, None, "int8").unwrap(), int8);
        let none = chosen(&names, None, "fp16").unwrap_err();
        assert!(none.contains("holds no NAME.fp16.onnx"), "{none}");
        let lone = chosen(&["encoder-a.onnx", "decoder-a.onnx"], None, "").unwrap_err();
        assert!(lone.ends_with("holds no joiner-a.onnx, which goes with encoder-a.onnx"), "{lone}");
    }

    #[test]
    fn full_precision_goes_first_and_small_files_may_be_whole() {
        assert_eq!(chosen(&["model.int8.onnx", "model.onnx"], None, "").unwrap(), ["model.onnx"]);
        assert_eq!(chosen(&["model.int8.onnx"], None, "").unwrap(), ["model.int8.onnx"]);
        let mixed = ["encoder.int8.onnx", "decoder.onnx", "joiner.int8.onnx"];
        assert_eq!(chosen(&mixed, None, "").unwrap(), mixed);
        let mixed = ["encoder.int8.onnx", "encoder.onnx", "decoder.onnx", "joiner.onnx"];
        let chosen = chosen(&mixed, None, "int8").unwrap();
        assert_eq!(chosen, ["encoder.int8.onnx", "decoder.onnx", "joiner.onnx"]);
    }
}
