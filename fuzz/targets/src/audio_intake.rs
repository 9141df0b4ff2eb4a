//! Converts a client's audio: any format, any bytes, cut into messages anywhere, with flushes between them.
//!
//! Checks: a format is accepted, or refused with a one-line error; the number of samples matches the number of frames; no sample is
//! NaN or infinite, and none is beyond full scale if the rate is unchanged; the cuts do not change the samples.

use crate::{assert_one_line, input::Input};
use auricle_audio::{Intake, IntakeError};
use auricle_core::{AudioFormat, Encoding};

const ENCODINGS: [Encoding; 4] = [Encoding::S16le, Encoding::F32le, Encoding::Mulaw, Encoding::Alaw];
/// Rates of models. Only a few, because each input constructs a filter, and a long filter is slow.
const MODEL_RATES: [u32; 4] = [16_000, 8_000, 22_050, 48_000];
/// Rounding in the sum of a frame's channels.
const ROUNDING: f32 = 1e-6;

/// The target; see the module.
pub fn audio_intake(bytes: &[u8]) {
    let mut input = Input(bytes);
    let choice = usize::from(input.u8());
    let (encoding, model_rate) = (ENCODINGS[choice % 4], MODEL_RATES[choice / 4 % 4]);
    let channel = (choice & 16 != 0).then(|| u16::from(input.u8()));
    let format = AudioFormat { encoding, sample_rate: input.u24(), channels: u16::from(input.u8()), channel };
    let mut intake = match (Intake::new(format, model_rate), format.check()) {
        (Ok(intake), Ok(())) => intake,
        (Err(IntakeError::Format(error)), Err(problem)) => {
            assert_eq!(error, problem);
            return assert_one_line(problem);
        }
        (intake, check) => panic!("{format:?} is {check:?}, and so is {:?}", intake.map(drop)),
    };
    // The parts of the audio: each is pushed as a message, some are followed by a flush.
    let parts = usize::from(input.u8() % 16);
    let mut cuts: Vec<(usize, bool)> =
        (0..parts).map(|_| input.u16()).map(|cut| (usize::from(cut & 0x0fff), cut & 0x8000 != 0)).collect();
    cuts.push((usize::MAX, true));
    let (mut cut, mut whole) = (Vec::new(), Vec::new());
    let (mut flushed, mut since) = (0, Vec::new());
    let mut begun = intake.frames();
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    for (length, flush) in cuts {
        let piece = input.bytes(length);
        intake.push(piece, &mut cut);
        since.extend_from_slice(piece);
        if flush {
            intake.finish(&mut cut);
            let frames = intake.frames() - begun;
            begun = intake.frames();
            let wanted = (frames as f64 * f64::from(model_rate) / f64::from(format.sample_rate)).round() as usize;
            assert_eq!(cut.len() - flushed, wanted, "samples of {frames} frames of {format:?} at {model_rate} Hz");
            flushed = cut.len();
            pieces.push(std::mem::take(&mut since));
        }
    }
    let _ = intake.opposite_phase(true);
    let most = if format.sample_rate == model_rate { 1.0 + ROUNDING } else { f32::MAX };
    assert!(cut.iter().all(|sample| sample.abs() <= most), "{format:?}: a sample beyond {most}");
    intake.reset();
    assert_eq!(intake.frames(), 0);
    for piece in pieces {
        intake.push(&piece, &mut whole);
        intake.finish(&mut whole);
    }
    assert!(
        cut.iter().map(|sample| sample.to_bits()).eq(whole.iter().map(|sample| sample.to_bits())),
        "the cuts change the samples"
    );
}
