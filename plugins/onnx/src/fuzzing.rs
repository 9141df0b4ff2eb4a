//! Entry points for the fuzz targets and the benchmarks: the parsers of a model's files and of restart states, without
//! a network.

use crate::{
    graph::{self, Optimization},
    pieces::Pieces,
    restart,
    symbols::Symbols,
};
use auricle_plugin_api::Error;

/// Splits a phrase into the symbols of a model with this `tokens.txt` and this `bpe.vocab`.
///
/// # Errors
/// A file is invalid, or the phrase cannot be written.
pub fn write(tokens: &str, vocabulary: &str, phrase: &str) -> Result<Vec<String>, String> {
    let symbols = Symbols::parse(tokens)?;
    let ids = Pieces::parse(vocabulary)?.encode(phrase, &symbols)?;
    Ok(ids.into_iter().map(|id| symbols.symbol(id).to_owned()).collect())
}

/// Decodes a restart state and encodes it again.
///
/// # Errors
/// The state is invalid.
pub fn restart(state: &[u8]) -> Result<Vec<u8>, Error> {
    let (state, caches) = restart::decode(state)?;
    let bytes = restart::encode(&state, caches.len(), |to| {
        to.extend_from_slice(caches);
        Ok(())
    });
    bytes.map(Option::unwrap_or_default)
}

/// Applies optimizations to a network file.
///
/// # Errors
/// They cannot be applied.
pub fn rewrite(file: Vec<u8>, optimizations: &[&str]) -> Result<Vec<u8>, Error> {
    let optimizations: Vec<Optimization> =
        Optimization::ALL.into_iter().filter(|optimization| optimizations.contains(&optimization.name())).collect();
    graph::rewrite(file, &optimizations)
}
