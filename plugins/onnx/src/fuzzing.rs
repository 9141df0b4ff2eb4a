//! Doors for the fuzz targets and the benchmarks: what reads a model's files and restart states, without a network.

use crate::{
    graph::{self, Optimization},
    pieces::Pieces,
    restart,
    symbols::Symbols,
};
use auricle_plugin_api::Error;

/// The symbols that a model with this `tokens.txt` and this `bpe.vocab` writes a phrase with.
///
/// # Errors
/// What is wrong with the files, or cannot be written.
pub fn write(tokens: &str, vocabulary: &str, phrase: &str) -> Result<Vec<String>, String> {
    let symbols = Symbols::parse(tokens)?;
    let ids = Pieces::parse(vocabulary)?.encode(phrase, &symbols)?;
    Ok(ids.into_iter().map(|id| symbols.symbol(id).to_owned()).collect())
}

/// A restart state, read and written again.
///
/// # Errors
/// It is none.
pub fn restart(state: &[u8]) -> Result<Vec<u8>, Error> {
    let (state, caches) = restart::decode(state)?;
    let bytes = restart::encode(&state, caches.len(), |to| {
        to.extend_from_slice(caches);
        Ok(())
    });
    bytes.map(Option::unwrap_or_default)
}

/// A network file with the named optimizations.
///
/// # Errors
/// Why it cannot be.
pub fn rewrite(file: Vec<u8>, optimizations: &[&str]) -> Result<Vec<u8>, Error> {
    let optimizations: Vec<Optimization> =
        Optimization::ALL.into_iter().filter(|optimization| optimizations.contains(&optimization.name())).collect();
    graph::rewrite(file, &optimizations)
}
