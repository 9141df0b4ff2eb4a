//! Takes numbers and byte strings from the front of a target's input: one input holds both the choices and the data.
//!
//! If the input is too short, the missing bytes are zeros.

/// The rest of an input.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (head, tail) = self.0.split_at(count.min(self.0.len()));
        self.0 = tail;
        head
    }

    pub(crate) fn u8(&mut self) -> u8 {
        self.number::<1>() as u8
    }

    pub(crate) fn u16(&mut self) -> u16 {
        self.number::<2>() as u16
    }

    pub(crate) fn u24(&mut self) -> u32 {
        self.number::<3>() as u32
    }

    pub(crate) fn u48(&mut self) -> u64 {
        self.number::<6>()
    }

    fn number<const N: usize>(&mut self) -> u64 {
        self.bytes(N).iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}
