//! Compares the gate and the network with their authors' code, and tests the detector without a model on speech.
//!
//! `parity/vad.py` explains how the golden files are made and what they contain.

use super::{Change, Energy, Gate, Vad, WINDOW};
use auricle_plugin_api::Error;
use auricle_plugin_test::audio::{floats, noise, wav_floats};
use std::path::{Path, PathBuf};

/// Recordings with golden files.
const FIXTURES: [&str; 4] = ["demo", "report", "train", "weather"];

/// The probability of a window is its first sample.
pub(crate) struct FirstSample;

impl Vad for FirstSample {
    fn probability(&mut self, window: &[f32; WINDOW]) -> Result<f32, Error> {
        Ok(window[0])
    }

    fn reset(&mut self) {}
}

/// Audio with these probabilities: a letter per window, in units of 1/32.
pub(crate) fn audio_of(letters: &str) -> Vec<f32> {
    let windows = letters.chars().map(|letter| letter.to_digit(36).unwrap() as f32 / 32.0);
    windows.flat_map(|first| std::iter::once(first).chain([0.0; WINDOW - 1])).collect()
}

/// A golden file, or the file that the script wrote to the folder in this environment variable.
pub(crate) fn golden(name: &str, variable: &str) -> String {
    let folder = std::env::var_os(variable).map_or_else(|| root().join("plugin-kit/testdata/vad"), PathBuf::from);
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn told(change: Change) -> String {
    let place = |kind, sample: Option<u64>| sample.map(|sample| format!("{kind} {sample}"));
    [place("start", change.start), place("end", change.end)].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[test]
fn golden_gate_is_that_of_the_original() {
    for line in golden("gate.txt", "VAC_TRACES").lines() {
        let (letters, calls) = line.split_once('|').unwrap();
        let (audio, mut gate, mut at) = (audio_of(letters), Gate::new(FirstSample), 0);
        for call in calls.split(',') {
            let (size, events) = call.split_once(' ').unwrap_or((call, ""));
            let end = audio.len().min(at + size.parse::<usize>().unwrap());
            assert_eq!(told(gate.process(&audio[at..end]).unwrap()), events, "{line} at {at}");
            at = end;
        }
        assert_eq!(at, audio.len());
    }
}

#[test]
fn speech_may_go_on_from_before_the_stream() {
    let mut gate = Gate::new(FirstSample);
    gate.init(1_000, Some(1_000));
    assert_eq!(gate.process(&audio_of(&"0".repeat(16))).unwrap(), Change::default());
    assert_eq!(gate.process(&audio_of("0")).unwrap(), Change { start: None, end: Some(1_000 + 1_600) });
    gate.init(1_000, None);
    assert_eq!(gate.process(&audio_of("0w")).unwrap(), Change { start: Some(1_000), end: None });
}

/// The speech in a recording, as sample ranges.
fn utterances(vad: impl Vad, audio: &[f32]) -> Vec<(u64, u64)> {
    let mut gate = Gate::new(vad);
    let (mut found, mut start) = (Vec::new(), None);
    for window in audio.chunks_exact(WINDOW) {
        let change = gate.process(window).unwrap();
        start = change.start.or(start);
        if let Some(end) = change.end {
            found.push((start.take().unwrap(), end));
        }
    }
    found.extend(start.map(|start| (start, audio.len() as u64)));
    found
}

#[test]
fn loudness_finds_the_utterances_that_the_network_finds() {
    for name in FIXTURES {
        let golden = golden(&format!("{name}.txt"), "");
        let places: Vec<u64> = golden.lines().next().unwrap().split(' ').filter_map(|word| word.parse().ok()).collect();
        let audio = wav_floats(&root().join(format!("fixtures/{name}.wav")));
        let found = utterances(Energy::default(), &audio);
        assert_eq!(found.len(), places.len() / 2, "{name}: {found:?}, not {places:?}");
        for ((start, end), place) in found.iter().zip(places.chunks(2)) {
            assert!(
                start.abs_diff(place[0]) <= 3_200 && end.abs_diff(place[1]) <= 8_000,
                "{name}: {found:?}, not {places:?}"
            );
        }
    }
}

/// A detector that was given another's state goes on like it. `fresh` makes detectors.
fn goes_on_from_a_state(fresh: impl Fn() -> Box<dyn Vad>) {
    let audio = wav_floats(&root().join("fixtures/demo.wav"));
    let (first, later) = audio.as_chunks().0.split_at(100);
    let (mut whole, mut other) = (fresh(), fresh());
    for window in first {
        whole.probability(window).unwrap();
    }
    // It has heard something else.
    other.probability(&[0.3; WINDOW]).unwrap();
    assert!(other.restore(&whole.state()));
    for window in &later[..100] {
        assert_eq!(whole.probability(window).unwrap(), other.probability(window).unwrap());
    }
    assert!(!other.restore(&[0.0; 3]));
}

#[test]
fn loudness_goes_on_from_a_state() {
    goes_on_from_a_state(|| Box::new(Energy::default()));
}

#[test]
fn loudness_hears_no_speech_in_steady_noise() {
    // At -40 dB; during the first seconds the detector adapts to the noise.
    let noise: Vec<f32> = floats(&noise(1, 20 * 16_000)).into_iter().map(|sample| sample * 0.034).collect();
    let mut energy = Energy::default();
    let told: Vec<f32> = noise.as_chunks().0.iter().map(|window| energy.probability(window).unwrap()).collect();
    assert!(told[5 * 31..].iter().all(|probability| *probability < 0.35), "{told:?}");
    assert!(utterances(Energy::default(), &[0.0; 160_000]).is_empty());
}

#[cfg(feature = "onnx")]
mod silero {
    use super::*;
    use crate::vad::Detector;
    use auricle_plugin_api::Config;
    use auricle_plugin_test::{StubHost, onnx_runtime_dir};

    /// Maximum difference from the reference: other builds and processors add in another order.
    const TOLERANCE: f32 = 1e-3;

    /// The network, searched for in these folders.
    fn detector(folders: &[&Path]) -> Result<Detector, Error> {
        let host = folders.iter().fold(StubHost::new(), |host, folder| host.resource_dir(folder));
        let fields = [("vad".to_owned(), "silero".into())];
        Detector::load(&Config::new(fields.into_iter().collect()), &host.as_host())
    }

    fn runtime() -> PathBuf {
        onnx_runtime_dir(env!("CARGO_MANIFEST_DIR"))
    }

    fn recordings() -> Vec<PathBuf> {
        match std::env::var("VAD_RECORDINGS") {
            Ok(paths) => paths.split(':').map(PathBuf::from).collect(),
            Err(_) => FIXTURES.map(|name| root().join(format!("fixtures/{name}.wav"))).into(),
        }
    }

    #[test]
    fn golden_probabilities_and_events_are_the_references() {
        let network = detector(&[&runtime()]).unwrap();
        for path in recordings() {
            let golden = golden(&format!("{}.txt", path.file_stem().unwrap().to_str().unwrap()), "VAD_TRACES");
            let (events, probabilities) = golden.split_once('\n').unwrap();
            let audio = wav_floats(&path);
            let windows = audio.as_chunks().0;
            let references: Vec<f32> = probabilities.lines().map(|line| line.parse().unwrap()).collect();
            assert_eq!(windows.len(), references.len(), "{}", path.display());
            let (mut vad, mut most) = (network.detector(), 0.0_f32);
            for (window, reference) in windows.iter().zip(&references) {
                most = most.max((vad.probability(window).unwrap() - reference).abs());
            }
            println!("{}: {} windows, at most {most:.1e} apart", path.display(), windows.len());
            assert!(most <= TOLERANCE, "{}: {most}", path.display());
            // The same detector again, on a new stream.
            let mut gate = Gate::new(vad);
            gate.init(0, None);
            let heard =
                windows.iter().map(|window| told(gate.process(window).unwrap())).filter(|event| !event.is_empty());
            assert_eq!(heard.collect::<Vec<_>>().join(" "), events, "{}", path.display());
        }
    }

    #[test]
    fn the_network_goes_on_from_a_state() {
        let network = detector(&[&runtime()]).unwrap();
        goes_on_from_a_state(|| network.detector());
    }

    #[test]
    fn a_missing_network_is_named_and_a_wrong_one_refused() {
        let empty = tempfile::tempdir().unwrap();
        let refused = |folders: &[&Path]| detector(folders).err().unwrap().message;
        let message = refused(&[empty.path()]);
        assert!(message.contains("Silero VAD") && message.contains("no `silero_vad.onnx`"), "{message}");
        std::fs::write(empty.path().join("silero_vad.onnx"), "not a network").unwrap();
        let message = refused(&[empty.path(), &runtime()]);
        assert!(message.contains("ONNX Runtime cannot use it"), "{message}");
    }
}
