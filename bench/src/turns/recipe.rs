//! Utterances with pauses, made of recordings.
//!
//! A recording is cut to its speech. At the longest quiet in its middle more quiet is put in, so that the pause is 0.4 to 1.2 s long, and
//! four seconds of the quiet of a room follow. Recordings without any quiet in the middle get no pause.

use crate::Done;
use auricle_plugin_kit::vad::{Silero, Vad, WINDOW};
use auricle_plugin_test::{StubHost, audio};
use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

pub(super) const RATE: usize = 16_000;
/// The probabilities of speech and of quiet.
const SPEECH: f32 = 0.5;
const QUIET: f32 = 0.35;
/// The least quiet in the middle of a recording, in windows: 0.1 s.
const LEAST: usize = 3;
/// The lengths of pauses, in samples.
const PAUSES: [usize; 4] = [RATE * 4 / 10, RATE * 6 / 10, RATE * 8 / 10, RATE * 12 / 10];
/// The quiet before and after an utterance, in samples.
const BEFORE: usize = RATE / 2;
const AFTER: usize = 4 * RATE;

/// What is said in a turn.
pub(super) struct Utterance {
    pub(super) samples: Vec<i16>,
    /// The sample after the last speech.
    pub(super) end: usize,
    pub(super) has_pause: bool,
}

impl Utterance {
    /// Nothing is said.
    pub(super) fn quiet() -> Self {
        Self { samples: room(0, RATE), end: 0, has_pause: false }
    }

    pub(super) fn seconds(&self) -> f64 {
        self.samples.len() as f64 / RATE as f64
    }
}

/// Each recording in the folder so often, with pauses of other lengths.
pub(super) fn utterances(folder: &Path, rounds: usize, runtime: &Path) -> Done<Vec<Arc<Utterance>>> {
    let host = StubHost::new().resource_dir(runtime);
    let network = Arc::new(Silero::load(&host.as_host()).map_err(|error| error.to_string())?);
    let mut made = Vec::new();
    let recordings = recordings(folder)?;
    for round in 0..rounds {
        for (number, samples) in recordings.iter().enumerate() {
            let pause = PAUSES[(number + round) % PAUSES.len()];
            made.extend(utterance(samples, pause, Silero::new(Arc::clone(&network)))?.map(Arc::new));
        }
    }
    if made.is_empty() {
        return Err(format!("{} has no recordings of speech at {RATE} Hz", folder.display()).into());
    }
    Ok(made)
}

/// The samples of those with a text file next to them: all, or those whose names begin with `en_` if some do.
fn recordings(folder: &Path) -> Done<Vec<Vec<i16>>> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Done<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|kind| kind == "wav") && file.with_extension("txt").is_file());
    let is_english = |file: &PathBuf| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("en_"));
    if files.iter().any(is_english) {
        files.retain(is_english);
    }
    files.sort();
    let read = files.iter().map(|file| audio::wav(file));
    Ok(read.filter(|(rate, _)| *rate as usize == RATE).map(|(_, samples)| samples).collect())
}

/// `None` if Silero hears no speech.
fn utterance(samples: &[i16], pause: usize, mut silero: Silero) -> Done<Option<Utterance>> {
    let floats = audio::floats(samples);
    let heard = floats.as_chunks::<WINDOW>().0.iter().map(|window| silero.probability(window));
    let heard = heard.collect::<Result<Vec<f32>, _>>().map_err(|error| error.to_string())?;
    let is_speech = |probability: &f32| *probability >= SPEECH;
    let (Some(first), Some(last)) = (heard.iter().position(is_speech), heard.iter().rposition(is_speech)) else {
        return Ok(None);
    };
    // A little more than the windows, as the first sounds are quiet.
    let from = (first * WINDOW).saturating_sub(WINDOW * 4);
    let until = (last + 1) * WINDOW;
    let gap = longest_quiet(&heard, first + (last - first) / 5..last - (last - first) / 5);
    let mut made = room(1, BEFORE);
    match &gap {
        Some(gap) => {
            let middle = (gap.start + gap.end) / 2 * WINDOW;
            made.extend(&samples[from..middle]);
            made.extend(room(2, pause.saturating_sub(gap.len() * WINDOW)));
            made.extend(&samples[middle..until]);
        }
        None => made.extend(&samples[from..until]),
    }
    let end = made.len();
    made.extend(room(3, AFTER));
    Ok(Some(Utterance { samples: made, end, has_pause: gap.is_some() }))
}

/// The longest run of windows of quiet within these windows.
fn longest_quiet(heard: &[f32], within: Range<usize>) -> Option<Range<usize>> {
    let (mut best, mut start) = (0..0, within.start);
    for place in within.clone() {
        if heard[place] >= QUIET {
            start = place + 1;
        } else if place + 1 - start > best.len() {
            best = start..place + 1;
        }
    }
    (best.len() >= LEAST).then_some(best)
}

/// The quiet of a room: noise at -70 dB.
fn room(seed: u32, samples: usize) -> Vec<i16> {
    audio::noise(seed, samples).into_iter().map(|sample| sample / 900).collect()
}
