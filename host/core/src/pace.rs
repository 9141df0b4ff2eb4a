//! Who sets the pace of a stream.

use serde::{Deserialize, Serialize};

/// Who sets the pace of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// The speaker: audio is always taken; a stream that falls too far behind is closed.
    #[default]
    Live,
    /// The server: audio is taken as fast as it is worked on.
    File,
}
