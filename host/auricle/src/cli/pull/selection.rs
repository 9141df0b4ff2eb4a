//! Selects the files of a repository that make up a model for engine `whisper`, in one precision.
//!
//! Only file names known here are selected, so a repository cannot choose paths on this machine. A list with a name
//! that leaves its folder is still refused as a whole. Source: the layout of Optimum's export, as the engine reads it
//! (`plugins/whisper/src/folder.rs`).

use std::collections::BTreeSet;

/// Required by the engine.
const NEEDED: [&str; 3] = ["config.json", "preprocessor_config.json", "tokenizer.json"];
/// Missing in older exports.
const WELCOME: &str = "generation_config.json";
/// Folders that may contain the networks.
const FOLDERS: [&str; 2] = ["", "onnx/"];
/// Beginnings of the networks' names: the encoder, and the decoder as one file or as two.
const ENCODER: &str = "encoder_model";
const MERGED: &str = "decoder_model_merged";
const SPLIT: [&str; 2] = ["decoder_model", "decoder_with_past_model"];

/// The files do not make up a model. The text continues the name of the repository or folder.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SelectionError {
    #[error("lists a file outside its folder: {name:?}; nothing was downloaded")]
    Outside { name: String },
    /// `there` lists the files of that kind.
    #[error("has no {name}, which a Whisper model needs; {there}")]
    Missing { name: &'static str, there: String },
    /// `there` lists the available precisions, or else the networks.
    #[error("has no {ENCODER}{} with a decoder, so no Whisper model {}; {there}", ending(.precision), spoken(.precision))]
    Networks { precision: String, there: String },
}

/// The file names of a repository or folder.
pub(super) struct Names<'a>(BTreeSet<&'a str>);

impl<'a> Names<'a> {
    /// Refuses a list with a name that leaves the folder.
    pub(super) fn new(names: impl IntoIterator<Item = &'a str>) -> Result<Self, SelectionError> {
        let names: BTreeSet<_> = names.into_iter().collect();
        match names.iter().find(|name| !stays_below(name)) {
            Some(name) => Err(SelectionError::Outside { name: (*name).to_owned() }),
            None => Ok(Self(names)),
        }
    }

    /// Selects the model's files in a precision. The error lists what is missing and what is available.
    pub(super) fn choose(&self, precision: &str) -> Result<Vec<String>, SelectionError> {
        if let Some(name) = NEEDED.into_iter().find(|name| !self.0.contains(name)) {
            let has: Vec<_> = self.0.iter().filter(|name| name.ends_with(".json")).copied().collect();
            return Err(SelectionError::Missing { name, there: listed("JSON files", &has) });
        }
        let networks = self.networks(&ending(precision)).ok_or_else(|| SelectionError::Networks {
            precision: precision.to_owned(),
            there: self.other_precisions(),
        })?;
        let mut chosen: Vec<_> = NEEDED.map(str::to_owned).into();
        chosen.extend(self.0.contains(WELCOME).then(|| WELCOME.to_owned()));
        for network in networks {
            let data: Vec<_> =
                self.0.iter().filter(|name| is_data_of(&network, name)).map(|name| (*name).to_owned()).collect();
            chosen.push(network);
            chosen.extend(data);
        }
        Ok(chosen)
    }

    /// The encoder and the decoder with this ending, if both exist.
    fn networks(&self, ending: &str) -> Option<Vec<String>> {
        let find = |name: &str| {
            FOLDERS
                .map(|folder| format!("{folder}{name}{ending}"))
                .into_iter()
                .find(|path| self.0.contains(path.as_str()))
        };
        let mut networks = vec![find(ENCODER)?];
        match find(MERGED) {
            Some(merged) => networks.push(merged),
            None => networks.extend([find(SPLIT[0])?, find(SPLIT[1])?]),
        }
        Some(networks)
    }

    /// Lists the available values of `--precision`.
    fn other_precisions(&self) -> String {
        let ends = FOLDERS.iter().flat_map(|folder| {
            let names = self.0.iter().filter_map(move |name| name.strip_prefix(folder)?.strip_prefix(ENCODER));
            names.filter(|ending| self.networks(ending).is_some())
        });
        // Without the underscore, as `--precision` takes them. The plain export has no suffix.
        let there: BTreeSet<_> = ends.filter_map(|ending| ending.strip_suffix(".onnx")).collect();
        let named: Vec<_> = there.iter().filter_map(|end| end.strip_prefix('_')).collect();
        let plain = there.contains("");
        match (named.is_empty(), plain) {
            (false, true) => format!("--precision may be {}, or left out", named.join(", ")),
            (false, false) => format!("--precision may be {}", named.join(", ")),
            (true, true) => "only the plain export is available: omit --precision".to_owned(),
            (true, false) => {
                let onnx: Vec<_> = self.0.iter().filter(|name| name.ends_with(".onnx")).copied().collect();
                listed("ONNX files", &onnx)
            }
        }
    }
}

/// Describes how to download the model by hand, for when the hub cannot be reached.
pub(super) fn by_hand(repository: &str, precision: &str, folder: &str) -> String {
    let ending = ending(precision);
    format!(
        "by hand: put {}, {WELCOME} of {repository} into {folder}, and its onnx/{ENCODER}{ending} and onnx/{MERGED}{ending} \
         (with their .onnx_data files, if any) into {folder}/onnx",
        NEEDED.join(", "),
    )
}

fn ending(precision: &str) -> String {
    if precision.is_empty() { ".onnx".to_owned() } else { format!("_{precision}.onnx") }
}

fn spoken(precision: &str) -> String {
    if precision.is_empty() { "in full precision".to_owned() } else { format!("in precision {precision}") }
}

/// Whether the file holds external weights of a network: `NETWORK_data`, or its parts `NETWORK_data_1` and so on.
fn is_data_of(network: &str, name: &str) -> bool {
    match name.strip_prefix(network) {
        Some("_data" | ".data") => true,
        Some(end) => end.strip_prefix("_data_").is_some_and(|part| part.parse::<u16>().is_ok()),
        None => false,
    }
}

fn stays_below(name: &str) -> bool {
    let ordinary = |part: &str| !matches!(part, "" | "." | "..");
    name.split('/').all(ordinary) && !name.contains(|letter: char| letter == '\\' || letter.is_control())
}

fn listed(what: &str, names: &[&str]) -> String {
    const MOST: usize = 12;
    match names.len() {
        0 => format!("it has no {what}"),
        count if count > MOST => format!("its {what}: {} and {} more", names[..MOST].join(", "), count - MOST),
        _ => format!("its {what}: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: [&str; 4] = ["config.json", "generation_config.json", "preprocessor_config.json", "tokenizer.json"];

    fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
        [&JSON[..], &[".gitattributes", "README.md", "vocab.json"], more].concat()
    }

    fn choose(names: &[&str], precision: &str) -> Result<Vec<String>, SelectionError> {
        Names::new(names.iter().copied())?.choose(precision)
    }

    #[test]
    fn takes_the_networks_of_one_precision_with_their_data() {
        let names = with(&[
            "onnx/encoder_model.onnx",
            "onnx/encoder_model.onnx_data",
            "onnx/encoder_model.onnx_data_1",
            "onnx/encoder_model.onnx_data_old",
            "onnx/encoder_model_int8.onnx",
            "onnx/encoder_model_fp16.onnx",
            "onnx/encoder_model_fp16.onnx_data",
            "onnx/decoder_model.onnx",
            "onnx/decoder_with_past_model.onnx",
            "onnx/decoder_model_merged.onnx",
            "onnx/decoder_model_merged_int8.onnx",
        ]);
        let networks = |precision| choose(&names, precision).unwrap().split_off(JSON.len());
        let plain =
            ["encoder_model.onnx", "encoder_model.onnx_data", "encoder_model.onnx_data_1", "decoder_model_merged.onnx"];
        assert_eq!(networks(""), plain.map(|name| format!("onnx/{name}")));
        assert_eq!(networks("int8"), ["onnx/encoder_model_int8.onnx", "onnx/decoder_model_merged_int8.onnx"]);
        let mut first = choose(&names, "int8").unwrap();
        first.truncate(JSON.len());
        first.sort();
        assert_eq!(first, JSON);
    }

    #[test]
    fn takes_a_decoder_in_two_files_and_networks_that_lie_beside_the_rest() {
        let names = with(&["encoder_model.onnx", "decoder_model.onnx", "decoder_with_past_model.onnx"]);
        assert_eq!(choose(&names, "").unwrap().split_off(JSON.len()), names[names.len() - 3..]);
        let older: Vec<_> = names.into_iter().filter(|name| *name != "generation_config.json").collect();
        assert_eq!(choose(&older, "").unwrap().len(), 6);
    }

    #[test]
    fn what_is_missing_is_said_with_what_is_there() {
        let both = ["onnx/encoder_model.onnx", "onnx/decoder_model_merged.onnx"];
        let quantized =
            ["onnx/encoder_model_q4.onnx", "onnx/decoder_model_merged_q4.onnx", "onnx/encoder_model_fp16.onnx"];
        let refusal = |networks: &[&str], precision: &str| choose(&with(networks), precision).unwrap_err().to_string();
        let all = refusal(&[&both[..], &quantized].concat(), "fp16");
        assert!(all.contains("no encoder_model_fp16.onnx with a decoder"), "{all}");
        assert!(all.ends_with("--precision may be q4, or left out"), "{all}");
        assert!(refusal(&quantized, "").ends_with("in full precision; --precision may be q4"));
        assert!(refusal(&both, "int8").ends_with("only the plain export is available: omit --precision"));
        assert!(refusal(&["onnx/model.onnx"], "").ends_with("its ONNX files: onnx/model.onnx"));
        assert!(refusal(&[], "").ends_with("it has no ONNX files"));
        let many: Vec<_> = (0..20).map(|n| format!("{n:02}.onnx")).collect();
        let many = refusal(&many.iter().map(String::as_str).collect::<Vec<_>>(), "");
        assert!(many.ends_with("10.onnx, 11.onnx and 8 more"), "{many}");
        let refusal = choose(&["config.json", "preprocessor_config.json", "vocab.json"], "").unwrap_err().to_string();
        assert!(
            refusal.contains("no tokenizer.json")
                && refusal.contains("config.json, preprocessor_config.json, vocab.json")
        );
    }

    #[test]
    fn a_list_with_a_name_that_leaves_its_folder_is_refused() {
        for name in ["../x.onnx", "/etc/passwd", "onnx/../../x", "onnx//x", "", ".", "a\\..\\b", "onnx/\u{1b}[2J", "x/"]
        {
            let refusal = choose(&with(&[name]), "").unwrap_err().to_string();
            assert!(refusal.contains("outside its folder"), "{name}: {refusal}");
            assert!(!refusal.contains('\u{1b}'), "{refusal}");
        }
        assert!(Names::new(["..onnx/x..y", "a b", "é"]).is_ok());
    }
}
