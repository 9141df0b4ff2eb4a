//! Streaming models of sherpa-onnx: a CTC network, or the three files of a transducer, with the list of tokens. Source: the
//! folders of the published models, as engine `onnx` reads them (`plugins/onnx/src/folder.rs`).

use super::super::names::{Names, SelectionError, available};
use std::collections::BTreeSet;

/// The list of tokens.
pub(super) const SYMBOLS: &str = "tokens.txt";
/// The scores of word pieces, for hotwords; not always there.
const PIECES: &str = "bpe.vocab";
/// Beginnings of the names of a transducer's files.
const PARTS: [&str; 3] = ["encoder", "decoder", "joiner"];
/// Suffixes of quantized networks.
const PRECISIONS: [&str; 4] = ["int8", "fp16", "float16", "quant"];

/// Selects the networks and the lists of tokens. If there are several models, such as those for different lengths of the
/// context, the first in alphabetical order is selected.
pub(super) fn choose(names: &Names<'_>, precision: &str) -> Result<Vec<String>, SelectionError> {
    let networks = networks(names, precision)
        .ok_or_else(|| SelectionError::Streaming { precision: precision.to_owned(), there: other_precisions(names) })?;
    let mut chosen: Vec<_> = networks.iter().flat_map(|network| names.with_data(network)).collect();
    chosen.extend([SYMBOLS, PIECES].into_iter().filter(|name| names.has(name)).map(str::to_owned));
    Ok(chosen)
}

/// A transducer's files in this precision, or else a CTC network.
fn networks(names: &Names<'_>, precision: &str) -> Option<Vec<String>> {
    let ending = ending(precision);
    let fits = |name: &&str| name.ends_with(&ending) && precision_of(name) == precision && !name.contains('/');
    let mut fitting = names.iter().filter(fits);
    let transducer = fitting.clone().find_map(|encoder| {
        let rest = encoder.strip_prefix(PARTS[0])?.strip_suffix(&ending)?;
        // Small parts are often not quantized.
        let part = |part: &str| {
            [ending.as_str(), ".onnx"]
                .map(|ending| format!("{part}{rest}{ending}"))
                .into_iter()
                .find(|name| names.has(name))
        };
        Some(vec![encoder.to_owned(), part(PARTS[1])?, part(PARTS[2])?])
    });
    let is_part = |name: &&str| PARTS.iter().any(|part| name.starts_with(part));
    transducer.or_else(|| Some(vec![fitting.find(|name| !is_part(name))?.to_owned()]))
}

/// The precision in a name; empty for a plain export.
fn precision_of(name: &str) -> &'static str {
    PRECISIONS.into_iter().find(|precision| name.ends_with(&ending(precision))).unwrap_or_default()
}

/// Lists the available values of `--precision`.
fn other_precisions(names: &Names<'_>) -> String {
    let named: BTreeSet<_> = PRECISIONS.into_iter().filter(|precision| networks(names, precision).is_some()).collect();
    available(&named, networks(names, "").is_some(), || names.list("ONNX files", ".onnx"))
}

/// Describes how to download the model by hand.
pub(super) fn by_hand(repository: &str, precision: &str, folder: &str) -> String {
    let ending = ending(precision);
    format!("by hand: put {SYMBOLS} and the networks (NAME{ending}) of {repository} into {folder}")
}

fn ending(precision: &str) -> String {
    if precision.is_empty() { ".onnx".to_owned() } else { format!(".{precision}.onnx") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(names: &[&str], precision: &str) -> Result<Vec<String>, String> {
        let names = Names::new(names.iter().copied()).unwrap();
        super::choose(&names, precision).map_err(|problem| problem.to_string())
    }

    /// As published, with the recordings beside it.
    const TRANSDUCER: [&str; 11] = [
        "README.md",
        "bpe.model",
        "decoder-epoch-99-avg-1-chunk-16-left-64.onnx",
        "encoder-epoch-99-avg-1-chunk-16-left-128.onnx",
        "encoder-epoch-99-avg-1-chunk-16-left-64.int8.onnx",
        "encoder-epoch-99-avg-1-chunk-16-left-64.onnx",
        "joiner-epoch-99-avg-1-chunk-16-left-64.int8.onnx",
        "joiner-epoch-99-avg-1-chunk-16-left-64.onnx",
        "test_wavs/0.wav",
        "test_wavs/x.onnx",
        "tokens.txt",
    ];

    #[test]
    fn takes_the_three_files_of_a_transducer_that_belong_together() {
        let name = |part: &str, ending: &str| format!("{part}-epoch-99-avg-1-chunk-16-left-64{ending}");
        let expected = |encoder: &str, joiner: &str| {
            vec![name("encoder", encoder), name("decoder", ".onnx"), name("joiner", joiner), SYMBOLS.to_owned()]
        };
        assert_eq!(choose(&TRANSDUCER, ""), Ok(expected(".onnx", ".onnx")));
        assert_eq!(choose(&TRANSDUCER, "int8"), Ok(expected(".int8.onnx", ".int8.onnx")));
    }

    #[test]
    fn takes_a_ctc_network_with_its_data() {
        let names = ["bpe.vocab", "model.int8.onnx", "model.onnx", "model.onnx_data", "tokens.txt"];
        assert_eq!(choose(&names, "").unwrap(), ["model.onnx", "model.onnx_data", "tokens.txt", "bpe.vocab"]);
        assert_eq!(choose(&names, "int8").unwrap(), ["model.int8.onnx", "tokens.txt", "bpe.vocab"]);
    }

    #[test]
    fn the_error_lists_what_is_available() {
        let error = choose(&TRANSDUCER, "fp16").unwrap_err();
        assert_eq!(error, "has no transducer or CTC network in precision fp16; --precision may be int8, or left out");
        let error = choose(&["model.int8.onnx", "tokens.txt"], "").unwrap_err();
        assert_eq!(error, "has no transducer or CTC network in full precision; --precision may be int8");
        assert!(choose(&["tokens.txt"], "").unwrap_err().ends_with("it has no ONNX files"));
        assert!(choose(&["encoder.onnx", "tokens.txt"], "").unwrap_err().ends_with("its ONNX files: encoder.onnx"));
    }
}
