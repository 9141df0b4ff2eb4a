//! The parameters of Deepgram that have no effect here.

use crate::query;

/// The parameters, each with its default.
const IGNORED: [(&str, &str); 18] = [
    ("alternatives", "1"),
    ("callback_method", ""),
    ("custom_topic_mode", ""),
    ("endpointing", ""),
    ("extra", ""),
    ("filler_words", "false"),
    ("language_hint", ""),
    ("measurements", "false"),
    ("mip_opt_out", "false"),
    ("no_delay", "false"),
    ("numerals", "false"),
    ("paragraphs", "false"),
    ("punctuate", "false"),
    ("smart_format", "false"),
    ("tag", ""),
    ("tier", ""),
    ("vad_turnoff", ""),
    ("version", "latest"),
];

/// The name of a parameter that has no effect, unless its value is the default.
pub(super) fn named(name: &str, value: &str) -> Option<&'static str> {
    query::ignored(&IGNORED, name, value)
}
