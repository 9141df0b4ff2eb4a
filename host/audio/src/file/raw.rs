//! Samples without a header, as a pipe or a telephone switch gives them.

use super::{
    container::{Container, Got},
    error::ReadError,
    input::Input,
    layout::Layout,
};

/// Samples being read.
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

    fn step(&mut self, out: &mut Vec<u8>) -> Result<Got, ReadError> {
        let frame = self.layout.frame_bytes();
        let seen = self.input.peek(frame * (self.layout.sample_rate as usize / 10).max(1));
        let bytes = seen.len();
        out.extend_from_slice(&seen[..bytes - bytes % frame]);
        self.input.skip(bytes as u64);
        if bytes == 0 {
            self.input.end()?;
            return Ok(Got::End);
        }
        Ok(Got::Audio(self.layout))
    }
}
