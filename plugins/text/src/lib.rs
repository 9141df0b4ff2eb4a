//! Stages that rewrite text: `numbers` writes numbers as figures or as words, `replace` has a table of phrases, `redact` hides card
//! and phone numbers, e-mail addresses, profanity and patterns.
//!
//! Each works on the words of a text (`words`), with its rule in a room of its own. Threads: one at a time for a stream; rules are
//! shared by streams and do not change.

#![forbid(unsafe_code)]

mod figures;
mod numbers;
mod redact;
mod replace;
mod rewriter;
mod spelled;
mod words;

pub use numbers::NumbersLoader;
pub use redact::RedactLoader;
pub use replace::ReplaceLoader;

auricle_plugin_api::export_plugin! { stages: [NumbersLoader, ReplaceLoader, RedactLoader], claims: {"needs": []} }
