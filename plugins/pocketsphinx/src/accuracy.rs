//! The word error rate on recordings with known text; also writes the same recordings' input for `parity/compare.py`.
//!
//! The real recordings are not in the repository: AURICLE_AUDIO names their folder, or it is `../shared/audio` beside
//! the repository. Without them these tests print this and pass.

use crate::{
    recognizer::{Event, Trace},
    testing::{self, CUTTING},
};
use auricle_plugin_test::words::{word_errors, words};
use serde_json::{Value, json};
use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// A recording, its text, and the recognised text.
struct Recognition {
    recording: PathBuf,
    said: Vec<String>,
    understood: Vec<String>,
    seconds: f64,
    decoding: Duration,
    slowest_block: Duration,
    trace: Vec<Trace>,
}

fn recordings(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wav"))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)))
        .filter(|path| path.with_extension("txt").exists() && !path.to_string_lossy().contains("8k"))
        .collect();
    found.sort();
    found
}

fn real_recordings() -> Vec<PathBuf> {
    let folder = env::var_os("AURICLE_AUDIO").map_or_else(|| testing::root().join("../shared/audio"), PathBuf::from);
    let mut found = recordings(&folder, "en_");
    // The same recording again, at another rate.
    found.retain(|path| !path.ends_with("en_vosk_test.wav"));
    found
}

fn listen(recording: &Path) -> Recognition {
    let audio = testing::wav(recording);
    let mut recognizer = testing::recognizer(CUTTING);
    let (mut events, mut slowest_block) = (Vec::new(), Duration::ZERO);
    let start = Instant::now();
    for block in audio.chunks(crate::endpointer::BLOCK) {
        let start = Instant::now();
        recognizer.process(block, &mut events).unwrap();
        slowest_block = slowest_block.max(start.elapsed());
    }
    recognizer.finish(&mut events).unwrap();
    let decoding = start.elapsed();
    events.retain(|event| matches!(event, Event::Segment(_)));
    Recognition {
        recording: recording.to_owned(),
        said: words(&fs::read_to_string(recording.with_extension("txt")).unwrap()),
        understood: words(&testing::text(&events)),
        seconds: audio.len() as f64 / 16_000.0,
        decoding,
        slowest_block,
        trace: recognizer.trace,
    }
}

#[test]
fn real_speech_is_understood_as_well_as_it_was() {
    let recordings = real_recordings();
    if recordings.is_empty() {
        return auricle_plugin_test::skip(
            "no recordings (AURICLE_AUDIO is not set and ../shared/audio does not exist)",
        );
    }
    let heard: Vec<Recognition> = recordings.iter().map(|path| listen(path)).collect();
    let (mut wrong, mut said, mut seconds, mut decoding) = (0, 0, 0.0, 0.0);
    for one in &heard {
        let errors = word_errors(&one.said, &one.understood);
        let name = one.recording.file_stem().unwrap_or_default().to_string_lossy();
        println!("{errors:3} of {:3} {name}: {}", one.said.len(), one.understood.join(" "));
        (wrong, said) = (wrong + errors, said + one.said.len());
        (seconds, decoding) = (seconds + one.seconds, decoding + one.decoding.as_secs_f64());
    }
    let rate = 100.0 * wrong as f64 / said as f64;
    let slowest = heard.iter().map(|one| one.slowest_block).max().unwrap_or_default();
    println!("word error rate {rate:.2} % ({wrong} of {said}), {} recordings, {seconds:.0} s", heard.len());
    println!("real-time factor {:.3}, slowest block {} ms", decoding / seconds, slowest.as_millis());
    assert!(rate < 35.0, "word error rate {rate:.2} %");
}

/// Compares with the results of the published PocketSphinx for the fixtures in the same pieces.
#[test]
fn fixtures_give_what_the_reference_gives() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("parity/golden.json");
    let golden: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let mut fixtures = recordings(&testing::root().join("fixtures"), "");
    // Skips fixtures for other engines.
    fixtures.retain(|fixture| golden.get(fixture.file_stem().unwrap().to_string_lossy().as_ref()).is_some());
    assert_eq!(golden.as_object().unwrap().len(), fixtures.len());
    for fixture in fixtures {
        let name = fixture.file_stem().unwrap().to_string_lossy().into_owned();
        let found: Vec<Value> = listen(&fixture).trace.iter().map(place_words).collect();
        assert_eq!(golden[&name], json!(found), "{name}");
    }
}

fn place_words(utterance: &Trace) -> Value {
    utterance.words.iter().map(|word| json!([word.text, word.first_frame, word.last_frame])).collect()
}

/// Writes the input of the reference in `parity/compare.py`.
#[test]
#[ignore = "run by parity/compare.py, which names the file to write in PARITY_DUMP"]
fn dump_for_parity() {
    let path = env::var_os("PARITY_DUMP").unwrap();
    let mut dump = Vec::new();
    let recordings = [recordings(&testing::root().join("fixtures"), ""), real_recordings()].concat();
    for recording in recordings {
        let heard = listen(&recording);
        let utterances: Vec<Value> = heard
            .trace
            .iter()
            .map(|utterance| {
                json!({
                    "start": utterance.start,
                    "mean": utterance.mean,
                    "pieces": utterance.pieces,
                    "words": place_words(utterance),
                    "posteriors": utterance.words.iter().map(|word| word.posterior).collect::<Vec<_>>(),
                })
            })
            .collect();
        dump.push(json!({"recording": recording, "utterances": utterances}));
    }
    fs::write(path, serde_json::to_vec(&dump).unwrap()).unwrap();
}
