//! Samples without a header, as from a pipe or a telephone switch.

use super::{
    container::{Container, Progress},
    error::ReadError,
    input::Input,
    layout::Layout,
};

/// Reads samples without a header.
pub(super) struct Raw {
    input: Input,
    layout: Layout,
}

impl Raw {
    pub(super) fn new(input: Input, layout: Layout) -> Self {
        Self { input, layout }
    }
}

impl Container for Raw {
    fn layout(&self) -> Layout {
        self.layout
    }

    fn frames(&self, length: Option<u64>) -> Option<u64> {
        Some(length? / self.layout.frame_bytes() as u64)
    }

    fn step(&mut self, out: &mut Vec<u8>) -> Result<Progress, ReadError> {
        let frame = self.layout.frame_bytes();
        let ahead = self.input.peek(frame * (self.layout.sample_rate as usize / 10).max(1));
        let bytes = ahead.len();
        out.extend_from_slice(&ahead[..bytes - bytes % frame]);
        self.input.skip(bytes as u64);
        if bytes == 0 {
            self.input.end()?;
            return Ok(Progress::End);
        }
        Ok(Progress::Audio(self.layout))
    }
}
