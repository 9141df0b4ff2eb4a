//! The voice activity detector of WebRTC that is part of PocketSphinx.
//!
//! Invariant: its whole state is in the bytes here, so a copy of them continues identically. Threads: one at a time,
//! not always the same.

use crate::ffi;
use auricle_plugin_api::{Error, ErrorCode};

/// Number of samples in a frame: 20 ms.
pub(crate) const VAD_FRAME: usize = 320;

/// Detects frames with speech; it adapts to the background noise.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Vad {
    // 64-bit words, for their alignment.
    state: Vec<u64>,
}

impl Vad {
    /// Creates a detector in its initial state. `mode`: 0 detects the most speech, 3 the least.
    pub(crate) fn new(mode: u8) -> Result<Self, Error> {
        let mut vad = Self { state: vec![0; Self::words()] };
        // SAFETY: as many bytes as the detector needs, aligned for every integer in it.
        match unsafe { ffi::auricle_ps_vad_init(vad.state.as_mut_ptr().cast(), mode.into()) } {
            0 => Ok(vad),
            _ => Err(Error::config("vad_mode", format_args!("the voice detector has no mode {mode}"))),
        }
    }

    /// Whether there is speech in the next frame.
    pub(crate) fn is_speech(&mut self, frame: &[i16; VAD_FRAME]) -> Result<bool, Error> {
        // SAFETY: as above; the samples are only read, during the call.
        match unsafe { ffi::auricle_ps_vad_is_speech(self.state.as_mut_ptr().cast(), frame.as_ptr(), VAD_FRAME) } {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::other("the state of the voice detector is invalid")),
        }
    }

    /// Its state, for [`from_bytes`](Self::from_bytes) on the same kind of machine.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.state.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    /// Restores a detector from its state.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (words, rest) = bytes.as_chunks::<8>();
        if words.len() != Self::words() || !rest.is_empty() {
            return Err(Error::new(ErrorCode::CONTRACT, "the restart state is from another version of this engine"));
        }
        Ok(Self { state: words.iter().map(|word| u64::from_ne_bytes(*word)).collect() })
    }

    fn words() -> usize {
        // SAFETY: it has no arguments and no side effects.
        unsafe { ffi::auricle_ps_vad_size() }.div_ceil(8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_goes_on_alike_and_a_foreign_state_is_refused() {
        let mut vad = Vad::new(2).unwrap();
        let mut frame = [0; VAD_FRAME];
        for i in 0..100 {
            frame.iter_mut().enumerate().for_each(|(j, sample)| *sample = ((i * j * 37) % 2_000) as i16 - 1_000);
            vad.is_speech(&frame).unwrap();
        }
        let mut copy = Vad::from_bytes(&vad.to_bytes()).unwrap();
        for _ in 0..100 {
            assert_eq!(copy.is_speech(&frame).unwrap(), vad.is_speech(&frame).unwrap());
        }
        assert_eq!(copy, vad);
        assert_eq!(Vad::from_bytes(&[0; 16]).unwrap_err().code, ErrorCode::CONTRACT);
        assert!(Vad::new(9).is_err());
    }
}
