//! The trait of the container readers.

use super::{
    error::{Damage, ReadError},
    layout::Layout,
};

/// Reads a container packet by packet.
pub(super) trait Container: Send {
    /// The layout of the first frames.
    fn layout(&self) -> Layout;

    /// The number of frames, if the container states it. `length` is the size of the file in bytes, if known.
    fn frames(&self, length: Option<u64>) -> Option<u64>;

    /// Appends whole frames of one layout to `out`, possibly none.
    ///
    /// # Errors
    /// The file cannot be read further.
    fn step(&mut self, out: &mut Vec<u8>) -> Result<Progress, ReadError>;
}

/// The result of one step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Progress {
    /// Frames of this layout were appended, possibly none.
    Audio(Layout),
    /// A part was skipped; the audio continues after it.
    Damage(Damage),
    /// The end of the audio.
    End,
}
