//! Composes the audio: rows of digits with pauses, and the end of each word.
//!
//! Made only from `fixtures/digits.wav`: its four rows unchanged, and rows of words cut out of them in a pseudo-random
//! order, a few of them longer than the policy's buffer. Pauses are from the recording. The positions of its words are
//! in `bench/whisper/digits.tsv`: the times of the program that synthesised them (flite, `-psdur`).

use crate::{
    Done,
    recording::{self, RATE},
};
use auricle_plugin_test::audio::wav_floats;
use fastrand::Rng;
use std::{fs, io, ops::Range, path::Path};

const SECONDS: f64 = 150.0;
const SEED: u64 = 20;
/// Silence in the recording, in seconds.
const SILENCE: Range<f64> = 1.6..2.2;
/// Pauses between rows, in seconds. The speech detector does not treat those under half a second as ends.
const PAUSES: [f64; 9] = [0.7, 0.35, 1.3, 2.2, 0.4, 0.35, 0.45, 0.9, 3.1];
/// Margin around the words cut out of the recording, in seconds.
const MARGIN: f64 = 0.03;
/// Number of words in the composed rows.
const WORDS: [usize; 5] = [4, 8, 3, 6, 2];

/// A word of the recording or of the composed audio, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spoken {
    pub(super) text: String,
    start: f64,
    pub(super) end: f64,
}

#[cfg(test)]
impl Spoken {
    /// A word without duration.
    pub(super) fn at(text: &str, end: f64) -> Self {
        Self { text: text.to_owned(), start: end, end }
    }
}

pub(super) struct Composed {
    pub(super) samples: Vec<f32>,
    pub(super) words: Vec<Spoken>,
}

pub(super) fn compose() -> Done<Composed> {
    let recording = wav_floats(&recording::path("fixtures/digits.wav"));
    let words = read()?;
    let rows: Vec<&[Spoken]> = words.chunk_by(|one, next| next.start - one.end < MARGIN).collect();
    let mut composed = Composed { samples: Vec::new(), words: Vec::new() };
    let mut chance = Rng::with_seed(SEED);
    for number in 0.. {
        composed.pause(&recording, PAUSES[number % PAUSES.len()]);
        if composed.now() > SECONDS {
            break;
        }
        if number % 2 == 0 {
            composed.append(&recording, rows[number / 2 % rows.len()]);
        } else {
            for _ in 0..WORDS[number / 2 % WORDS.len()] {
                composed.append(&recording, &words[chance.usize(..words.len())..][..1]);
            }
        }
    }
    Ok(composed)
}

/// The words of the recording.
fn read() -> Done<Vec<Spoken>> {
    let file = recording::path("bench/whisper/digits.tsv");
    let text = fs::read_to_string(&file).map_err(|problem| format!("{}: {problem}", file.display()))?;
    let word = |line: &str| {
        let mut fields = line.split('\t');
        let text = fields.next()?.to_owned();
        Some(Spoken { text, start: fields.next()?.parse().ok()?, end: fields.next()?.parse().ok()? })
    };
    let words: Option<Vec<_>> = text.lines().map(word).collect();
    words.filter(|words| !words.is_empty()).ok_or_else(|| format!("{} has no words", file.display()).into())
}

impl Composed {
    /// Length so far, in seconds.
    fn now(&self) -> f64 {
        self.samples.len() as f64 / RATE
    }

    fn pause(&mut self, recording: &[f32], seconds: f64) {
        let silence = cut(recording, SILENCE);
        self.samples.extend(silence.iter().cycle().take((seconds * RATE) as usize));
    }

    /// Appends consecutive words of the recording.
    fn append(&mut self, recording: &[f32], words: &[Spoken]) {
        let (Some(first), Some(last)) = (words.first(), words.last()) else { return };
        let range = first.start - MARGIN..last.end + MARGIN;
        let shift = self.now() - range.start;
        let mut sound = cut(recording, range).to_vec();
        fade(&mut sound);
        self.samples.extend(sound);
        self.words.extend(words.iter().map(|word| Spoken {
            text: word.text.clone(),
            start: word.start + shift,
            end: word.end + shift,
        }));
    }
}

fn cut(recording: &[f32], seconds: Range<f64>) -> &[f32] {
    let sample = |seconds: f64| ((seconds * RATE) as usize).min(recording.len());
    &recording[sample(seconds.start)..sample(seconds.end)]
}

/// Fades the ends, to avoid clicks where words were cut.
fn fade(sound: &mut [f32]) {
    let length = ((MARGIN / 2.0 * RATE) as usize).min(sound.len() / 2);
    for at in 0..length {
        let factor = at as f32 / length as f32;
        let last = sound.len() - 1 - at;
        sound[at] *= factor;
        sound[last] *= factor;
    }
}

/// Writes the raw samples, for the other side.
pub(super) fn write(file: &Path, samples: &[f32]) -> io::Result<()> {
    file.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(file, samples.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<u8>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lie_in_order_within_the_audio_and_the_same_each_time() {
        let composed = compose().unwrap();
        assert!(composed.now() > SECONDS);
        assert!(composed.words.len() > 200, "{}", composed.words.len());
        assert!(composed.words.is_sorted_by(|one, next| one.end < next.end));
        assert!(composed.words.iter().all(|word| word.end < composed.now()));
        assert_eq!(composed.samples, super::compose().unwrap().samples);
    }
}
