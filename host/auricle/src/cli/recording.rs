//! Reads a recording as the samples of a model, as the server would.

use auricle_audio::{
    AudioFile, Intake,
    file::{Options, Step},
};
use std::{fs::File, path::Path};

/// Reads all of a recording at this rate in Hz: mono, in [-1, 1]. The message of an error names the file.
pub(super) fn samples(path: &Path, rate: u32) -> Result<Vec<f32>, String> {
    let named = |problem: &dyn std::fmt::Display| format!("{}: {problem}", path.display());
    let file = File::open(path).map_err(|error| named(&error))?;
    let mut file = AudioFile::open(file, Options::default()).map_err(|error| named(&error))?;
    let mut intake = Intake::new(file.format(), rate).map_err(|error| named(&error))?;
    let (mut frames, mut samples) = (Vec::new(), Vec::new());
    loop {
        match file.step(&mut frames).map_err(|error| named(&error))? {
            Step::End => break,
            Step::Damage(damage) => return Err(named(&damage)),
            Step::Audio | Step::OppositePhase => {}
        }
        intake.push(&frames, &mut samples);
        frames.clear();
    }
    intake.push(&frames, &mut samples);
    intake.finish(&mut samples);
    Ok(samples)
}
