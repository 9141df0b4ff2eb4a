//! Files: chosen or dropped, with options, and those that the browser cannot read.

use crate::{
    driver::Options,
    stand::{check_log, check_words, setup, shown, spoken, turn, visit, wav_file},
};
use auricle_tests::{fixture, wav};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;
use std::fs;

/// Drops a file on the page: `arguments[0]` is its content in base64.
const DROP: &str = "
    const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], 'dropped'));
    const tell = (type) => dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
    tell('dragenter');
    const shown = !document.querySelector('#drop').hidden;
    tell('drop');
    done(shown);
";

#[test]
fn a_file_is_chosen_or_dropped() {
    let Some(_turn) = turn() else { return };
    let host = setup().start();
    let browser = visit(&host, &Options::default());
    // The button asks for a file. What the browser shows then is no part of the page.
    browser.script(
        "document.querySelector('#file').addEventListener('click', (event) => {
             event.preventDefault();
             window.asked = true;
         }, { once: true });",
    );
    browser.click("#choose");
    browser.wait("window.asked");
    let digits = fixture("digits.wav").canonicalize().unwrap();
    browser.type_into("#file", digits.to_str().unwrap());
    browser.wait("document.querySelector('#state').textContent === 'Done'");
    check_words(&browser, &spoken(), 1);
    browser.wait("document.querySelector('#delay').textContent.includes('as fast as speech')");
    // A click on a time plays that place of the file.
    browser.click("#segments li:last-child button.time");
    browser.wait("document.querySelector('#audio').played.length && document.querySelector('#audio').currentTime > 3");

    // Its words are not saved: the page asks before they go.
    let dropped = [json!(BASE64_STANDARD.encode(fs::read(&digits).unwrap()))];
    assert_eq!(browser.script_later(DROP, &dropped), true);
    browser.wait("document.querySelector('#discard').open");
    browser.click("#discard [value=keep]");
    browser.wait("!document.querySelector('#discard').open");
    check_words(&browser, &spoken(), 1);
    let states = browser.note("#state");
    browser.script_later(DROP, &dropped);
    browser.click("#discard [value=discard]");
    browser.wait(&format!("{states}.includes('Done')"));
    check_words(&browser, &spoken(), 1);
    check_log(&browser);
}

#[test]
fn the_open_fields_of_a_preset_are_a_form() {
    let Some(_turn) = turn() else { return };
    let host = setup().start();
    let browser = visit(&host, &Options::default());
    browser.type_into("#preset", "tone");
    browser.wait("document.querySelector('#option-lan')");
    browser.type_into("#option-lan", "ar");
    browser.click("#more summary");
    browser.type_into("#option-segment_chunks", "a few");
    let digits = fixture("digits.wav").canonicalize().unwrap();
    browser.type_into("#file", digits.to_str().unwrap());
    browser.wait("document.querySelector('#problem').textContent.includes('Segment chunks: a whole number')");
    assert_eq!(browser.value("document.activeElement.id"), "option-segment_chunks");
    browser.script("document.querySelector('#option-segment_chunks').value = '25'");
    browser.type_into("#file", digits.to_str().unwrap());
    browser.wait("document.querySelector('#state').textContent === 'Done'");
    // Segments of 2.5 seconds in Arabic.
    assert_eq!(browser.value("document.querySelectorAll('#segments li').length"), 5);
    assert_eq!(browser.value("document.querySelector('#segments p').lang"), "ar");
    assert_eq!(browser.value("document.querySelector('#segments p').dir"), "auto");
    check_log(&browser);
}

#[test]
fn a_file_that_only_the_server_can_read_is_read_by_it() {
    let Some(_turn) = turn() else { return };
    let (rate, samples) = wav(&fixture("digits.wav"));
    let audio: Vec<u8> = samples.iter().flat_map(|sample| (f64::from(*sample) / 32_768.0).to_le_bytes()).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("double.wav");
    // Floats of 64 bits.
    fs::write(&file, wav_file(&audio, rate, 3, 8)).unwrap();
    let host = setup().start();
    let browser = visit(&host, &Options::default());
    let states = browser.note("#state");
    browser.type_into("#file", file.to_str().unwrap());
    browser.wait("document.querySelector('#state').textContent === 'Done'");
    browser.wait(&format!("{states}.some((state) => state.startsWith('The server reads the file'))"));
    check_words(&browser, &spoken(), 1);
    assert!(browser.value("document.querySelectorAll('.word').length").as_u64() > Some(15));
}

#[test]
fn a_file_that_is_no_audio_is_told() {
    let Some(_turn) = turn() else { return };
    let host = setup().start();
    let browser = visit(&host, &Options::default());
    browser.type_into("#file", fixture("digits.txt").canonicalize().unwrap().to_str().unwrap());
    browser.wait("document.querySelector('#problem').textContent.includes('This file cannot be read')");
    assert!(shown(&browser).is_empty());
    assert_eq!(browser.value("document.querySelector('#record').disabled"), false);
}
