//! What a plugin has: engines and stages. Threads: any.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What presets select by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An engine, by `backend`.
    Engine,
    /// A stage, in the list `stages`.
    Stage,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Engine => "engine",
            Self::Stage => "stage",
        })
    }
}
