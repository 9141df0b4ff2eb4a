//! Recordings whose words are known, and where speech begins in them.

use super::RATE;
use crate::Done;
use auricle_core::normalizer::Normalizer;
use auricle_plugin_kit::{
    onnx::Sessions,
    vad::{Silero, Vad, WINDOW},
};
use auricle_plugin_test::{StubHost, audio};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

const SPEECH: f32 = 0.5;
/// The names of the Free Spoken Digit Dataset are DIGIT_SPEAKER_NUMBER.wav; those with a lower number are its test set.
const TEST_SET: u32 = 5;
const DIGITS: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
/// Digits of a stream.
const TOGETHER: usize = 5;

/// The words of a text, however it writes numbers and contractions.
pub(super) fn words(text: &str) -> Vec<String> {
    Normalizer::WhisperEnglish.words(text)
}

/// A recording of 16 kHz.
pub(super) struct Recording {
    pub(super) samples: Vec<i16>,
    pub(super) words: Vec<String>,
}

impl Recording {
    /// Reads a WAV file and the text file next to it.
    pub(super) fn read(file: &Path) -> Done<Self> {
        let (rate, samples) = audio::wav(file);
        if rate as usize != RATE {
            return Err(format!("{}: its rate is {rate} Hz, not {RATE}", file.display()).into());
        }
        Ok(Self { samples, words: words(&fs::read_to_string(file.with_extension("txt"))?) })
    }

    /// The recordings of English in a folder, by name: all, or those whose names begin with `en_` if some do.
    pub(super) fn find(folder: &Path) -> Done<Vec<Self>> {
        let mut files = wav_files(folder)?;
        files.retain(|file| file.with_extension("txt").is_file());
        let is_english =
            |file: &PathBuf| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("en_"));
        if files.iter().any(is_english) {
            files.retain(is_english);
        }
        let found = files.iter().map(|file| Self::read(file)).collect::<Done<Vec<_>>>()?;
        if found.is_empty() {
            return Err(format!("{} has no WAV file with a text file next to it", folder.display()).into());
        }
        Ok(found)
    }

    /// The test set of digits, some of each speaker together with pauses.
    pub(super) fn find_digits(folder: &Path) -> Done<Vec<Self>> {
        let mut parts = Vec::new();
        for file in wav_files(folder)? {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let [digit, speaker, number] = name.split('_').collect::<Vec<_>>()[..] else { continue };
            if number.parse::<u32>()? < TEST_SET {
                // The digits of a speaker in another order than theirs.
                let digit: usize = digit.parse()?;
                parts.push((speaker.to_owned(), digit * 7 % 10, number.to_owned(), digit, file));
            }
        }
        parts.sort();
        let join = |group: &[(String, usize, String, usize, PathBuf)]| {
            let mut joined = Self { samples: vec![0; RATE / 4], words: Vec::new() };
            for (.., digit, file) in group {
                let (_, samples) = audio::wav(file);
                // From 8 kHz.
                let next = samples.iter().skip(1).chain(samples.last());
                joined.samples.extend(samples.iter().zip(next).flat_map(|(a, b)| [*a, a.midpoint(*b)]));
                joined.samples.extend(vec![0; RATE / 4]);
                joined.words.extend(words(DIGITS[*digit % 10]));
            }
            joined
        };
        Ok(parts.chunks(TOGETHER).map(join).collect())
    }

    /// The recording between silence, which is as long.
    pub(super) fn with_pause(&self) -> Vec<i16> {
        let silence = vec![0; self.samples.len() / 2];
        [&silence[..], &self.samples, &silence].concat()
    }
}

fn wav_files(folder: &Path) -> Done<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Done<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|kind| kind == "wav"));
    files.sort();
    Ok(files)
}

/// Finds where speech begins, by Silero.
pub(super) struct Onsets(Arc<Sessions>);

impl Onsets {
    /// Loads the network from the folder with ONNX Runtime.
    pub(super) fn load(runtime: &Path) -> Done<Self> {
        let network = Silero::load(&StubHost::new().resource_dir(runtime).as_host());
        Ok(Self(Arc::new(network.map_err(|error| error.to_string())?)))
    }

    /// The first sample of the first window with speech, or 0.
    pub(super) fn of(&self, recording: &Recording) -> Done<usize> {
        let mut silero = Silero::new(Arc::clone(&self.0));
        for (number, window) in audio::floats(&recording.samples).as_chunks::<WINDOW>().0.iter().enumerate() {
            if silero.probability(window).map_err(|error| error.to_string())? >= SPEECH {
                return Ok(number * WINDOW);
            }
        }
        Ok(0)
    }
}
