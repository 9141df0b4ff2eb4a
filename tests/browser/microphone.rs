//! The way of a first user: open the address, press Start, read words, save them.

use crate::{
    driver::{Browser, Options},
    stand::{check_log, check_words, picture, recording, setup, spoken, turn, visit, wav_file},
};
use auricle_tests::{bytes, noise};
use serde_json::json;
use std::fs;

/// Presses a button that saves a file, and returns the file.
fn saved(browser: &Browser, folder: &std::path::Path, kind: &str) -> String {
    browser.click(&format!("[data-save={kind}]"));
    let begun = std::time::Instant::now();
    loop {
        let files = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
        let file = files.into_iter().find(|file| file.extension().is_some_and(|found| found == kind));
        if let Some(text) = file.and_then(|file| fs::read_to_string(file).ok()).filter(|text| !text.is_empty()) {
            return text;
        }
        assert!(begun.elapsed() < auricle_tests::limit(), "no {kind} in {}", folder.display());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn a_first_user_speaks_reads_and_saves() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let downloads = folder.path().join("downloads");
    fs::create_dir(&downloads).unwrap();
    let file = recording(folder.path());
    let host = setup().start();
    let options = Options { microphone: Some(&file), downloads: Some(&downloads), ..Options::default() };
    let browser = visit(&host, &options);
    browser.screenshot(&picture("page-start"));

    let partials = browser.note("#partial-text");
    browser.click("#record");
    browser.wait("document.querySelector('#state').textContent === 'Listening'");
    // Unstable text is shown, and becomes final in its place.
    browser.wait(&format!("{partials}.some((text) => text)"));
    assert_eq!(browser.value("document.querySelector('#choose').disabled"), true);
    browser.wait("document.querySelectorAll('#segments li').length > 1");
    browser.wait("document.querySelector('#delay').textContent.startsWith('text after')");
    browser.screenshot(&picture("page-listening"));
    // After the recording the fake microphone sends zeros.
    browser.wait("document.querySelector('#problem').textContent.includes('The microphone sends nothing')");
    browser.click("#record");
    browser.wait("document.querySelector('#state').textContent === 'Done'");
    check_words(&browser, &spoken(), 3);
    assert_eq!(browser.text("#record"), "Start");
    browser.screenshot(&picture("page-done"));

    let plain = saved(&browser, &downloads, "txt");
    assert_eq!(auricle_tests::words(&plain), crate::stand::shown(&browser));
    assert!(saved(&browser, &downloads, "srt").starts_with("1\n00:00:0"));
    assert!(saved(&browser, &downloads, "vtt").starts_with("WEBVTT\n\n00:00:0"));
    let json: serde_json::Value = serde_json::from_str(&saved(&browser, &downloads, "json")).unwrap();
    assert!(json["segments"][0]["words"][0]["start"].is_number(), "{json}");
    let said = browser.note("#copy");
    browser.click("#copy");
    browser.wait(&format!("{said}.includes('Copied')"));

    // A click on a word plays that place of the recording.
    browser.click("#segments li:last-child .word");
    browser.wait("document.querySelector('#audio').played.length");
    let start = "Number(document.querySelector('#segments li:last-child .word').dataset.start)";
    browser.wait(&format!("Math.abs(document.querySelector('#audio').played.start(0) - {start}) < 0.5"));
    browser.wait("document.querySelector('#segments li:last-child').classList.contains('playing')");
    check_log(&browser);
}

#[test]
fn the_microphone_may_change_while_somebody_speaks() {
    let Some(_turn) = turn() else { return };
    let host = setup().start();
    let browser = visit(&host, &Options::default());
    browser.type_into("#preset", "tone");
    browser.click("#record");
    browser.wait("document.querySelector('#segments li')");
    browser.wait("document.querySelector('#device').options.length > 2");
    browser.script(
        "const device = document.querySelector('#device');
         device.selectedIndex = 2;
         device.dispatchEvent(new Event('change'));
         window.before = document.querySelectorAll('#segments li').length;",
    );
    browser.wait("document.querySelectorAll('#segments li').length > before + 1");
    assert_eq!(browser.value("document.querySelector('#state').textContent"), "Listening");
    assert_eq!(host.json("/v1/streams")["streams"].as_array().unwrap().len(), 1);
    browser.click("#record");
    browser.wait("document.querySelector('#state').textContent === 'Done'");
    check_log(&browser);
}

#[test]
fn a_microphone_that_hears_nothing_is_told() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("quiet.wav");
    // A room without a voice: noise, but hardly any.
    let room: Vec<i16> = noise(1, 16_000).iter().map(|sample| sample / 1_500).collect();
    fs::write(&file, wav_file(&bytes(&room), 16_000, 1, 2)).unwrap();
    let host = setup().start();
    let browser = visit(&host, &Options { microphone: Some(&file), repeats: true, ..Options::default() });
    browser.click("#record");
    browser.wait("document.querySelector('#problem').textContent.includes('Nothing is heard')");
    browser.click("#record");
    browser.wait("document.querySelector('#record-text').textContent === 'Start'");
    check_log(&browser);
}

#[test]
fn a_server_that_is_behind_is_told() {
    let Some(_turn) = turn() else { return };
    // The engine needs longer than the speech.
    let slow = json!({"backend": "tone", "work": 50_000, "host": {}});
    let host = setup().preset("tone", &slow).start();
    let browser = visit(&host, &Options::default());
    browser.type_into("#preset", "tone");
    browser.click("#record");
    browser.wait("document.querySelector('#lag').textContent.includes('s behind')");
    check_log(&browser);
}

#[test]
fn two_tabs_are_two_streams() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = recording(folder.path());
    let host = setup().start();
    let browser = visit(&host, &Options { microphone: Some(&file), ..Options::default() });
    browser.click("#record");
    browser.wait("document.querySelector('#state').textContent === 'Listening'");
    let first = browser.new_tab();
    browser.open(&format!("http://{}/", host.address()));
    browser.wait("document.querySelector('#preset').value");
    browser.click("#record");
    host.wait_for("two streams", || host.json("/v1/streams")["streams"].as_array().unwrap().len() == 2);
    browser.wait("document.querySelector('#segments li')");
    browser.click("#record");
    browser.wait("document.querySelector('#state').textContent === 'Done'");
    browser.go_to_tab(&first);
    browser.wait("document.querySelector('#segments li')");
    browser.click("#record");
    browser.wait("document.querySelector('#state').textContent === 'Done'");
    host.wait_for("no streams", || host.json("/v1/streams")["streams"].as_array().unwrap().is_empty());
    check_log(&browser);
}
