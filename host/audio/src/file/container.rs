//! What the readers of containers have in common.

use super::{
    error::{Damage, ReadError},
    layout::Layout,
};

/// A container being read, packet by packet.
pub(super) trait Container: Send {
    /// What the first samples are made of.
    fn layout(&self) -> Layout;

    /// How many frames there are, where the container says it; `length` is that of the file in bytes, where it is known.
    fn frames(&self, length: Option<u64>) -> Option<u64>;

    /// Appends whole frames of one layout to `out`; where there are none, none.
    ///
    /// # Errors
    /// The file cannot be read further.
    fn step(&mut self, out: &mut Vec<u8>) -> Result<Got, ReadError>;
}

/// What one step of a container brought.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Got {
    /// Frames, or none, of this layout.
    Audio(Layout),
    /// Something is not heard; the audio goes on behind it.
    Damage(Damage),
    /// That was all.
    End,
}
