//! Who sets the pace of a stream.

use serde::{Deserialize, Serialize};

/// Who sets the pace of a stream. In order of urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// The speaker. Audio is always accepted; a stream that falls too far behind is closed.
    #[default]
    Live,
    /// The server. Audio is accepted as fast as the engine processes it.
    File,
}

impl Pace {
    /// The name, as in the protocol.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::File => "file",
        }
    }
}
