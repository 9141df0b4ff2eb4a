//! Compares the features and the answers with those of the authors' code: `parity/compare.py` explains how the golden files are made.

use super::*;
use auricle_plugin_test::{StubHost, audio::wav, onnx_runtime_dir};
use std::path::{Path, PathBuf};

/// Recordings with golden files.
const FIXTURES: [&str; 4] = ["demo", "report", "train", "weather"];
/// Features in a line of a golden file; `parity/compare.py` has the same numbers.
const KEPT: usize = 16;
const STEP: usize = 4_001;
/// Maximum difference of features: other builds and processors add in another order.
const TOLERANCE: f32 = 1e-3;
/// Maximum difference of half of the answers: the network computes in 8 bits, so that features which differ by a millionth
/// change an answer by some hundredths, where it is unsure by more. From the same features it gives the same answer.
const NOISE: f32 = 0.05;

fn network(folders: &[&Path]) -> Result<Network, Error> {
    let host = folders.iter().fold(StubHost::new(), |host, folder| host.resource_dir(folder));
    Network::load(&host.as_host(), Options::default())
}

fn runtime() -> PathBuf {
    onnx_runtime_dir(env!("CARGO_MANIFEST_DIR"))
}

/// The recordings, and the folder with their golden files.
fn recordings() -> (Vec<PathBuf>, PathBuf) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    match (std::env::var("TURN_RECORDINGS"), std::env::var_os("TURN_TRACES")) {
        (Ok(paths), Some(traces)) => (paths.split(':').map(PathBuf::from).collect(), traces.into()),
        _ => {
            let fixture = |name| here.join(format!("../../fixtures/{name}.wav"));
            (FIXTURES.map(fixture).into(), here.join("testdata"))
        }
    }
}

#[test]
fn golden_features_and_answers_are_the_references() {
    let network = network(&[&runtime()]).unwrap();
    let (recordings, golden) = recordings();
    let mut apart = Vec::new();
    for path in recordings {
        let (_, samples) = wav(&path);
        let name = path.file_stem().unwrap().to_str().unwrap();
        let golden = std::fs::read_to_string(golden.join(format!("{name}.txt"))).unwrap();
        let mut features_apart = 0.0_f32;
        for line in golden.lines() {
            let mut numbers = line.split(' ');
            let end: usize = numbers.next().unwrap().parse().unwrap();
            let mut number = || numbers.next().unwrap().parse::<f32>().unwrap();
            let audio = &samples[..end];
            let (answer, features) = (network.probability(audio).unwrap(), network.features(audio));
            apart.push((answer - number()).abs());
            for kept in 0..KEPT {
                features_apart = features_apart.max((features[kept * STEP % features.len()] - number()).abs());
            }
            if let Some(folder) = std::env::var_os("TURN_DUMP") {
                let values = features.iter().chain([&answer]);
                let bytes: Vec<u8> = values.flat_map(|value| value.to_le_bytes()).collect();
                std::fs::write(Path::new(&folder).join(format!("{name}-{end}.f32")), bytes).unwrap();
            }
        }
        println!("{name}: features at most {features_apart:.1e} apart");
        assert!(features_apart <= TOLERANCE, "{name}: {features_apart}");
    }
    apart.sort_by(f32::total_cmp);
    let half = apart[apart.len() / 2];
    println!("{} ends: half of the answers at most {half:.1e} apart", apart.len());
    assert!(half <= NOISE, "{apart:?}");
}

#[test]
fn only_the_last_seconds_count() {
    let network = network(&[&runtime()]).unwrap();
    let (_, samples) = wav(&recordings().0[0]);
    let answer = |audio| network.probability(audio).unwrap();
    assert_eq!(answer(&samples[7..SAMPLES + 7]), answer(&samples[..SAMPLES + 7]));
    assert!(network.features(&[i16::MAX; 9]).into_iter().all(f32::is_finite));
}

#[test]
fn a_missing_network_is_named_and_a_wrong_one_refused() {
    let empty = tempfile::tempdir().unwrap();
    let refused = |folders: &[&Path]| network(folders).err().unwrap().message;
    let message = refused(&[empty.path()]);
    assert!(message.contains("smart-turn") && message.contains(FILE), "{message}");
    std::fs::copy(runtime().join("silero_vad.onnx"), empty.path().join(FILE)).unwrap();
    let message = refused(&[empty.path(), &runtime()]);
    assert!(message.contains("not smart-turn"), "{message}");
}
