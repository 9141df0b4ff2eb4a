//! Shared by the tests: the model, the recordings, and a recognizer without a server.

use crate::{
    endpointer::{BLOCK, Cutting},
    files::Files,
    model::{Decoders, FIRST_MEAN, Lent},
    recognizer::{Event, Recognizer},
};
use auricle_plugin_test::audio;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

pub(crate) const CUTTING: Cutting = Cutting { silence_ms: 600, max_seconds: 15, vad_mode: 2 };

/// The model in the unpacked source.
pub(crate) fn model_folder() -> &'static Path {
    Path::new(env!("POCKETSPHINX_TEST_MODEL"))
}

/// The model, with enough decoders for all tests at once.
pub(crate) fn model() -> Arc<Decoders> {
    static MODEL: OnceLock<Arc<Decoders>> = OnceLock::new();
    let load = || Arc::new(Decoders::load(Files::in_folder(model_folder()).unwrap(), 64, "en-US".to_owned()).unwrap());
    Arc::clone(MODEL.get_or_init(load))
}

pub(crate) fn recognizer(cutting: Cutting) -> Recognizer<Lent> {
    Recognizer::new(model().borrow().unwrap(), cutting, FIRST_MEAN).unwrap()
}

/// The events of a whole stream.
pub(crate) fn events(recognizer: &mut Recognizer<Lent>, audio: &[i16]) -> Vec<Event> {
    let mut events = Vec::new();
    for block in audio.chunks(BLOCK) {
        recognizer.process(block, &mut events).unwrap();
    }
    recognizer.finish(&mut events).unwrap();
    events
}

/// The text of the segments in `events`.
pub(crate) fn text(events: &[Event]) -> String {
    let words = events.iter().filter_map(|event| if let Event::Segment(words) = event { Some(words) } else { None });
    words.flatten().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A bundled recording.
pub(crate) fn fixture(name: &str) -> Vec<i16> {
    wav(&root().join("fixtures").join(name))
}

/// The samples of a recording at the model's rate.
pub(crate) fn wav(path: &Path) -> Vec<i16> {
    let (rate, samples) = audio::wav(path);
    assert_eq!(rate, 16_000, "{}: not 16 kHz", path.display());
    samples
}

/// An empty folder for this test.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("OUT_DIR")).join("scratch").join(format!("{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}
