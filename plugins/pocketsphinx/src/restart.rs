//! The bytes of a restart point: the state that later events depend on.
//!
//! Invariant: [`decode`] restores the input of [`encode`]; anything else is refused as a whole. The bytes are only
//! valid on the same machine, with the same version of the engine.

use crate::{
    decoder::{CEPSTRA, CepstralMean},
    endpointer::History,
    vad::{VAD_FRAME, Vad},
};
use auricle_plugin_api::{Error, ErrorCode};

/// Identifies the layout and its version: mean, length of the detector and the detector, number of frames, a byte for
/// each frame, the audio.
const MARK: &[u8; 8] = b"ps-rp-01";

pub(crate) fn encode(mean: &CepstralMean, vad: &Vad, history: &History) -> Vec<u8> {
    let vad = vad.to_bytes();
    let mut state = MARK.to_vec();
    state.extend(mean.iter().flat_map(|component| component.to_le_bytes()));
    state.extend((vad.len() as u32).to_le_bytes());
    state.extend(vad);
    state.extend((history.speech.len() as u32).to_le_bytes());
    state.extend(history.speech.iter().map(|speech| u8::from(*speech)));
    state.extend(history.audio.iter().flat_map(|sample| sample.to_le_bytes()));
    state
}

pub(crate) fn decode(state: &[u8]) -> Result<(CepstralMean, Vad, History), Error> {
    let mut reader = Reader(state.strip_prefix(MARK).ok_or_else(refused)?);
    let mut mean = [0.0; CEPSTRA];
    for component in &mut mean {
        *component = f32::from_le_bytes(reader.array()?);
    }
    let length = reader.length()?;
    let vad = Vad::from_bytes(reader.take(length)?)?;
    let frames = reader.length()?;
    let speech = reader.take(frames)?.iter().map(|byte| *byte == 1).collect();
    let (samples, rest) = reader.0.as_chunks();
    if samples.len() != frames * VAD_FRAME || !rest.is_empty() {
        return Err(refused());
    }
    let audio = samples.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect();
    Ok((mean, vad, History { audio, speech }))
}

/// The rest of the state.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        self.0.split_off(..length).ok_or_else(refused)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.take(N)?.try_into().map_err(|_| refused())
    }

    fn length(&mut self) -> Result<usize, Error> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }
}

fn refused() -> Error {
    Error::new(ErrorCode::CONTRACT, "the restart state is not from this version of the engine")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_whole_or_not_at_all() {
        let mean = std::array::from_fn(|i| i as f32 - 0.1);
        let history = History { audio: (0..640).collect(), speech: vec![true, false] };
        let vad = Vad::new(1).unwrap();
        let state = encode(&mean, &vad, &history);
        assert_eq!(decode(&state).unwrap(), (mean, vad, history));
        for length in 0..state.len() {
            assert_eq!(decode(&state[..length]).unwrap_err().code, ErrorCode::CONTRACT);
        }
        assert!(decode(&[&state[..], &[0]].concat()).is_err());
    }
}
