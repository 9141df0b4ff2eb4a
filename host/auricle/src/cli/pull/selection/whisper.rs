//! Whisper models. Source: the layout of Optimum's export, as engine `whisper` reads it (`plugins/whisper/src/folder.rs`).

use super::super::names::{Names, SelectionError, available};
use std::collections::BTreeSet;

/// Whisper's list of tokens.
pub(super) const TOKENIZER: &str = "tokenizer.json";
/// Required by the engine.
const NEEDED: [&str; 3] = ["config.json", "preprocessor_config.json", TOKENIZER];
/// Missing in older exports.
const WELCOME: &str = "generation_config.json";
/// Folders that may contain the networks.
const FOLDERS: [&str; 2] = ["", "onnx/"];
/// Beginnings of the networks' names: the encoder, and the decoder as one file or as two.
const ENCODER: &str = "encoder_model";
const MERGED: &str = "decoder_model_merged";
const SPLIT: [&str; 2] = ["decoder_model", "decoder_with_past_model"];

/// Selects the JSON files and the networks.
pub(super) fn choose(names: &Names<'_>, precision: &str) -> Result<Vec<String>, SelectionError> {
    if let Some(name) = NEEDED.into_iter().find(|name| !names.has(name)) {
        return Err(SelectionError::Missing { name, there: names.list("JSON files", ".json") });
    }
    let networks = networks(names, &ending(precision)).ok_or_else(|| SelectionError::Networks {
        encoder: format!("{ENCODER}{}", ending(precision)),
        precision: precision.to_owned(),
        there: other_precisions(names),
    })?;
    let mut chosen: Vec<_> = NEEDED.map(str::to_owned).into();
    chosen.extend(names.has(WELCOME).then(|| WELCOME.to_owned()));
    chosen.extend(networks.iter().flat_map(|network| names.with_data(network)));
    Ok(chosen)
}

/// The encoder and the decoder with this ending, if both exist.
fn networks(names: &Names<'_>, ending: &str) -> Option<Vec<String>> {
    let find =
        |name: &str| FOLDERS.map(|folder| format!("{folder}{name}{ending}")).into_iter().find(|path| names.has(path));
    let mut networks = vec![find(ENCODER)?];
    match find(MERGED) {
        Some(merged) => networks.push(merged),
        None => networks.extend([find(SPLIT[0])?, find(SPLIT[1])?]),
    }
    Some(networks)
}

/// Lists the available values of `--precision`.
fn other_precisions(names: &Names<'_>) -> String {
    let ends = FOLDERS.iter().flat_map(|folder| {
        let encoders = names.iter().filter_map(move |name| name.strip_prefix(folder)?.strip_prefix(ENCODER));
        encoders.filter(|ending| networks(names, ending).is_some())
    });
    // Without the underscore, as `--precision` takes them. The plain export has no suffix.
    let there: BTreeSet<_> = ends.filter_map(|ending| ending.strip_suffix(".onnx")).collect();
    let named = there.iter().filter_map(|end| end.strip_prefix('_')).collect();
    available(&named, there.contains(""), || names.list("ONNX files", ".onnx"))
}

/// Describes how to download the model by hand.
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

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: [&str; 4] = ["config.json", "generation_config.json", "preprocessor_config.json", "tokenizer.json"];

    fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
        [&JSON[..], &[".gitattributes", "README.md", "vocab.json"], more].concat()
    }

    fn choose(names: &[&str], precision: &str) -> Result<Vec<String>, SelectionError> {
        super::choose(&Names::new(names.iter().copied())?, precision)
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
}
