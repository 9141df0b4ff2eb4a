//! What the tests share: the model they use, the recordings they hear, and a recognizer without a server around it.

use crate::{
    endpointer::{BLOCK, Cutting},
    files::Files,
    model::{Decoders, FIRST_MEAN, Lent},
    recognizer::{Event, Recognizer},
};
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

/// The model with room for all tests at once.
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
        recognizer.hear(block, &mut events).unwrap();
    }
    recognizer.finish(&mut events).unwrap();
    events
}

/// The text of the segments among `events`.
pub(crate) fn text(events: &[Event]) -> String {
    let words = events.iter().filter_map(|event| if let Event::Segment(words) = event { Some(words) } else { None });
    words.flatten().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn fixture(name: &str) -> Vec<i16> {
    wav(&root().join("fixtures").join(name))
}

/// The samples of a 16 kHz mono 16-bit WAV file.
pub(crate) fn wav(path: &Path) -> Vec<i16> {
    let bytes = fs::read(path).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
    let mut rest = &bytes[12..];
    loop {
        let (name, length) = (&rest[..4], u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize);
        let chunk = &rest[8..];
        match name {
            b"fmt " => {
                let format = (chunk[0], chunk[2], &chunk[4..8], chunk[14]);
                assert_eq!(format, (1, 1, &16_000u32.to_le_bytes()[..], 16), "{}: not 16 kHz mono s16", path.display());
            }
            b"data" => {
                let data = &chunk[..length.min(chunk.len())];
                return data.as_chunks().0.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect();
            }
            _ => {}
        }
        rest = &chunk[length.next_multiple_of(2)..];
    }
}

/// An empty folder of this test's own.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("OUT_DIR")).join("scratch").join(format!("{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}
