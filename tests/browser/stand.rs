//! What the tests share: a server with the page, a browser, and what its microphone hears.

use crate::driver::{Browser, Options};
use auricle_tests::{Host, Setup, bytes, fixture, library, models, runtime, skip, wav, word_errors, words};
use serde_json::json;
use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A lock if browsers can be tested; reports the test as skipped otherwise.
pub(crate) fn turn() -> Option<MutexGuard<'static, ()>> {
    if env::var_os("AURICLE_TEST_BROWSER").is_none() {
        skip("tests in a browser: `cargo xtask test --with browser`");
        return None;
    }
    Some(ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A server with presets for spoken digits and for `tone`.
pub(crate) fn setup() -> Setup {
    let open = ["rule2_min_trailing_silence", "rule3_min_utterance_length"];
    Setup::new()
        .plugin(&library("onnx"))
        .plugin(&library("tone"))
        .resource(&runtime())
        .resource(&models())
        .preset("digits", &json!({"backend": "onnx", "model": "digits", "lan": "en", "host": {"title": "Digits", "open": open, "preload": true}}))
        .preset("tone", &json!({"backend": "tone", "host": {"open": ["lan", "segment_chunks"]}}))
}

/// Opens the page in a browser, and waits for its presets.
pub(crate) fn visit(host: &Host, options: &Options<'_>) -> Browser {
    let browser = Browser::start(options);
    browser.open(&format!("http://{}/", host.address()));
    browser.wait("document.querySelector('#preset').value");
    browser
}

/// The spoken digits, after a second of silence, because the beginning of what a fake microphone plays
/// is lost.
pub(crate) fn recording(folder: &Path) -> PathBuf {
    let (rate, spoken) = wav(&fixture("digits.wav"));
    let samples = [vec![0; rate as usize], spoken].concat();
    let file = folder.join("microphone.wav");
    fs::write(&file, wav_file(&bytes(&samples), rate, 1, 2)).unwrap();
    file
}

/// A WAV file with one channel of samples of some bytes, in a coding of RIFF.
pub(crate) fn wav_file(audio: &[u8], rate: u32, coding: u16, sample: u16) -> Vec<u8> {
    let length = audio.len() as u32;
    let mut file = [b"RIFF".as_slice(), &(36 + length).to_le_bytes(), b"WAVEfmt ", &16u32.to_le_bytes()].concat();
    file.extend([coding, 1].map(u16::to_le_bytes).concat());
    file.extend([rate, rate * u32::from(sample)].map(u32::to_le_bytes).concat());
    file.extend([sample, sample * 8].map(u16::to_le_bytes).concat());
    [file.as_slice(), b"data", &length.to_le_bytes(), audio].concat()
}

/// The words that are spoken in the fixture.
pub(crate) fn spoken() -> Vec<String> {
    words(&fs::read_to_string(fixture("digits.txt")).unwrap())
}

/// The words of the transcript.
pub(crate) fn shown(browser: &Browser) -> Vec<String> {
    let texts =
        browser.value("[...document.querySelectorAll('#segments p')].map((text) => text.textContent).join(' ')");
    words(texts.as_str().unwrap())
}

/// Checks the words, with some tolerance: the fake microphone is not exact.
pub(crate) fn check_words(browser: &Browser, spoken: &[String], tolerance: usize) {
    let shown = shown(browser);
    let errors = word_errors(spoken, &shown);
    assert!(errors <= tolerance, "{errors} errors: {shown:?} for {spoken:?}");
}

/// The page wrote nothing to the console, where violations of its policy are reported too.
pub(crate) fn check_log(browser: &Browser) {
    let lines: Vec<_> = browser.log().into_iter().filter(|line| !line.contains("/v1/")).collect();
    assert!(lines.is_empty(), "{lines:?}");
}

/// Where pictures go.
pub(crate) fn picture(name: &str) -> PathBuf {
    let folder = env::current_exe().unwrap().ancestors().nth(3).unwrap().join("screenshots");
    fs::create_dir_all(&folder).unwrap();
    folder.join(format!("{name}.png"))
}
